/**
 * Since when a partition is reached, after a time in which neither we nor its producers could: what
 * they held comes soon after, so that time was no quiet one.
 */

/** A fetch that was answered, and how long the broker was to wait for records. */
export type Answered = { sentAtMs: number; arrivedAtMs: number; waitMs: number };

/** A broker that answers so much later than it was asked to was away, if it is quick otherwise. */
const LATE_MS = 1_000;

export class Reached {
  /** -Infinity: all the time. */
  sinceMs = -Infinity;
  readonly #idleAfterMs: number;
  #isLost = false;
  #lateAtMs = -Infinity;
  #isQuick = true;

  constructor(idleAfterMs: number) {
    this.#idleAfterMs = idleAfterMs;
  }

  /** It could not be read, or its connection is gone. */
  lost(): void {
    this.#isLost = true;
  }

  /**
   * Once it was late it must have been quick for the time of idleness, to be missed when it is late
   * again: on a slow machine each answer may be late, and nothing would ever be idle.
   */
  answered({ sentAtMs, arrivedAtMs, waitMs }: Answered): void {
    const isLate = arrivedAtMs - sentAtMs > waitMs + LATE_MS;
    if (this.#isLost || (isLate && this.#isQuick)) this.sinceMs = arrivedAtMs;
    this.#isLost = false;
    if (isLate) {
      this.#lateAtMs = arrivedAtMs;
      this.#isQuick = false;
    } else if (sentAtMs - this.#lateAtMs >= this.#idleAfterMs) this.#isQuick = true;
  }
}
