/** What a process that runs no task knows of the tasks: their last commits, read each second. */
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import { concernsOf, SILENT_MS, type TaskHealth } from '../status.ts';
import type { RedisStore } from '../stores/redis/store.ts';
import type { Committed } from '../stores/redis/tasks.ts';

const LOOK_MS = 1_000;

export class CommittedHealth {
  readonly #store: Pick<RedisStore, 'committed' | 'following'>;
  readonly #clock: Clock;
  readonly #stopped = new AbortController();
  #tasks: Committed[] = [];
  #failure: string | null = 'the tasks have not been read yet';

  constructor(store: Pick<RedisStore, 'committed' | 'following'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Looks until stopped; never rejects. */
  async run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.look();
      await this.#clock.sleep(LOOK_MS, signal);
    }
  }

  stop(): void {
    this.#stopped.abort();
  }

  async look(): Promise<void> {
    try {
      this.#tasks = await this.#store.committed();
      this.#failure = null;
    } catch (error) {
      this.#failure = messageOf(error);
    }
  }

  /** As of the last look that succeeded. */
  health(): TaskHealth[] {
    return this.#tasks.map(healthOf);
  }

  /** What is wrong beside the tasks, in one sentence; null: nothing. */
  trouble(): string | null {
    const following = this.#store.following();
    const why = following?.trouble ?? this.#failure;
    if (why !== null) return `results may be old: ${why}`;
    return this.#tasks.length === 0 ? 'no engine has committed anything yet' : null;
  }

  /** Milliseconds since the store was last heard of, while it is not; else null. */
  staleMs(): number | null {
    const following = this.#store.following();
    if (following === null || following.trouble === null || following.ageMs === null) return null;
    return Math.round(following.ageMs);
  }
}

function healthOf({ task, status, ageMs, number }: Committed): TaskHealth {
  const isSilent = ageMs > SILENT_MS;
  const reasons = concernsOf(status);
  if (isSilent)
    reasons.unshift(`the last commit is ${Math.round(ageMs / 1_000)} s old; is an engine running?`);
  return {
    task,
    reasons,
    ready: !isSilent,
    state: isSilent ? 'stopped' : 'running',
    live: status,
    commitAgeMs: ageMs,
    commits: number,
    commitMs: 0,
    commitBytes: 0,
    fenced: 0,
    retries: 0,
  };
}
