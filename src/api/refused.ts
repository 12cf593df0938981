/**
 * Requests that were refused for a trouble which may pass, as a full disk: the first is told, the
 * others only how many they were. Clients try again, and the log must not fill the disk for good.
 */
import type { Clock } from '../clock.ts';
import type { ClickrateError, ErrorCode } from '../errors.ts';
import type { Log } from '../log.ts';

/** How often it is told how many more there were. */
const EVERY_MS = 60_000;

type Trouble = { untold: number; last: string; cancel(): void };

export class Refused {
  readonly #clock: Pick<Clock, 'after'>;
  readonly #log: Log;
  readonly #troubles = new Map<ErrorCode, Trouble>();
  #isStopped = false;

  constructor(clock: Pick<Clock, 'after'>, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  add({ code, message }: ClickrateError, fields: object): void {
    const trouble = this.#troubles.get(code);
    if (trouble === undefined) {
      this.#log.warn(fields, message);
      this.#await(code);
      return;
    }
    trouble.untold++;
    trouble.last = message;
    this.#log.debug(fields, message);
  }

  /** Tells what is left to be told. */
  stop(): void {
    this.#isStopped = true;
    for (const trouble of this.#troubles.values()) {
      trouble.cancel();
      this.#tell(trouble);
    }
    this.#troubles.clear();
  }

  #await(code: ErrorCode): void {
    // Requests that still come while the server closes wait for nobody.
    if (this.#isStopped) return;
    const cancel = this.#clock.after(EVERY_MS, () => {
      this.#troubles.delete(code);
      if (trouble.untold === 0) return;
      this.#tell(trouble);
      this.#await(code);
    });
    const trouble = { untold: 0, last: '', cancel };
    this.#troubles.set(code, trouble);
  }

  #tell({ untold, last }: Trouble): void {
    if (untold > 0) this.#log.warn({ requests: untold }, `more were refused; the last: ${last}`);
  }
}
