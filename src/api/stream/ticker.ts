/**
 * Gathers what comes close together into one tick. After a pause a few follow each other at once,
 * as the tasks of one window do; under load ticks keep a distance that leaves most of the time to
 * others.
 */
import type { Clock } from '../../clock.ts';

/** Ticks take one of so many parts of the time, seen over a while. */
const PARTS = 5;
/** So much of the time may be taken before it is due. */
const CREDIT_MS = 50;
const LONGEST_MS = 100;

export class Ticker {
  readonly #clock: Clock;
  readonly #tick: () => void;
  #timer: NodeJS.Timeout | null = null;
  #immediate: NodeJS.Immediate | null = null;
  /** When the time that ticks took will have been due. */
  #paidMs = -Infinity;

  constructor(clock: Clock, tick: () => void) {
    this.#clock = clock;
    this.#tick = tick;
  }

  /** There is something to pass on. */
  wake(): void {
    if (this.#timer !== null || this.#immediate !== null) return;
    const waitMs = this.#paidMs - CREDIT_MS - this.#clock.monotonicMs();
    if (waitMs <= 0) this.#immediate = setImmediate(() => this.#run());
    else this.#timer = setTimeout(() => this.#run(), waitMs);
  }

  #run(): void {
    this.#timer = null;
    this.#immediate = null;
    const beganMs = this.#clock.monotonicMs();
    this.#tick();
    const endedMs = this.#clock.monotonicMs();
    const due = Math.max(this.#paidMs, beganMs) + (endedMs - beganMs) * PARTS;
    this.#paidMs = Math.min(due, endedMs + CREDIT_MS + LONGEST_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#immediate !== null) clearImmediate(this.#immediate);
  }
}
