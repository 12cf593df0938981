/** What a pipeline tells about itself: its state, what troubles it, and counts of its commits. */
import { Histogram } from '../histogram.ts';
import type { Source } from '../sources/source.ts';
import { concernsOf, type PartitionSight, SILENT_MS, type TaskHealth } from '../status.ts';
import type { Session } from './session.ts';

/** Upper bounds of the time of a commit, in seconds. */
const COMMIT_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export class Health {
  readonly #task: string;
  #trouble: string | null = 'starting';
  #commitEndMs: number | null = null;
  state: TaskHealth['state'] = 'starting';
  commitMs = 0;
  commitBytes = 0;
  commits = 0;
  fenced = 0;
  retries = 0;
  revisions = 0;
  readonly #commitSeconds = new Histogram(COMMIT_BOUNDS);

  constructor(task: string) {
    this.#task = task;
  }

  /** A reason why the task does not go on, or null when it does again. */
  troubled(reason: string | null): void {
    if (reason !== null) this.retries++;
    this.#trouble = reason;
    this.state = reason === null ? 'running' : 'retrying';
  }

  /** A commit was refused: nothing of it is tried again, the task is taken up anew. */
  wasFenced(reason: string): void {
    this.fenced++;
    this.#trouble = reason;
    this.state = 'retrying';
  }

  /** Another process owns the task: nothing is wrong, but nothing is done here either. */
  standsBy(reason: string): void {
    this.#trouble = reason;
    this.state = 'standby';
    // Of the time when it was the owner: the age of that commit is nobody's concern.
    this.#commitEndMs = null;
  }

  failed(reason: string): void {
    this.#trouble = reason;
    this.state = 'failed';
  }

  committed(beganMs: number, endedMs: number, bytes: number): void {
    this.commitMs = endedMs - beganMs;
    this.#commitEndMs = endedMs;
    this.commitBytes = bytes;
    this.commits++;
    this.#commitSeconds.add(this.commitMs / 1000);
  }

  /** Monotonic time of the last answered commit. */
  get commitEndMs(): number | null {
    return this.#commitEndMs;
  }

  report(
    session: Session | null,
    nowMs: number,
    source: Pick<Source, 'trouble' | 'retries' | 'ends' | 'uncommitted'>,
  ): TaskHealth {
    const live = session === null ? null : session.task.status(session.positions);
    const commitAgeMs = this.#commitEndMs === null ? null : nowMs - this.#commitEndMs;
    const troubles = [this.#trouble ?? silence(commitAgeMs), source.trouble ?? null];
    const reasons = troubles.filter((reason) => reason !== null);
    const ready = reasons.length === 0 && this.state === 'running';
    if (live !== null) reasons.push(...concernsOf(live));
    return {
      task: this.#task,
      ready,
      reasons,
      live,
      ...(session === null ? {} : { sights: sightsOf(session, nowMs, source) }),
      commitAgeMs,
      state: this.state,
      commitMs: this.commitMs,
      commitBytes: this.commitBytes,
      commits: this.commits,
      fenced: this.fenced,
      retries: this.retries + (source.retries ?? 0),
      revisions: this.revisions,
      commitSeconds: this.#commitSeconds,
    };
  }
}

/** A call may wait for long before it fails, as that which keeps what was not counted in Kafka. */
function silence(commitAgeMs: number | null): string | null {
  if (commitAgeMs === null || commitAgeMs <= SILENT_MS) return null;
  return `the last commit is ${Math.round(commitAgeMs / 1_000)} s old`;
}

function sightsOf(
  session: Session,
  nowMs: number,
  { ends, uncommitted }: Pick<Source, 'ends' | 'uncommitted'>,
): PartitionSight[] {
  return session.positions.map((_, p) => ({
    end: ends?.[p] ?? null,
    ...(uncommitted?.[p] ? { uncommitted: uncommitted[p] } : {}),
    quietMs: session.idleness.quietMs(p, nowMs),
  }));
}
