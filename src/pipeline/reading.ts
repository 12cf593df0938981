/** Reading from a source that may fail for now: that delays the reader and is told, no more. */
import type { Clock } from '../clock.ts';
import type { Limits } from '../config.ts';
import { isRetryable, messageOf } from '../errors.ts';
import type { Fetch } from '../sources/source.ts';
import type { Health } from './health.ts';

export type ReadingParts = { clock: Clock; limits: Limits; health: Health; signal: AbortSignal };

export class PatientReading {
  readonly #parts: ReadingParts;
  #waitMs = 0;

  constructor(parts: ReadingParts) {
    this.#parts = parts;
  }

  /** What `call` fetches; nothing, after a growing wait, where it failed. Rejects with the rest. */
  async fetch(call: () => Promise<Fetch[]>): Promise<Fetch[]> {
    const { clock, limits, health, signal } = this.#parts;
    try {
      const fetches = await call();
      if (this.#waitMs > 0) health.troubled(null);
      this.#waitMs = 0;
      return fetches;
    } catch (error) {
      if (!isRetryable(error)) throw error;
      this.#waitMs = Math.min(limits.retryMaxMs, Math.max(limits.retryMinMs, this.#waitMs * 2));
      health.troubled(`reading fails: ${messageOf(error)}`);
      await clock.sleep(this.#waitMs, signal);
      return [];
    }
  }
}
