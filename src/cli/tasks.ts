/**
 * The tasks that run in this process: one pipeline for each partition that the group gave us, begun
 * and ended as the group decides.
 */
import type { Clock } from '../clock.ts';
import { ClickrateError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Pipeline } from '../pipeline.ts';
import type { OpenCounts, TaskHealth } from '../status.ts';

export type TasksParts = {
  /** A pipeline that has not begun, and how its source is closed. */
  create(partition: number): { pipeline: Pipeline; close(): Promise<void> };
  /** Partitions that are ours now. */
  assigned(): readonly number[];
  /** Whether a task that ended with this error is begun again. */
  mayBeginAgain(error: ClickrateError): boolean;
  clock: Clock;
  log: Log;
};

type Running = { pipeline: Pipeline; abort: AbortController; done: Promise<void> };

/** A task that ended by itself is begun again after this time. */
const AGAIN_MS = 1_000;

export class Tasks {
  readonly #parts: TasksParts;
  readonly #running = new Map<number, Running>();
  readonly #stopped = new AbortController();
  readonly #outcome = Promise.withResolvers<void>();

  constructor(parts: TasksParts) {
    this.#parts = parts;
    // Whoever waits for `finished` hears of it.
    this.#outcome.promise.catch(() => {});
  }

  /** Rejects with what a task failed with for good; resolves when all are stopped. */
  get finished(): Promise<void> {
    return this.#outcome.promise;
  }

  health(): TaskHealth[] {
    const byNumber = [...this.#running].sort(([a], [b]) => a - b);
    return byNumber.map(([, { pipeline }]) => pipeline.health());
  }

  /** Counts of the windows not closed yet, task by task. */
  openCounts(limit: number): OpenCounts[] {
    return [...this.#running.values()].map(({ pipeline }) => pipeline.openCounts(limit));
  }

  /** Begins what is ours and not running, and ends what is no longer ours. */
  reconcile(): void {
    if (this.#stopped.signal.aborted) return;
    const ours = this.#parts.assigned();
    for (const [partition, { abort }] of this.#running)
      if (!ours.includes(partition)) abort.abort();
    for (const partition of ours) if (!this.#running.has(partition)) this.#begin(partition);
  }

  #begin(partition: number): void {
    const { pipeline, close } = this.#parts.create(partition);
    const abort = new AbortController();
    const run = () => pipeline.run(abort.signal).finally(close);
    const done = this.#run(partition, run);
    this.#running.set(partition, { pipeline, abort, done });
  }

  async #run(partition: number, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof ClickrateError) || !this.#parts.mayBeginAgain(error)) {
        this.#running.delete(partition);
        this.#outcome.reject(error);
        return;
      }
      this.#parts.log.warn({ task: String(partition) }, `the task ended: ${messageOf(error)}`);
      await this.#parts.clock.sleep(AGAIN_MS, this.#stopped.signal);
    }
    this.#running.delete(partition);
    // It may have been given back to us while it ended.
    this.reconcile();
  }

  /** Every task commits what it applied and ends. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    const running = [...this.#running.values()];
    for (const { abort } of running) abort.abort();
    await Promise.all(running.map(({ done }) => done));
    this.#outcome.resolve();
  }
}
