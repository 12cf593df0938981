/** Generated traffic in real time, with back-pressure: what is not accepted yet is sent again. */
import type { Clock } from '../clock.ts';
import { LIMITS, OPTIONS } from '../config.ts';
import { isRetryable, messageOf } from '../errors.ts';
import type { RecordSlices } from '../event.ts';
import { type Log, Rarely } from '../log.ts';
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
    const { clock, log } = this.#parts;
    let round = 0;
    let generator = this.#begin(round);
    while (!signal.aborted) {
      const nowMs = clock.wallMs();
      const behindMs = nowMs - generator.nowMs;
      // The clock jumped or the store was away: begin anew instead of flooding with old events.
      if (behindMs > CATCH_UP_MS || behindMs + generator.slotMs < -CATCH_UP_MS) {
        log.warn(
          { behindMs: Math.round(behindMs) },
          'generated traffic begins anew: it was too far from the time',
        );
        generator = this.#begin(++round);
      }
      await this.#pushUntil(generator, nowMs, signal);
      await clock.sleep(TICK_MS, signal);
    }
  }

  #begin(round: number): Generator {
    const { clock, generator: options } = this.#parts;
    const seed = (options.seed ?? OPTIONS.seed) + round;
    return new Generator(clock.wallMs(), { ...options, seed, truthWindows: 2 });
  }

  /** In pushes of at most a batch: what waits to be accepted is never more. */
  async #pushUntil(generator: Generator, untilMs: number, signal: AbortSignal): Promise<void> {
    do {
      const records = generator.next(untilMs, LIMITS.batchRecords);
      if (records.count > 0) await this.#push(records, signal);
    } while (generator.nowMs < untilMs && !signal.aborted);
  }

  async #push(records: RecordSlices, signal: AbortSignal): Promise<void> {
    const rarely = new Rarely();
    let waitMs = RETRY_MIN_MS;
    while (!signal.aborted) {
      try {
        await this.#parts.push(records);
        return;
      } catch (error) {
        if (!isRetryable(error)) throw error;
        const reason = `generated traffic waits: ${messageOf(error)}`;
        if (rarely.isDue(reason)) this.#parts.log.warn({ waitMs }, reason);
        await this.#parts.clock.sleep(waitMs, signal);
        waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
      }
    }
  }
}
