/**
 * Up to where windows are final in the tasks that this process runs, by their last statuses. One
 * that is behind may still have counts for windows that the others have left long ago.
 */
import type { Clock } from '../../clock.ts';
import { isAtRest, SILENT_MS, type Status } from '../../status.ts';

/** Nobody was heard of for so long: that was the store or this process, and no owner has left. */
const AWAY_MS = 10_000;

export class Finals {
  readonly #clock: Clock;
  readonly #tasks = new Map<string, { finalBefore: number; atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The task was taken up, or has committed. */
  note(task: string, status: Status): void {
    const finalBefore = isAtRest(status) ? Infinity : (status.finalBefore ?? -Infinity);
    const nowMs = this.#clock.monotonicMs();
    const all = [...this.#tasks.values()];
    const wasAway = all.every(({ atMs }) => atMs < nowMs - AWAY_MS);
    if (wasAway) for (const noted of all) noted.atMs = nowMs;
    this.#tasks.set(task, { finalBefore, atMs: nowMs });
  }

  /** Windows that start before are final in the task that says so of `own`, and in the others. */
  least(own: number | null): number {
    const oldestMs = this.#clock.monotonicMs() - SILENT_MS;
    let least = own ?? -Infinity;
    for (const [task, { finalBefore, atMs }] of this.#tasks)
      if (atMs < oldestMs) this.#tasks.delete(task);
      else least = Math.min(least, finalBefore);
    return least;
  }
}
