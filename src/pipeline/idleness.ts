/**
 * What the fetches of a task say about idleness and silence, in monotonic time. The engine is told
 * the outcome (`Sights`) and never looks at a clock.
 */
import type { Sights } from '../engine/watermark.ts';
import type { Fetch } from '../sources/source.ts';

/** When a fetch was under way, and what it says of its partition. */
type Seen = Pick<Fetch, 'sentAtMs' | 'arrivedAtMs' | 'end' | 'reachableSinceMs'>;

export class Idleness {
  readonly #idleAfterMs: number;
  /** By partition: arrival of the last event that is not junk. */
  readonly #goodAtMs: number[];
  /** By partition: sending of the last fetch that reached the log's end with nothing but junk. */
  readonly #emptySentAtMs: number[];
  /** By partition: since when it has been reached again. An outage is no quiet time. */
  readonly #reachableSinceMs: number[];
  /** By partition: how long it was not reached since the last event that is not junk, of any. */
  readonly #awayMs: number[];

  /** Counting starts at `nowMs`: after a restore, silence counts from zero. */
  constructor(partitions: number, idleAfterMs: number, nowMs: number) {
    this.#idleAfterMs = idleAfterMs;
    this.#goodAtMs = new Array(partitions).fill(nowMs);
    this.#emptySentAtMs = new Array(partitions).fill(-Infinity);
    this.#reachableSinceMs = new Array(partitions).fill(-Infinity);
    this.#awayMs = new Array(partitions).fill(0);
  }

  /** A fetch was applied whole: `good` of its events were neither rejected nor too late. */
  note(p: number, fetch: Seen, good: number): void {
    const { reachableSinceMs = -Infinity } = fetch;
    if (reachableSinceMs > this.#reachableSinceMs[p]) this.#isReached(p, reachableSinceMs);
    if (good > 0) this.#spoke(p, fetch.arrivedAtMs);
    else if (fetch.end) this.#emptySentAtMs[p] = Math.max(this.#emptySentAtMs[p], fetch.sentAtMs);
  }

  #isReached(p: number, sinceMs: number): void {
    const heardMs = Math.max(this.#emptySentAtMs[p], ...this.#goodAtMs);
    this.#awayMs[p] += Math.max(0, sinceMs - heardMs);
    this.#reachableSinceMs[p] = sinceMs;
  }

  #spoke(p: number, atMs: number): void {
    this.#goodAtMs[p] = Math.max(this.#goodAtMs[p], atMs);
    this.#reachableSinceMs.forEach((sinceMs, q) => {
      this.#awayMs[q] = Math.min(this.#awayMs[q], Math.max(0, sinceMs - atMs));
    });
  }

  /** What a producer had to hold while nobody was reached comes soon after: it is waited for. */
  #isBack(p: number): boolean {
    return this.#emptySentAtMs[p] - this.#reachableSinceMs[p] >= this.#idleAfterMs;
  }

  /** Proof that partition `p` held nothing good when the last good event, of any, had arrived. */
  #passed(p: number): boolean {
    return this.#isBack(p) && this.#emptySentAtMs[p] >= Math.max(...this.#goodAtMs);
  }

  /** Whether an idle partition `p` needs a fresh fetch before time may move past it. */
  needsProbe(p: number): boolean {
    return !this.#passed(p);
  }

  /** Milliseconds since the last event of partition `p` that is not junk, or since the start. */
  quietMs(p: number, nowMs: number): number {
    return Math.max(0, nowMs - this.#goodAtMs[p]);
  }

  sights(): Sights {
    const partitions = this.#goodAtMs.map((goodAtMs, p) => {
      const emptySentAtMs = this.#emptySentAtMs[p];
      const isBack = this.#isBack(p);
      return {
        idle: isBack && emptySentAtMs - goodAtMs >= this.#idleAfterMs,
        passed: this.#passed(p),
      };
    });
    const heardMs = this.#emptySentAtMs.map((atMs, p) => atMs - this.#awayMs[p]);
    const silenceMs = Math.min(...heardMs) - Math.max(...this.#goodAtMs);
    return { partitions, silenceMs: Math.max(0, silenceMs) };
  }
}

/** Everything is over: no partition will ever speak again, so every window closes. */
export function overForever(partitions: number): Sights {
  const all = Array.from({ length: partitions }, () => ({ idle: true, passed: true }));
  return { partitions: all, silenceMs: Number.MAX_SAFE_INTEGER };
}
