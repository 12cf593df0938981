/** Says once that a topic partition cannot be read, and once that it is again; counts the tries. */
import type { Log } from '../../log.ts';

export class Troubles {
  readonly #log: Log;
  /** Fetches that failed and are made again. */
  retries = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** What the lane of a partition calls: `LaneParts.onTrouble`. */
  of(partition: string) {
    let isTold = false;
    return (reason: string | null): void => {
      if (reason !== null) this.retries++;
      if (isTold === (reason !== null)) return;
      isTold = reason !== null;
      if (reason === null) this.#log.info({ partition }, `${partition} is read again`);
      else this.#log.warn({ partition }, `${partition} cannot be read: ${reason}`);
    };
  }
}
