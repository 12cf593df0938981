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

/** Why some of the lanes cannot be read for now, in one sentence; null: all can. */
export function troubleOf(lanes: readonly { trouble: string | null }[]): string | null {
  const reasons = lanes.map(({ trouble }) => trouble).filter((reason) => reason !== null);
  return reasons.length === 0 ? null : [...new Set(reasons)].join('; ');
}
