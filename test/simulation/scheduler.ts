/**
 * Time and order of a simulated world: everything that happens is an event in one queue, and one
 * happens after another. Between two of them every promise that can go on has gone on, so a run is
 * a function of its seed.
 */
import type { Clock } from '../../src/clock.ts';
import type { Random } from '../support/random.ts';

/** A process of the world: what happens to it waits while it is paused and is lost with it. */
export class Process {
  readonly name: string;
  /** Its monotonic time when the world began. */
  readonly zeroMs: number;
  wallJumpMs = 0;
  isDead = false;
  pausedUntilMs = Number.NEGATIVE_INFINITY;
  /** Sleeps and calls of it that wait for something to happen. */
  waiting = 0;

  constructor(name: string, zeroMs: number) {
    this.name = name;
    this.zeroMs = zeroMs;
  }
}

/** What a turn of the event loop takes, at least. */
const TURN_MS = 0.2;

/** More than this is a loop that does not wait. */
const MOST_HAPPENINGS = 400_000;

export type Timer = { atMs: number; owner: Process | null; run: () => void; isOff: boolean };

export class Scheduler {
  readonly #random: Random;
  readonly #heap: Timer[] = [];
  readonly #startMs: number;
  nowMs = 0;
  /** Events that have happened. */
  count = 0;
  /** Whose code runs now. */
  current: Process | null = null;
  failure: unknown = null;

  constructor(startMs: number, random: Random) {
    this.#startMs = startMs;
    this.#random = random;
  }

  /** The brokers' time, in epoch milliseconds. */
  get trueMs(): number {
    return this.#startMs + this.nowMs;
  }

  /** Events at the same moment happen in an order drawn from the seed. */
  after(delayMs: number, owner: Process | null, run: () => void): Timer {
    const atMs = this.nowMs + delayMs + this.#random.fraction() / 1_000;
    const timer = { atMs, owner, run, isOff: false };
    push(this.#heap, timer);
    return timer;
  }

  /** Ends the world: the first failure is the one that counts. */
  fail(error: unknown): void {
    this.failure ??= error;
  }

  /** Lets things happen until `isDone`, or `untilMs`; throws what the world failed with. */
  async run(untilMs: number, isDone: () => boolean): Promise<void> {
    while (this.#heap.length > 0 && this.#heap[0]!.atMs <= untilMs) {
      const timer = pop(this.#heap);
      const { owner } = timer;
      if (timer.isOff || owner?.isDead === true) continue;
      this.nowMs = Math.max(this.nowMs, timer.atMs);
      if (owner !== null && owner.pausedUntilMs > this.nowMs) {
        timer.atMs = owner.pausedUntilMs + this.#random.fraction();
        push(this.#heap, timer);
        continue;
      }
      this.count++;
      if (this.count > MOST_HAPPENINGS) throw new Error('the world spins: too much happens');
      this.current = owner;
      timer.run();
      // Called when no promise can go on any more.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      this.current = null;
      if (this.failure !== null) throw this.failure;
      if (isDone()) return;
    }
    this.nowMs = Math.max(this.nowMs, Math.min(untilMs, this.#heap[0]?.atMs ?? this.nowMs));
  }

  /** The clock as a process sees it. */
  clockOf(process: Process): Clock {
    return {
      wallMs: () => this.trueMs + process.wallJumpMs,
      monotonicMs: () => process.zeroMs + this.nowMs,
      after: (ms, call) => this.#after(process, ms, call),
      sleep: (ms, signal) => this.#sleep(process, ms, signal),
    };
  }

  #after(process: Process, ms: number, call: () => void): () => void {
    const over = () => {
      if (timer.isOff) return;
      timer.isOff = true;
      process.waiting--;
    };
    process.waiting++;
    const timer = this.after(ms, process, () => {
      over();
      call();
    });
    return over;
  }

  #sleep(process: Process, ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.#after(process, ms, done);
      signal?.addEventListener('abort', done, { once: true });
    });
  }
}

/** Until it is called back, `setImmediate` belongs to the world's queue. */
export function takeImmediates(scheduler: Scheduler): () => void {
  const before = globalThis.setImmediate;
  const later = (run: () => void) => scheduler.after(TURN_MS, scheduler.current, run);
  globalThis.setImmediate = later as unknown as typeof setImmediate;
  return () => {
    globalThis.setImmediate = before;
  };
}

function push(heap: Timer[], timer: Timer): void {
  let at = heap.push(timer) - 1;
  while (at > 0) {
    const parent = (at - 1) >>> 1;
    if (heap[parent]!.atMs <= timer.atMs) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = timer;
}

function pop(heap: Timer[]): Timer {
  const first = heap[0]!;
  const last = heap.pop()!;
  if (heap.length === 0) return first;
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && heap[child + 1]!.atMs < heap[child]!.atMs) child++;
    if (heap[child]!.atMs >= last.atMs) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return first;
}
