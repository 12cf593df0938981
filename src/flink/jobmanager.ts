/** What the JobManager's REST interface tells of jobs, and how one is stopped. */
import { ClickrateError, messageOf } from '../errors.ts';
import { parsed, pause, request } from './rest.ts';

const STOP_MS = 300_000;
const LOOK_MS = 100;

export type JobListed = { id: string; name: string; state: string; startedMs: number };

/** What became of a stop with savepoint. */
type Operation = { location?: string; 'failure-cause'?: { 'stack-trace'?: string } };

/** A checkpoint or a savepoint, as it is listed. */
type Checkpoint = { id: number; external_path?: string; discarded?: boolean; status?: string };
type Checkpoints = {
  counts?: { completed: number };
  latest?: { completed?: Checkpoint | null; savepoint?: Checkpoint | null };
  history?: Checkpoint[];
};

/** Path of the newest that is still there, checkpoint or savepoint; how many there ever were. */
export type Saved = { newest: string | null; completed: number };

/** States of a job that has not ended. */
const LIVING = [
  'INITIALIZING',
  'CREATED',
  'RUNNING',
  'RESTARTING',
  'RECONCILING',
  'FAILING',
  'CANCELLING',
];
export function isLiving({ state }: Pick<JobListed, 'state'>): boolean {
  return LIVING.includes(state);
}

/** All that Flink says where a job failed after its savepoint was taken. */
const TAKEN = /A savepoint has been created at: (.+?), but the corresponding job/;

/** What failed after a savepoint was taken names it: it may be remembered nowhere else. */
export function withSavepoint(path: string, error: unknown): unknown {
  if (!(error instanceof ClickrateError)) return error;
  const way = `once the job has ended, deploy --from ${path} goes on from its savepoint`;
  return new ClickrateError(error.code, `${messageOf(error)}; ${way}`, { cause: error });
}

function notStopped(id: string, trace: string): unknown {
  const failed = (sentence: string) => new ClickrateError('flink_failed', sentence);
  const taken = TAKEN.exec(trace)?.[1];
  if (taken !== undefined) return withSavepoint(taken, failed(`job ${id} failed as it stopped`));
  const cause = trace.split('\n').findLast((line) => line.startsWith('Caused by'));
  const why = cause?.replace(/^Caused by: [\w.$]+: /, '') ?? 'no reason said';
  const way = 'deploy goes on from the newest checkpoint of a job that was cancelled';
  return failed(`no savepoint was taken: ${why}; ${way}`);
}

/** Calls reject with `flink_unavailable`. */
export class JobManager {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url.replace(/\/$/, '');
  }

  /** The page about a job. */
  pageOf(id: string): string {
    return `${this.#url}/#/job/running/${id}/overview`;
  }

  /** Newest first. */
  async jobs(): Promise<JobListed[]> {
    const { jobs } = await this.#get<{
      jobs: { jid: string; name: string; state: string; 'start-time': number }[];
    }>('/jobs/overview');
    return jobs
      .map(({ jid, name, state, 'start-time': startedMs }) => ({ id: jid, name, state, startedMs }))
      .sort((a, b) => b.startedMs - a.startedMs);
  }

  /** Its state, and whether each of its tasks runs. */
  async stateOf(id: string): Promise<{ state: string; isRunning: boolean }> {
    const { state, vertices } = await this.#get<{
      state: string;
      vertices: { parallelism: number; tasks: Record<string, number> }[];
    }>(`/jobs/${id}`);
    const runs = vertices.every(({ parallelism, tasks }) => tasks.RUNNING === parallelism);
    return { state, isRunning: state === 'RUNNING' && runs };
  }

  /** Task slots of the cluster, and those that no job has. */
  async slots(): Promise<{ total: number; available: number }> {
    const overview = await this.#get<Record<string, number>>('/overview');
    return { total: overview['slots-total'], available: overview['slots-available'] };
  }

  /** Task slots of a job: subtasks of all its steps share them. */
  async slotsOf(id: string): Promise<number> {
    const { vertices } = await this.#get<{ vertices: { parallelism: number }[] }>(`/jobs/${id}`);
    return Math.max(0, ...vertices.map(({ parallelism }) => parallelism));
  }

  /** Why it failed last, in one line; null: nothing is known. */
  async failureOf(id: string): Promise<string | null> {
    const { exceptionHistory } = await this.#get<{
      exceptionHistory?: { entries?: { stacktrace?: string }[] };
    }>(`/jobs/${id}/exceptions`);
    const trace = exceptionHistory?.entries?.[0]?.stacktrace;
    if (trace === undefined) return null;
    const causes = [...trace.matchAll(/^(?:Caused by: )?([\w.$]+): (.+)$/gm)];
    return causes.at(-1)?.[2] ?? trace.split('\n')[0];
  }

  /** What it has saved; null: the JobManager does not know the job. */
  async savedOf(id: string): Promise<Saved | null> {
    const answer = await this.#find<Checkpoints>(`/jobs/${id}/checkpoints`);
    // There are none to ask for either where a job failed before it was planned.
    if (answer === null)
      return (await this.#find(`/jobs/${id}`)) === null ? null : { newest: null, completed: 0 };
    const { latest = {}, history = [], counts } = answer;
    const all = [latest.completed, latest.savepoint, ...history].filter(
      (one) => one != null && (one.status ?? 'COMPLETED') === 'COMPLETED',
    ) as Checkpoint[];
    const there = all.filter((one) => one.discarded !== true && one.external_path !== undefined);
    // They are numbered in their order, savepoints among them.
    const newest = there.sort((a, b) => b.id - a.id).at(0)?.external_path ?? null;
    return { newest, completed: Math.max(counts?.completed ?? 0, all.length) };
  }

  /**
   * How many events the window operator dropped on its own. Null: not known within `waitMs`. The
   * JobManager collects metrics only some time after it was first asked for them.
   */
  async lateDropped(id: string, waitMs: number): Promise<number | null> {
    for (const untilMs = Date.now() + waitMs; ; await pause(LOOK_MS)) {
      const dropped = await this.#lateDropped(id);
      if (dropped !== null || Date.now() >= untilMs) return dropped;
    }
  }

  async #lateDropped(id: string): Promise<number | null> {
    const { vertices } = await this.#get<{ vertices: { id: string }[] }>(`/jobs/${id}`);
    const found: number[] = [];
    for (const vertex of vertices) {
      const path = `/jobs/${id}/vertices/${vertex.id}/subtasks/metrics`;
      const names = (await this.#get<{ id: string }[]>(path)).map((metric) => metric.id);
      for (const name of names.filter((one) => one.endsWith('.numLateRecordsDropped'))) {
        const query = `get=${encodeURIComponent(name)}&agg=sum`;
        const summed = await this.#get<{ sum: number }[]>(`${path}?${query}`);
        found.push(...summed.map(({ sum }) => sum));
      }
    }
    return found.length === 0 ? null : found.reduce((sum, one) => sum + one, 0);
  }

  /** A setting of the cluster; null: it is not set. */
  async setting(name: string): Promise<string | null> {
    const all = await this.#get<{ key: string; value: string }[]>('/jobmanager/config');
    return all.find(({ key }) => key === name)?.value ?? null;
  }

  /** The path of the savepoint. Rejects with `flink_failed` where it, or the end, does not come. */
  async stop(id: string): Promise<string> {
    const begun = await this.#post<{ 'request-id': string }>(`/jobs/${id}/stop`, { drain: false });
    for (const untilMs = Date.now() + STOP_MS; Date.now() < untilMs; await pause(LOOK_MS)) {
      type Answer = { status: { id: string }; operation?: Operation };
      const answer = await this.#get<Answer>(`/jobs/${id}/savepoints/${begun['request-id']}`);
      const { status, operation } = answer;
      if (status.id !== 'COMPLETED') continue;
      const { location } = operation ?? {};
      if (location !== undefined) {
        await this.#untilEnded(id).catch((error: unknown) => {
          throw withSavepoint(location, error);
        });
        return location;
      }
      throw notStopped(id, operation?.['failure-cause']?.['stack-trace'] ?? '');
    }
    throw new ClickrateError('flink_failed', `no savepoint within ${STOP_MS / 1_000} s`);
  }

  /** Has a savepoint deleted. */
  async dispose(savepoint: string): Promise<void> {
    await this.#post('/savepoint-disposal', { 'savepoint-path': savepoint });
  }

  async #untilEnded(id: string): Promise<void> {
    const untilMs = Date.now() + STOP_MS;
    for (;;) {
      const { state } = await this.stateOf(id);
      if (!isLiving({ state })) return;
      if (Date.now() >= untilMs)
        throw new ClickrateError(
          'flink_failed',
          `job ${id} has not ended within ${STOP_MS / 1_000} s: it is ${state}`,
        );
      await pause(LOOK_MS);
    }
  }

  /** Rejects with `flink_failed` when it does not end. */
  async cancel(id: string): Promise<void> {
    await this.#request('PATCH', `/jobs/${id}?mode=cancel`);
    await this.#untilEnded(id);
  }

  async #get<T>(path: string): Promise<T> {
    return (await this.#request('GET', path)) as T;
  }

  async #post<T>(path: string, body: unknown): Promise<T> {
    return (await this.#request('POST', path, body)) as T;
  }

  /** Null where there is no such thing. */
  async #find<T>(path: string): Promise<T | null> {
    const answer = await request('JobManager', this.#url, 'GET', path);
    return answer.status === 404 ? null : (parsed(answer) as T);
  }

  async #request(method: string, path: string, body?: unknown): Promise<unknown> {
    return parsed(await request('JobManager', this.#url, method, path, body));
  }
}
