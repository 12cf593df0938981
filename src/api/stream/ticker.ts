/**
 * Gathers what comes close together into one tick. After a pause the first is passed on at once;
 * under load ticks keep a distance that leaves most of the time to others.
 */
import type { Clock } from '../../clock.ts';

/** Shortest time between two ticks. */
const LEAST_MS = 4;
const LONGEST_MS = 100;
/** The time between ticks is at least this many times what the last one took. */
const SHARE = 4;

export class Ticker {
  readonly #clock: Clock;
  readonly #tick: () => void;
  #timer: NodeJS.Timeout | null = null;
  #immediate: NodeJS.Immediate | null = null;
  /** No tick before this. */
  #notBeforeMs = -Infinity;

  constructor(clock: Clock, tick: () => void) {
    this.#clock = clock;
    this.#tick = tick;
  }

  /** There is something to pass on. */
  wake(): void {
    if (this.#timer !== null || this.#immediate !== null) return;
    const waitMs = this.#notBeforeMs - this.#clock.monotonicMs();
    if (waitMs <= 0) this.#immediate = setImmediate(() => this.#run());
    else this.#timer = setTimeout(() => this.#run(), waitMs);
  }

  #run(): void {
    this.#timer = null;
    this.#immediate = null;
    const beganMs = this.#clock.monotonicMs();
    this.#tick();
    const endedMs = this.#clock.monotonicMs();
    const pauseMs = Math.min(LONGEST_MS, Math.max(LEAST_MS, (endedMs - beganMs) * SHARE));
    this.#notBeforeMs = endedMs + pauseMs;
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#immediate !== null) clearImmediate(this.#immediate);
  }
}
