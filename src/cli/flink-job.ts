/** The job that flags and configuration describe. */
import { fileURLToPath } from 'node:url';
import { Option } from 'commander';
import { ClickrateError } from '../errors.ts';
import { MOST_CHECKPOINT_MS } from '../flink/heartbeat.ts';
import { type Job, type JobStart, jobSettings, KEEP_MS, type Watermarks } from '../flink/job.ts';
import { kafkaProperties } from '../flink/kafka-properties.ts';
import { parseTime } from '../sources/timestamps.ts';
import { FLINK_TOPICS, type Flags, KAFKA_OPTIONS, pick, TOPICS } from './command.ts';
import type { Configuration } from './options.ts';

/** Flink takes no shorter ones. */
const LEAST_CHECKPOINT_MS = 10;
/** Where our own build puts the jar of functions. */
export const JAR = fileURLToPath(new URL('../../flink/clickrate-flink.jar', import.meta.url));
export const JAR_OPTION = new Option(
  '--jar <path>',
  'jar of functions, as the SQL Gateway finds it',
)
  .env('CLICKRATE_FLINK_JAR')
  .default(JAR);

/** What a job is made from; the settings are those it counts by. */
export const JOB_OPTIONS = {
  ...KAFKA_OPTIONS,
  ...TOPICS,
  ...FLINK_TOPICS,
  ...pick('group', 'jobName', 'flinkIdleMs'),
  ...pick('windowMs', 'watermarkDelayMs', 'allowedLatenessMs', 'futureMs', 'driftMs'),
};

/** Throws `usage`. */
export function jobOf(
  { options, settings }: Configuration<keyof typeof JOB_OPTIONS>,
  flags: Flags,
): Job {
  const parallelism = Number(flags.parallelism ?? 1);
  if (!Number.isSafeInteger(parallelism) || parallelism < 1)
    throw new ClickrateError('usage', '--parallelism must be a whole number of at least 1');
  return {
    name: options.jobName,
    settings: jobSettings(settings),
    topics: {
      impressions: options.impressionsTopic,
      clicks: options.clicksTopic,
      rejected: options.rejectedTopic,
      results: options.resultsTopic,
      heartbeat: options.heartbeatTopic,
      progress: options.progressTopic,
    },
    kafka: kafkaProperties(options),
    group: `${options.group}-flink`,
    parallelism,
    jar: String(flags.jar ?? JAR),
    start: startOf(flags.start),
    idleMs: options.flinkIdleMs,
    checkpointMs: checkpointMsOf(flags.checkpointMs),
    dedupMs: wholeMs('--dedup-ms', flags.dedupMs ?? 0),
    keepMs: wholeMs('--keep-windows-ms', flags.keepWindowsMs ?? KEEP_MS),
    watermarks: (flags.watermarks ?? 'periodic') as Watermarks,
  };
}

function wholeMs(name: string, given: unknown): number {
  const ms = Number(given);
  if (Number.isSafeInteger(ms)) return ms;
  throw new ClickrateError('usage', `${name} must be a whole number of milliseconds, not ${ms}`);
}

function checkpointMsOf(given: unknown): number {
  const ms = Number(given ?? MOST_CHECKPOINT_MS);
  if (Number.isSafeInteger(ms) && ms >= LEAST_CHECKPOINT_MS && ms <= MOST_CHECKPOINT_MS) return ms;
  throw new ClickrateError(
    'usage',
    `--checkpoint-ms must be a whole number from ${LEAST_CHECKPOINT_MS} to ` +
      `${MOST_CHECKPOINT_MS}, not ${ms}: with rarer ones the sink takes the job to be behind and ` +
      'sends no heartbeats',
  );
}

function startOf(given: unknown): JobStart {
  if (given === undefined || given === 'earliest') return 'earliest';
  const ms = parseTime(String(given));
  if (ms !== null && ms >= 0) return ms;
  throw new ClickrateError('usage', `--start must be earliest or a time, not "${given}"`);
}
