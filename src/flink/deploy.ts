/**
 * Starts the job from where it was: the savepoint of the last stop, else the newest checkpoint of
 * the job that ran last, else from the start that was asked for. Never from group offsets.
 */
import { ClickrateError, isOf } from '../errors.ts';
import type { Skipped } from './gap.ts';
import { GatewaySession } from './gateway.ts';
import { fingerprint, type Job, type JobStart } from './job.ts';
import { isLiving, type JobListed, type JobManager } from './jobmanager.ts';
import { pause } from './rest.ts';
import { definitions, restoring, sessionProperties, statementSet } from './sql.ts';

const READY_MS = 120_000;
const LOOK_MS = 100;

/** What is remembered of the last deployment, where Kafka keeps it. */
export type Deployment = {
  jobId: string;
  /** Of its stop; null: it was not stopped by us. */
  savepoint: string | null;
  /** What it was itself started from. */
  restoredFrom: string | null;
  /** Where it began when that is null; an older record does not say. */
  start?: JobStart;
  /** Null: it was not deployed by us, so it is not known. */
  fingerprint: Record<string, string> | null;
  /** Ids of the data topics by their names; an older record does not say. */
  topicIds?: Record<string, string> | undefined;
  /** What it goes on without; an older record does not say. */
  skipped?: Skipped | undefined;
};

/** The living job of that name; null: none lives. */
export async function livingJob(manager: JobManager, name: string): Promise<JobListed | null> {
  return (await manager.jobs()).find((job) => job.name === name && isLiving(job)) ?? null;
}

/** A sentence where the job needs more task slots than are free once `replaced` has ended. */
export async function slotsLacking(
  manager: JobManager,
  { parallelism }: Job,
  replaced: JobListed | null,
): Promise<string | null> {
  const { available, total } = await manager.slots();
  const held = replaced === null ? 0 : await manager.slotsOf(replaced.id);
  // A job that restarts may hold none.
  const free = Math.min(total, available + held);
  if (parallelism <= free) return null;
  return `too few task slots: the job needs ${parallelism}, there are ${free}`;
}

/**
 * A session in which everything but the job itself is done: Flink has found the jar and planned the
 * job. Rejects with `flink_unavailable` and `flink_failed`.
 */
export async function prepare(gateway: string, job: Job): Promise<GatewaySession> {
  const session = await GatewaySession.open(gateway, sessionProperties(job));
  try {
    for (const statement of definitions(job)) await session.run(statement);
    await session.run(`EXPLAIN ${statementSet(job)}`);
  } catch (error) {
    await session.close();
    throw error;
  }
  return session;
}

/** Is told the job's id before it is waited for: whatever happens then, the job is known. */
export type Begun = (jobId: string) => Promise<void> | void;

/**
 * Starts the prepared job, waits until all its tasks run, and closes the session. Rejects with
 * `flink_failed` and the reason when it fails meanwhile; it is cancelled then.
 */
export async function launch(
  session: GatewaySession,
  manager: JobManager,
  job: Job,
  restoreFrom: string | null,
  begun: Begun,
): Promise<string> {
  let jobId: string | null = null;
  try {
    if (restoreFrom !== null) await session.run(restoring(restoreFrom));
    jobId = (await session.run(`EXECUTE ${statementSet(job)}`)).jobId;
  } finally {
    await session.close();
  }
  if (jobId === null) throw new ClickrateError('flink_failed', 'the gateway named no job');
  await begun(jobId);
  await untilRunning(manager, jobId);
  return jobId;
}

/** Prepares and launches. */
export async function submit(
  gateway: string,
  manager: JobManager,
  job: Job,
  restoreFrom: string | null,
  begun: Begun,
): Promise<string> {
  return launch(await prepare(gateway, job), manager, job, restoreFrom, begun);
}

async function untilRunning(manager: JobManager, jobId: string): Promise<void> {
  let state = 'INITIALIZING';
  for (const untilMs = Date.now() + READY_MS; Date.now() < untilMs; await pause(LOOK_MS)) {
    const now = await lookAt(manager, jobId);
    if (now === null) continue;
    if (now.isRunning) return;
    state = now.state;
    const failed = ['FAILED', 'FAILING', 'RESTARTING', 'CANCELED'].includes(state);
    if (!failed) continue;
    const why = await manager.failureOf(jobId);
    if (state === 'RESTARTING') await manager.cancel(jobId);
    throw new ClickrateError('flink_failed', `the job failed: ${why ?? 'no reason is told'}`);
  }
  await manager.cancel(jobId);
  const slots = 'are there enough task slots?';
  throw new ClickrateError('flink_failed', `the job is ${state} after ${READY_MS} ms; ${slots}`);
}

/** Null: the JobManager does not answer, which it may again. */
async function lookAt(manager: JobManager, jobId: string) {
  try {
    return await manager.stateOf(jobId);
  } catch (error) {
    if (isOf(error, 'flink_unavailable')) return null;
    throw error;
  }
}

/** Throws `flink_cannot_resume` when a setting changed that the state of the job depends on. */
export function checkSame(last: Deployment | null, job: Job): void {
  const before = last?.fingerprint ?? null;
  const changed = before === null ? [] : changesOf(before, fingerprint(job));
  if (changed.length > 0) throw cannotResume(changed.join('; '));
}

/**
 * Where a new job goes on; null: from its start. Rejects with `flink_cannot_resume` when the state
 * of the last one cannot be found.
 */
export async function resumePoint(
  manager: JobManager,
  last: Deployment | null,
  start: JobStart,
  checkpointsIn: (directory: string, jobId: string) => string | null,
): Promise<string | null> {
  if (last === null) return null;
  if (last.savepoint !== null) return last.savepoint;
  const saved = await manager.savedOf(last.jobId);
  if (saved !== null && saved.newest !== null) return saved.newest;
  const directory = await manager.setting('execution.checkpointing.dir');
  const found = directory === null ? null : checkpointsIn(directory, last.jobId);
  if (found !== null) return found;
  if (saved?.completed === 0) return beginningOf(last, start);
  const known = saved === null ? 'no longer knows' : 'has no checkpoint left of';
  throw cannotResume(
    `the JobManager ${known} job ${last.jobId}, and no checkpoint of it is in ` +
      `${directory ?? 'an unknown directory'}`,
  );
}

/** Of a job that saved nothing: what it began with is still right. */
function beginningOf({ jobId, restoredFrom, start }: Deployment, asked: JobStart): string | null {
  if (restoredFrom !== null || start === asked) return restoredFrom;
  throw cannotResume(
    `job ${jobId} ended before its first checkpoint, and began at ${start ?? 'an unknown time'}`,
  );
}

function changesOf(before: Record<string, string>, now: Record<string, string>): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  return names
    .filter((name) => before[name] !== now[name])
    .map((name) => `${name} was ${before[name] ?? 'not set'}, is ${now[name] ?? 'not set'}`);
}

function cannotResume(why: string): ClickrateError {
  const ways = 'name a savepoint with --from, or begin anew with --start earliest (or a time)';
  return new ClickrateError('flink_cannot_resume', `${why}; ${ways}`);
}
