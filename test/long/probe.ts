/** Asks an engine each second whether it is ready, and holds the answers to what was done. */
import assert from 'node:assert/strict';
import { type Engine, readiness } from '../kafka/engines.ts';

type Seen = { atMs: number; ready: boolean; why: string };
/** A fault that was made; monotonic milliseconds. */
export type Done = {
  name: string;
  isSeen: boolean;
  beganMs: number;
  endedMs: number;
  /** Until everything ran again, nothing waiting. */
  recoveredMs: number;
};

const EVERY_MS = 1_000;

export class Probe {
  readonly #engine: Engine;
  readonly #seen: Seen[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#timer = setInterval(() => void this.#look(), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const atMs = performance.now();
    const said = await readiness(this.#engine);
    const why = said?.reasons.join('; ') ?? 'no answer';
    this.#seen.push({ atMs, ready: said?.ready ?? false, why });
  }

  /** How many answers there were, and how many of them said no. */
  counts(): { answers: number; unready: number } {
    return { answers: this.#seen.length, unready: this.#seen.filter((one) => !one.ready).length };
  }

  /** It said no in each fault that it must see, and only from a fault to the recovery from it. */
  mustBeTrue(faults: readonly Done[]): void {
    const during = (at: number, { beganMs, recoveredMs }: Done) =>
      at >= beganMs - EVERY_MS && at <= recoveredMs + EVERY_MS;
    for (const { atMs, ready, why } of this.#seen)
      if (!ready)
        assert.ok(
          faults.some((fault) => during(atMs, fault)),
          `not ready without a fault, ${Math.round(atMs / 1_000)} s: ${why}`,
        );
    for (const fault of faults.filter(({ isSeen }) => isSeen))
      assert.ok(
        this.#seen.some(({ atMs, ready }) => !ready && during(atMs, fault)),
        `it was ready all the time while ${fault.name}`,
      );
  }
}
