/** `clickrate flink`: deploys, shows and stops the job on a Flink cluster. */
import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { Options } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import { checkSame, launch, livingJob, prepare, resumePoint } from '../flink/deploy.ts';
import { MOST_CHECKPOINT_MS } from '../flink/heartbeat.ts';
import { fingerprint, type Job } from '../flink/job.ts';
import { type JobListed, JobManager } from '../flink/jobmanager.ts';
import { KEEP_MS } from '../flink/sql.ts';
import { flinkPlansOf, Topics } from '../sources/kafka/topics.ts';
import {
  configurable,
  configurationOf,
  FLINK_OPTIONS,
  type Flags,
  KAFKA_OPTIONS,
  pick,
  withOptions,
} from './command.ts';
import { newestCheckpoint, readDeployment, writeDeployment } from './flink-deployment.ts';
import { JAR, JAR_OPTION, jobOf } from './flink-job.ts';
import { checkLogs, dataLogs } from './flink-logs.ts';
import { numberOf } from './numbers.ts';

const OPTIONS = { ...KAFKA_OPTIONS, ...FLINK_OPTIONS };
/** How long the status waits for a metric. */
const METRIC_MS = 3_000;

export function addFlink(flink: Command): void {
  configurable(flink.command('deploy'), { ...OPTIONS, ...pick('onGap') })
    .description('start the job, from where it was, and wait until it runs')
    .option('--parallelism <n>', 'subtasks of each step', numberOf, 1)
    .addOption(JAR_OPTION)
    .option('--replace', 'stop the job that runs, with a savepoint, and go on from that', false)
    .option('--from <path>', 'go on from this savepoint or checkpoint')
    .option('--start <when>', 'begin anew: earliest, or an append time (epoch ms, ISO 8601)')
    .option(
      '--checkpoint-ms <n>',
      `how often state is saved and rejected events shown; at most ${MOST_CHECKPOINT_MS}`,
      numberOf,
      MOST_CHECKPOINT_MS,
    )
    .addOption(
      new Option('--watermarks <when>', 'periodic is cheaper, on-event as strict as the engine')
        .choices(['periodic', 'on-event'])
        .default('periodic'),
    )
    .option('--dedup-ms <n>', 'drop repeated event ids for this long; 0: do not look', numberOf, 0)
    .option(
      '--keep-windows-ms <n>',
      'how much longer windows are kept than they count: for restarts',
      numberOf,
      KEEP_MS,
    )
    .action(deploy);
  withOptions(flink.command('status'), OPTIONS)
    .description('whether the job runs, and what it dropped unseen; exit code 1 when not')
    .action(status);
  withOptions(flink.command('stop'), OPTIONS)
    .description('stop the job with a savepoint, from which the next deploy goes on')
    .action(stop);
}

async function deploy(flags: Flags): Promise<void> {
  const configuration = configurationOf(flags);
  const { options } = configuration;
  const isNew = flags.start !== undefined;
  if (isNew && flags.from !== undefined)
    throw new ClickrateError('usage', '--from goes on, --start begins anew: give one of them');
  const job = jobOf(configuration, flags);
  if (job.jar === JAR && !existsSync(JAR))
    throw new ClickrateError('file_unreadable', `${JAR} is not made: npm run flink:jar`);
  const manager = new JobManager(options.jobManager);
  const living = await livingJob(manager, job.name);
  if (living !== null && flags.replace !== true)
    throw new ClickrateError(
      'flink_running',
      `job ${living.id} (${living.name}) is ${living.state}: --replace stops it and goes on`,
    );
  await makeTopics(options, job);
  const { topicIds, from: found } = await whereToGoOn(manager, options, job, flags, living);
  const session = await prepare(options.gateway, job);
  let from = found;
  try {
    const stopped = living === null ? null : await stopJob(manager, options, living.id);
    if (!isNew) from ??= stopped;
  } catch (error) {
    await session.close();
    throw error;
  }
  say(from === null ? `starting ${startSentence(job)} …` : `going on from ${from} …`);
  const remembered = { savepoint: null, restoredFrom: from, start: job.start, topicIds };
  const jobId = await launch(session, manager, job, from, (id) =>
    writeDeployment(options, { jobId: id, ...remembered, fingerprint: fingerprint(job) }),
  );
  process.stdout.write(`job ${jobId} runs\n${manager.pageOf(jobId)}\n`);
}

/**
 * What the new job goes on from, as far as it is known before a living one is stopped: all that can
 * be refused is refused before. Null also where it begins anew.
 */
async function whereToGoOn(
  manager: JobManager,
  options: Options,
  job: Job,
  flags: Flags,
  living: JobListed | null,
): Promise<{ from: string | null; topicIds: Record<string, string> }> {
  const logs = await dataLogs(options, job);
  const { topicIds } = logs;
  if (flags.start !== undefined) return { from: null, topicIds };
  const last = await readDeployment(options);
  let from = flags.from === undefined ? null : String(flags.from);
  // Who names a savepoint knows what it is of.
  if (from === null) {
    checkSame(last, job);
    if (living === null) from = await resumePoint(manager, last, job.start, newestCheckpoint);
  }
  const isLiving = living !== null;
  const { onGap } = options;
  const before = { group: job.group, topicIds: last?.topicIds, isLiving, onGap };
  if (from !== null || isLiving) checkLogs(logs, before, say);
  return { from, topicIds };
}

function startSentence({ start }: Job): string {
  return start === 'earliest' ? 'at the beginning' : `at ${new Date(start).toISOString()}`;
}

/** The topics of events must be there; those of the job are made. */
async function makeTopics(options: Options, { topics, parallelism }: Job): Promise<void> {
  const admin = new Topics(options);
  try {
    const there = new Map((await admin.list()).map((topic) => [topic.name, topic]));
    for (const name of [topics.impressions, topics.clicks, topics.rejected])
      if (name !== '' && !there.has(name))
        throw new ClickrateError('source_unavailable', `no topic ${name}: clickrate topics create`);
    const partitions = there.get(topics.impressions)?.partitions ?? 1;
    const brokers = await admin.brokers();
    for (const plan of flinkPlansOf(topics, partitions, parallelism, brokers)) {
      const found = there.get(plan.name);
      if (found === undefined) await admin.ensure(plan);
      // A subtask without one would be idle, and not see that time goes on.
      else if (plan.name === topics.heartbeat && found.partitions < parallelism)
        await admin.grow(plan.name, parallelism);
    }
  } finally {
    await admin.close();
  }
}

/** Stops it with a savepoint and remembers that, also of a job of which nothing was known. */
async function stopJob(manager: JobManager, options: Options, jobId: string): Promise<string> {
  const savepoint = await manager.stop(jobId);
  const last = await readDeployment(options);
  const restoredFrom = last?.jobId === jobId ? last.restoredFrom : null;
  const kept = { restoredFrom, fingerprint: last?.fingerprint ?? null };
  await writeDeployment(options, { jobId, savepoint, ...kept, topicIds: last?.topicIds });
  return savepoint;
}

async function status(flags: Flags): Promise<void> {
  const { options } = configurationOf(flags);
  const manager = new JobManager(options.jobManager);
  const jobs = (await manager.jobs()).filter(({ name }) => name === options.jobName);
  if (jobs.length === 0) process.stdout.write(`no job ${options.jobName}\n`);
  for (const { id, state, startedMs } of jobs) {
    process.stdout.write(`${id}  ${state}  since ${new Date(startedMs).toISOString()}`);
    const dropped = state === 'RUNNING' ? await manager.lateDropped(id, METRIC_MS) : undefined;
    process.stdout.write(dropped === undefined ? '\n' : `  dropped ${dropped ?? 'not known'}\n`);
  }
  if (!jobs.some(({ state }) => state === 'RUNNING')) process.exitCode = 1;
}

async function stop(flags: Flags): Promise<void> {
  const { options } = configurationOf(flags);
  const manager = new JobManager(options.jobManager);
  const living = await livingJob(manager, options.jobName);
  if (living === null) return void process.stdout.write('nothing runs\n');
  say(`stopping ${living.id} with a savepoint …`);
  process.stdout.write(`savepoint ${await stopJob(manager, options, living.id)}\n`);
}

function say(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
}
