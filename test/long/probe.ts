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
/** Share of the answers that may say no without a fault of ours; a short run has a few at least. */
const UNEXPLAINED = 0.03;
const FEW = 3;

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

  /**
   * It said no in each fault that it must see, and else only from a fault to the recovery from it.
   * A busy machine makes faults of its own, as when it lets nobody run for longer than the group
   * waits: a few answers may be those; they are told.
   */
  mustBeTrue(faults: readonly Done[]): string[] {
    const during = (at: number, { beganMs, recoveredMs }: Done) =>
      at >= beganMs - EVERY_MS && at <= recoveredMs + EVERY_MS;
    for (const fault of faults.filter(({ isSeen }) => isSeen))
      assert.ok(
        this.#seen.some(({ atMs, ready }) => ready === false && during(atMs, fault)),
        `it was ready all the time while ${fault.name}`,
      );
    const alone = this.#seen.filter(
      ({ atMs, ready }) => ready === false && !faults.some((fault) => during(atMs, fault)),
    );
    const reasons = [...new Set(alone.map(({ why }) => why))];
    assert.ok(
      alone.length <= Math.max(FEW, this.#seen.length * UNEXPLAINED),
      `not ready without a fault ${alone.length} times: ${reasons.join(' | ')}`,
    );
    return reasons;
  }
}
