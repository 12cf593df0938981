/**
 * The tasks as the API sees them: what the store holds of each, looked at once a second, with the
 * present of those that run in this process. Freshness on every answer comes from here.
 */
import { messageOf } from '../errors.ts';
import { compareNames, type Status, type TaskHealth } from '../status.ts';
import type { Change } from '../stores/store.ts';
import { finalBeforeOf, isClosed, watermarkOf } from './finality.ts';
import type { ApiParts } from './handed.ts';
import { readinessOf } from './readiness.ts';
import type { Results, ResultsListener } from './results.ts';
import { type Held, whyHeld } from './why.ts';

/** How long what was put together is good for: a burst of requests does it once. */
const FRESH_MS = 100;
/** Looks that the rate of events is taken over. */
const RATE_LOOKS = 6;

export type TaskSeen = Held & {
  task: string;
  /** The present where the task runs here, else as of its last commit; null before both. */
  status: Status | null;
  /** Null where the task runs in another process. */
  health: TaskHealth | null;
};

export type Seen = {
  tasks: TaskSeen[];
  /** The least watermark of the tasks that have windows to close. */
  watermark: number | null;
  /** Every window published that starts before this is final, in the store too. */
  finalBefore: number | null;
  ready: boolean;
  /** The sentence of `why.ts` for the first task that has one. */
  why: string | null;
};

export class TaskWatch implements ResultsListener {
  readonly #parts: ApiParts;
  readonly #results: Results;
  readonly #stopped = new AbortController();
  readonly #onLook: (() => void)[] = [];
  #committed: ReadonlyMap<string, Status> = new Map<string, Status>();
  /** Counts what made it doubt that a task is still closed, and how much of it a look settled. */
  #doubts = 0;
  #settled = 0;
  #seen: Seen | null = null;
  #seenAtMs = -Infinity;
  /** Times and events received, at the last looks. */
  #received: { atMs: number; events: number }[] = [];

  constructor(parts: ApiParts, results: Results) {
    this.#parts = parts;
    this.#results = results;
    results.listen(this);
  }

  /** Looks once, then every second until `stop`. */
  async start(): Promise<void> {
    await this.look();
    void this.#goOn();
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** Calls back after each look. */
  onLook(listener: () => void): void {
    this.#onLook.push(listener);
  }

  async #goOn(): Promise<void> {
    const { clock, limits } = this.#parts;
    const { signal } = this.#stopped;
    for (;;) {
      await clock.sleep(limits.statusMs, signal);
      if (signal.aborted) return;
      await this.look();
      for (const listener of this.#onLook) listener();
    }
  }

  /** Reads the statuses anew; those known stay when the store does not answer. */
  async look(): Promise<void> {
    const { reader, clock, log } = this.#parts;
    const doubts = this.#doubts;
    try {
      this.#committed = await reader.statuses();
      this.#settled = doubts;
      const atMs = clock.monotonicMs();
      this.#received.push({ atMs, events: this.#events() });
      if (this.#received.length > RATE_LOOKS) this.#received.shift();
    } catch (error) {
      log.debug({ err: messageOf(error) }, 'no statuses of the tasks');
    }
    this.#seen = null;
  }

  /** Events received a second, over the last looks; 0 before there are two. */
  get eventsPerSecond(): number {
    const first = this.#received[0];
    const last = this.#received.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
    const rate = ((last.events - first.events) * 1_000) / (last.atMs - first.atMs);
    // A store that was replaced begins anew.
    return Math.max(0, Math.round(rate * 10) / 10);
  }

  /** Changes come before the statuses that were committed with them. */
  changed({ rows }: Change): void {
    if (this.#doubts > this.#settled) return;
    const closed = [...this.#committed.values()].filter(isClosed);
    if (closed.length === 0) return;
    const starts = rows.flatMap(({ latest }) => (latest === null ? [] : [latest.start]));
    const told = this.finalBefore(Infinity) ?? -Infinity;
    // A window that was final before it came is of a task that is closed no more.
    if (closed.some(({ finalBefore }) => starts.some((at) => at >= finalBefore! && at < told)))
      this.#doubt();
  }

  replaced(): void {
    this.#doubt();
  }

  #doubt(): void {
    this.#doubts++;
    this.#seen = null;
  }

  /** See `finalBeforeOf`; infinity: of every window published. */
  finalBefore(newestStart: number): number | null {
    const isSure = this.#doubts === this.#settled;
    return finalBeforeOf([...this.#committed.values()], isSure ? newestStart : -Infinity);
  }

  /** Everything about the tasks as of now. */
  now(): Seen {
    const nowMs = this.#parts.clock.monotonicMs();
    if (this.#seen === null || nowMs - this.#seenAtMs >= FRESH_MS) {
      this.#seen = this.#put();
      this.#seenAtMs = nowMs;
    }
    return this.#seen;
  }

  #put(): Seen {
    const parts = this.#parts;
    const wallMs = parts.clock.wallMs();
    const tasks = this.#tasks().map((task) => ({
      ...task,
      ...whyHeld(task.status, task.health, wallMs),
    }));
    const health = tasks.flatMap((task) => task.health ?? []);
    const { ready, trouble } = readinessOf({ parts, results: this.#results }, health);
    const held = tasks.find(({ why }) => why !== null);
    const named = held === undefined ? null : `task ${held.task}: ${held.why}`;
    return {
      tasks,
      watermark: watermarkOf(tasks.flatMap(({ status }) => status ?? [])),
      finalBefore: this.finalBefore(Infinity),
      ready,
      why: trouble ?? (tasks.length === 1 ? (held?.why ?? null) : named),
    };
  }

  /** Every task that runs here or has a status in the store, in the order of their names. */
  #tasks(): { task: string; status: Status | null; health: TaskHealth | null }[] {
    const here = new Map(this.#parts.health().map((health) => [health.task, health]));
    const names = [...new Set([...here.keys(), ...this.#committed.keys()])];
    return names.sort(compareNames).map((task) => {
      const health = here.get(task) ?? null;
      return { task, status: health?.live ?? this.#committed.get(task) ?? null, health };
    });
  }

  #events(): number {
    return this.#tasks().reduce((sum, { status }) => sum + (status?.ledger.received ?? 0), 0);
  }
}
