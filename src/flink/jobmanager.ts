/** What the JobManager's REST interface tells of jobs, and how one is stopped. */
import { ClickrateError, isOf } from '../errors.ts';
import { parsed, pause, request } from './rest.ts';

const STOP_MS = 300_000;
const LOOK_MS = 100;

export type JobListed = { id: string; name: string; state: string; startedMs: number };

/** What became of a stop with savepoint. */
type Operation = { location?: string; 'failure-cause'?: { 'stack-trace'?: string } };

/** States in which a job works or will again. */
const LIVING = ['INITIALIZING', 'CREATED', 'RUNNING', 'RESTARTING', 'RECONCILING', 'FAILING'];
export function isLiving({ state }: JobListed): boolean {
  return LIVING.includes(state) || state === 'CANCELLING';
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
      .map((job) => ({
        ...{ id: job.jid, name: job.name, state: job.state, startedMs: job['start-time'] },
      }))
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

  /** Path of the newest completed checkpoint; null: none, or the job is not known any more. */
  async checkpointOf(id: string): Promise<string | null> {
    type Completed = { external_path?: string } | null;
    const answer = await this.#try<{ latest?: { completed?: Completed; savepoint?: Completed } }>(
      `/jobs/${id}/checkpoints`,
    );
    return answer?.latest?.completed?.external_path ?? null;
  }

  /** A setting of the cluster; null: it is not set. */
  async setting(name: string): Promise<string | null> {
    const all = await this.#get<{ key: string; value: string }[]>('/jobmanager/config');
    return all.find(({ key }) => key === name)?.value ?? null;
  }

  /** The path of the savepoint. Rejects with `flink_failed` when it cannot be taken. */
  async stop(id: string): Promise<string> {
    const begun = await this.#post<{ 'request-id': string }>(`/jobs/${id}/stop`, { drain: false });
    for (const untilMs = Date.now() + STOP_MS; Date.now() < untilMs; await pause(LOOK_MS)) {
      type Answer = { status: { id: string }; operation?: Operation };
      const answer = await this.#get<Answer>(`/jobs/${id}/savepoints/${begun['request-id']}`);
      const { status, operation } = answer;
      if (status.id !== 'COMPLETED') continue;
      const { location } = operation ?? {};
      if (location !== undefined) {
        await this.#untilEnded(id);
        return location;
      }
      const trace = operation?.['failure-cause']?.['stack-trace'];
      const why = trace?.split('\n').findLast((l) => l.startsWith('Caused by'));
      throw new ClickrateError(
        'flink_failed',
        `no savepoint was taken: ${why ?? 'no reason said'}`,
      );
    }
    throw new ClickrateError('flink_failed', `no savepoint within ${STOP_MS} ms`);
  }

  /** Has a savepoint deleted. */
  async dispose(savepoint: string): Promise<void> {
    await this.#post('/savepoint-disposal', { 'savepoint-path': savepoint });
  }

  async #untilEnded(id: string): Promise<void> {
    while (isLiving({ ...(await this.stateOf(id)), id, name: '', startedMs: 0 }))
      await pause(LOOK_MS);
  }

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
  async #try<T>(path: string): Promise<T | null> {
    try {
      return await this.#get<T>(path);
    } catch (error) {
      if (isOf(error, 'flink_failed')) return null;
      throw error;
    }
  }

  async #request(method: string, path: string, body?: unknown): Promise<unknown> {
    const { isOk, status, text } = await request('JobManager', this.#url, method, path, body);
    if (isOk) return parsed(text);
    const { errors = [] } = JSON.parse(text || '{}') as { errors?: string[] };
    const said = errors[0]?.split('\n')[0] ?? `status ${status}`;
    throw new ClickrateError('flink_failed', `the JobManager says: ${said}`);
  }
}
