/** What the parts write their log lines to; pino's loggers fit. */
export type Log = {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
};

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** Which failures in a row are told: for a night more and more rarely, another reason at once. */
export class Rarely {
  failures = 0;
  #reason = '';

  /** Counts one; whether it is to be told. */
  isDue(reason: string): boolean {
    this.failures++;
    const isOther = reason !== this.#reason;
    this.#reason = reason;
    return isOther || Number.isInteger(Math.log2(this.failures));
  }
}
