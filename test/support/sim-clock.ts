/** A clock that moves only when a test, or a sleep, moves it. */
import type { Clock } from '../../src/clock.ts';

export class SimClock implements Clock {
  #elapsedMs = 0;
  #startMs: number;
  #wallJumpMs = 0;

  constructor(wallMs: number) {
    this.#startMs = wallMs;
  }

  /** The brokers' time: what decides which records have arrived. Never jumps. */
  trueMs(): number {
    return this.#startMs + this.#elapsedMs;
  }

  wallMs(): number {
    return this.trueMs() + this.#wallJumpMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(ms: number, call: () => void): () => void {
    let isOff = false;
    void this.sleep(ms).then(() => isOff || call());
    return () => {
      isOff = true;
    };
  }

  /** Nobody else would move the time on, so a sleep does. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (!signal?.aborted) this.advance(ms);
    return Promise.resolve();
  }

  advance(ms: number): void {
    if (!(ms >= 0)) throw new Error(`time cannot go on by ${ms} ms`);
    this.#elapsedMs += ms;
  }

  /** As when someone sets the machine's clock. */
  jumpWall(ms: number): void {
    this.#wallJumpMs += ms;
  }

  /** The clock as a process sees it that was started with its own zero of monotonic time. */
  process(zeroMs: number): Clock {
    const bornMs = this.#elapsedMs;
    return {
      wallMs: () => this.wallMs(),
      monotonicMs: () => zeroMs + this.#elapsedMs - bornMs,
      after: (ms, call) => this.after(ms, call),
      sleep: (ms, signal) => this.sleep(ms, signal),
    };
  }
}
