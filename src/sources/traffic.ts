/** Generated traffic in real time, with back-pressure: what is not accepted yet is sent again. */
import type { Clock } from '../clock.ts';
import { isRetryable, messageOf } from '../errors.ts';
import type { RecordSlices } from '../event.ts';
import type { Log } from '../log.ts';
import { Generator, type GeneratorOptions } from './generate.ts';

const TICK_MS = 20;
/** After a pause at most this much time is made up for. */
const CATCH_UP_MS = 1_000;
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 2_000;

export type TrafficParts = {
  push(records: RecordSlices): Promise<unknown>;
  clock: Clock;
  log: Log;
  generator: Partial<GeneratorOptions>;
};

export class GeneratedTraffic {
  readonly #parts: TrafficParts;

  constructor(parts: TrafficParts) {
    this.#parts = parts;
  }

  /** Produces until `signal` is aborted; rejects with an error that cannot pass. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, generator: options } = this.#parts;
    const begin = () =>
      new Generator(clock.wallMs(), {
        ...options,
        seed: (options.seed ?? 1) + round++,
        truthWindows: 2,
      });
    let round = 0;
    let generator = begin();
    while (!signal.aborted) {
      const nowMs = clock.wallMs();
      // The clock jumped or the store was away: begin anew instead of flooding with old events.
      if (nowMs - generator.nowMs > CATCH_UP_MS || generator.nowMs - nowMs > CATCH_UP_MS)
        generator = begin();
      const records = generator.next(nowMs);
      if (records.count > 0) await this.#push(records, signal);
      await clock.sleep(TICK_MS, signal);
    }
  }

  async #push(records: RecordSlices, signal: AbortSignal): Promise<void> {
    let waitMs = RETRY_MIN_MS;
    while (!signal.aborted) {
      try {
        await this.#parts.push(records);
        return;
      } catch (error) {
        if (!isRetryable(error)) throw error;
        this.#parts.log.warn({ waitMs }, `generated traffic waits: ${messageOf(error)}`);
        await this.#parts.clock.sleep(waitMs, signal);
        waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
      }
    }
  }
}
