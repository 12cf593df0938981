/** Asks an engine each second whether it is ready, and holds the answers to what was done. */
import assert from 'node:assert/strict';
import { type Engine, readiness } from '../kafka/engines.ts';

/** `ready` is null where no answer came in time. */
type Seen = { atMs: number; ready: boolean | null; why: string };
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
    this.#seen.push({ atMs, ready: said?.ready ?? null, why });
  }

  /** How often it was asked, said no, and did not answer in time. */
  counts(): { asked: number; unready: number; silent: number } {
    const times = (ready: boolean | null) => this.#seen.filter((one) => one.ready === ready).length;
    return { asked: this.#seen.length, unready: times(false), silent: times(null) };
  }

  /** It said no in each fault that it must see, and only from a fault to the recovery from it. */
  mustBeTrue(faults: readonly Done[]): void {
    const during = (at: number, { beganMs, recoveredMs }: Done) =>
      at >= beganMs - EVERY_MS && at <= recoveredMs + EVERY_MS;
    for (const { atMs, ready, why } of this.#seen)
      if (ready === false)
        assert.ok(
          faults.some((fault) => during(atMs, fault)),
          `not ready without a fault, ${Math.round(atMs / 1_000)} s: ${why}`,
        );
    for (const fault of faults.filter(({ isSeen }) => isSeen))
      assert.ok(
        this.#seen.some(({ atMs, ready }) => ready === false && during(atMs, fault)),
        `it was ready all the time while ${fault.name}`,
      );
  }
}
