/** `clickrate flink`: deploys, shows and stops the job on a Flink cluster. */
import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { Options } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import {
  checkSame,
  type Deployment,
  launch,
  livingJob,
  prepare,
  resumePoint,
  slotsLacking,
} from '../flink/deploy.ts';
import { MOST_CHECKPOINT_MS } from '../flink/heartbeat.ts';
import { fingerprint, type Job, KEEP_MS } from '../flink/job.ts';
import { type JobListed, JobManager, withSavepoint } from '../flink/jobmanager.ts';
import { configurationOf, type Flags, KAFKA_OPTIONS, pick, withOptions } from './command.ts';
import {
  type DeploymentOptions,
  newestCheckpoint,
  readDeployment,
  writeDeployment,
} from './flink-deployment.ts';
import { JAR, JAR_OPTION, JOB_OPTIONS, jobOf } from './flink-job.ts';
import { checkLogs, dataLogs } from './flink-logs.ts';
import { type Lacking, lackingTopics, makeTopics } from './flink-topics.ts';
import { numberOf } from './numbers.ts';

const DEPLOY_OPTIONS = { ...JOB_OPTIONS, ...pick('jobManager', 'gateway', 'onGap') };
const STATUS_OPTIONS = pick('jobManager', 'jobName');
const STOP_OPTIONS = { ...KAFKA_OPTIONS, ...pick('jobManager', 'jobName', 'progressTopic') };
/** How long the status waits for a metric. */
const METRIC_MS = 3_000;

export function addFlink(flink: Command): void {
  withOptions(flink.command('deploy'), DEPLOY_OPTIONS)
    .description('start the job, from where it was, and wait until it runs')
    .option('--parallelism <n>', 'subtasks of each step', numberOf, 1)
    .addOption(JAR_OPTION)
    .option('--replace', 'stop the job that runs, with a savepoint, and go on from that')
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
  withOptions(flink.command('status'), STATUS_OPTIONS)
    .description('whether the job runs, and what it dropped unseen; exit code 1 when not')
    .action(status);
  withOptions(flink.command('stop'), STOP_OPTIONS)
    .description('stop the job with a savepoint, from which the next deploy goes on')
    .action(stop);
}

async function deploy(flags: Flags): Promise<void> {
  const configuration = configurationOf(flags, DEPLOY_OPTIONS);
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
  const lacking = await lackingTopics(options, job);
  const asked = { options, job, flags, living, lacking };
  const { from: found, ...logs } = await whereToGoOn(manager, asked);
  const session = await prepare(options.gateway, job);
  let from = found;
  try {
    await checkSlots(manager, job, living);
    await makeTopics(options, job, lacking);
    const stopped = living === null ? null : await stopJob(manager, options, living.id);
    if (!isNew) from ??= stopped;
  } catch (error) {
    await session.close();
    throw error;
  }
  say(from === null ? `starting ${startSentence(job)} …` : `going on from ${from} …`);
  const remembered = { savepoint: null, restoredFrom: from, start: job.start, ...logs };
  const jobId = await launch(session, manager, job, from, (id) =>
    writeDeployment(options, { jobId: id, ...remembered, fingerprint: fingerprint(job) }),
  );
  process.stdout.write(`job ${jobId} runs\n${manager.pageOf(jobId)}\n`);
}

type Asked = {
  options: DeploymentOptions & Pick<Options, 'onGap'>;
  job: Job;
  flags: Flags;
  living: JobListed | null;
  lacking: Lacking;
};

/**
 * What the new job goes on from, as far as it is known before a living one is stopped: all that can
 * be refused is refused before. Null also where it begins anew.
 */
async function whereToGoOn(
  manager: JobManager,
  { options, job, flags, living, lacking }: Asked,
): Promise<{ from: string | null } & Pick<Deployment, 'topicIds' | 'skipped'>> {
  const logs = await dataLogs(options, job);
  const { topicIds } = logs;
  if (flags.start !== undefined) return { from: null, topicIds };
  // Where the topic is missing that remembers it, no job was deployed.
  const isKnown = !lacking.missing.some(({ name }) => name === options.progressTopic);
  const last = isKnown ? await readDeployment(options) : null;
  let from = flags.from === undefined ? null : String(flags.from);
  // Who names a savepoint knows what it is of.
  if (from === null) {
    checkSame(last, job);
    if (living === null) from = await resumePoint(manager, last, job.start, newestCheckpoint);
  }
  const isLiving = living !== null;
  const { onGap } = options;
  const known = { topicIds: last?.topicIds, skipped: last?.skipped ?? {} };
  const before = { group: job.group, ...known, isLiving, onGap };
  const skipped = from !== null || isLiving ? checkLogs(logs, before, say) : {};
  return { from, topicIds, skipped };
}

/** With too few slots a job waits for them, which is no reason to stop the one that runs. */
async function checkSlots(manager: JobManager, job: Job, living: JobListed | null): Promise<void> {
  const lacking = await slotsLacking(manager, job, living);
  if (lacking === null) return;
  if (living === null) return say(`waiting, ${lacking} …`);
  throw new ClickrateError(
    'flink_failed',
    `${lacking}, so job ${living.id} is not stopped: start another TaskManager, or give less ` +
      '--parallelism; where Flink starts TaskManagers by itself, flink stop and then flink deploy',
  );
}

function startSentence({ start }: Job): string {
  return start === 'earliest' ? 'at the beginning' : `at ${new Date(start).toISOString()}`;
}

/** Stops it with a savepoint and remembers that, also of a job of which nothing was known. */
async function stopJob(
  manager: JobManager,
  options: DeploymentOptions,
  jobId: string,
): Promise<string> {
  // First what needs Kafka: without it nothing is stopped.
  const last = await readDeployment(options);
  const savepoint = await manager.stop(jobId);
  const restoredFrom = last?.jobId === jobId ? last.restoredFrom : null;
  const { topicIds, skipped, fingerprint: settings = null } = last ?? {};
  const kept = { restoredFrom, fingerprint: settings, topicIds, skipped };
  await writeDeployment(options, { jobId, savepoint, ...kept }).catch((error: unknown) => {
    throw withSavepoint(savepoint, error);
  });
  return savepoint;
}

async function status(flags: Flags): Promise<void> {
  const { options } = configurationOf(flags, STATUS_OPTIONS);
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
  const { options } = configurationOf(flags, STOP_OPTIONS);
  const manager = new JobManager(options.jobManager);
  const living = await livingJob(manager, options.jobName);
  if (living === null) return void process.stdout.write('nothing runs\n');
  say(`stopping ${living.id} with a savepoint …`);
  process.stdout.write(`savepoint ${await stopJob(manager, options, living.id)}\n`);
}

function say(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
}
