/** What a Flink job is made from: everything its SQL depends on. */
import { SETTINGS, type Settings } from '../config.ts';
import { ClickrateError } from '../errors.ts';

const COUNTED_BY = [
  'windowMs',
  'watermarkDelayMs',
  'allowedLatenessMs',
  'futureMs',
  'driftMs',
] as const;

/** The settings that a Flink job counts by. */
export type JobSettings = Pick<Settings, (typeof COUNTED_BY)[number]>;

/** Limits that the job's functions have built in (`Event.java`). */
const BUILT_IN = ['maxEventBytes', 'maxProductIdBytes'] as const;

/** Throws `config_invalid` where a setting asks for what the job cannot do. */
export function jobSettings(settings: Settings): JobSettings {
  for (const name of BUILT_IN)
    if (settings[name] !== SETTINGS[name])
      throw new ClickrateError(
        'config_invalid',
        `${name} is ${settings[name]}: the functions of the Flink job take ${SETTINGS[name]} only`,
      );
  return Object.fromEntries(COUNTED_BY.map((name) => [name, settings[name]])) as JobSettings;
}

export type JobTopics = {
  impressions: string;
  clicks: string;
  /** Empty: events that are not counted are dropped. */
  rejected: string;
  results: string;
  heartbeat: string;
  progress: string;
};

/**
 * When the source tells of its watermark: on every event, so that too late is judged event by event
 * as the engine does, or each 10 ms, which is cheaper and at most milder.
 */
export type Watermarks = 'on-event' | 'periodic';

/** Where a job without a checkpoint begins: the logs' begin, or an append time (epoch ms). */
export type JobStart = 'earliest' | number;

/**
 * Right after a restart no watermark is known, and an event is counted that is too late: it must
 * find the counts of its window in the state, or it would publish a window of one event over the
 * finished one. Longer costs memory, and goes beyond the windows that a sink remembers.
 */
export const KEEP_MS = 60_000;

export type Job = {
  /** Tells it from the cluster's other jobs. */
  name: string;
  settings: JobSettings;
  topics: JobTopics;
  /** Properties of Flink's Kafka clients: addresses, login. */
  kafka: Readonly<Record<string, string>>;
  /** The group whose committed offsets tell how far the job is; it never begins from them. */
  group: string;
  parallelism: number;
  /** Where the SQL Gateway finds the jar of functions. */
  jar: string;
  start: JobStart;
  /** A topic partition without events for this long no longer holds the watermark back. */
  idleMs: number;
  checkpointMs: number;
  watermarks: Watermarks;
  /** Drop events whose `event_id` was counted already, remembered for this long; 0: do not look. */
  dedupMs: number;
  /** How much longer a window stays in the state than its events are counted; none: `KEEP_MS`. */
  keepMs?: number;
};

/** What a job's state depends on: one that is resumed must have the same. */
export function fingerprint({ settings, topics, dedupMs }: Job): Record<string, string> {
  return {
    ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)])),
    ...Object.fromEntries(Object.entries(topics).map(([name, topic]) => [`topic ${name}`, topic])),
    deduplication: dedupMs > 0 ? 'on' : 'off',
  };
}
