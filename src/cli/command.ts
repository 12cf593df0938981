/** What the commands share: flags made from the tables of `config.ts`, interruption. */
import { type Command, Option } from 'commander';
import { SETTINGS } from '../config.ts';
import { ALL, type All, type Configuration, configure, flagOf, type Table } from './options.ts';
import { onStopSignal } from './signals.ts';

export type Flags = Record<string, unknown>;

/** What each option and setting says, in `--help` and in `docs/options.md`. */
export const HELP: Record<keyof All, string> = {
  windowMs: 'length of a window',
  watermarkDelayMs: 'how far time stays behind the newest event: disorder that costs nothing',
  allowedLatenessMs: 'how long after its end a window takes late events',
  futureMs: 'an event further ahead of its arrival is rejected',
  idleAfterMs: 'a topic partition silent for so long holds time back no more',
  driftMs: 'a topic partition so far ahead of the others in event time has to wait',
  idMemoryMs: 'how long after its window an event id is remembered',
  expiryMs: 'a product without events for so long leaves latest and previous',
  maxEventBytes: 'a longer record is rejected',
  maxProductIdBytes: 'an event with a longer product id is rejected',
  maxProducts: 'living products of a task',
  maxIds: 'event ids a task remembers; then those of the oldest window are forgotten',
  source: 'where events come from: journal (HTTP into this process) or kafka',
  store: 'where results go: sqlite (a file) or redis',
  host: 'address the API listens on',
  port: 'port of the API (0: any free one)',
  workers: 'processes that share the port of clickrate api',
  readKeys: 'hashes of keys that may read, by comma (see clickrate key); empty: everybody may',
  writeKeys: 'hashes of keys that may send events, by comma; empty: everybody may',
  insecure: 'let others reach the address although no key is needed',
  httpsCert: 'certificate (PEM file) to serve HTTPS with',
  httpsKey: 'its private key (PEM file)',
  corsOrigins: "other origins whose pages may read and send, by comma; '*': any",
  hostNames: 'names of this server beside localhost, by comma, while no key is needed',
  rateLimit: 'requests a second for each key or address; 0: any number',
  data: 'directory of the journal and the store',
  logLevel: 'debug, info, warn, error or silent',
  logFormat: 'text or json',
  timeZone: 'time zone of the days in the history, as Europe/Berlin',
  minSample: 'impressions below which a result is marked as resting on few',
  generate: "generate the original demo's traffic",
  rate: 'generated impressions and click tries a second',
  products: 'generated products',
  seed: 'seed of generated traffic',
  brokers: 'Kafka brokers to begin with, host:port, several by comma',
  impressionsTopic: 'topic of impressions',
  clicksTopic: 'topic of clicks',
  rejectedTopic: 'topic of events that were not counted; empty: none',
  group: 'consumer group that shares the partitions',
  groupInstance: 'name of this member in the group, kept over restarts (static membership)',
  clientId: 'name of this client in the logs of the brokers',
  tls: 'speak TLS with the brokers',
  tlsCa: 'file with the certificates to trust (PEM)',
  tlsCert: 'file with our certificate (PEM)',
  tlsKey: 'file with our private key (PEM)',
  saslMechanism: 'PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512',
  saslUsername: 'name to log in to the brokers with',
  saslPassword: 'password for it; better given as CLICKRATE_SASL_PASSWORD',
  onGap: 'records between checkpoint and log are gone: stop, or skip them',
  onLostStore: 'the store is lost: read from an hour ago (hour) or all there is (earliest)',
  gateway: "address of Flink's SQL Gateway",
  jobManager: "address of Flink's JobManager",
  jobName: 'name of the job on the cluster',
  resultsTopic: "topic of the job's results",
  heartbeatTopic: 'topic of heartbeats, by which silence closes windows',
  progressTopic: "topic of the job's watermarks",
  flinkIdleMs: 'on Flink: a partition without events for this long is idle, in ms',
  redis: 'address of Redis; a password is better given as CLICKRATE_REDIS_PASSWORD',
  redisPassword: 'password of Redis',
};

const COUNTED = 'What is counted (milliseconds, bytes):';

/** Flags for all of `table`, and `--config`; values are checked by `configure`, not here. */
export function withOptions(command: Command, table: Table): Command {
  command.option('--config <file>', 'JSON file of settings (or CLICKRATE_CONFIG)');
  for (const [name, standard] of Object.entries(table)) {
    const value = typeof standard === 'boolean' ? '' : ` <${typeof standard}>`;
    const help = `${HELP[name as keyof All]}${defaultText(standard)}`;
    const group = Object.hasOwn(SETTINGS, name) ? COUNTED : 'Options:';
    command.addOption(new Option(`${flagOf(name)}${value}`, help).helpGroup(group));
  }
  return command;
}

/** As the library writes it; that a text is empty or a flag not given goes without saying. */
function defaultText(standard: unknown): string {
  return standard === '' || standard === false ? '' : ` (default: ${standard})`;
}

/**
 * What `table` has, and nothing else of the options: what a command reads, it shows.
 * Flag > environment > file > default. Throws `config_invalid`.
 */
export function configurationOf<K extends keyof All>(
  flags: Flags,
  table: Pick<Table, K>,
): Configuration<K> {
  const variable = process.env.CLICKRATE_CONFIG || undefined;
  const file = (flags.config as string | undefined) ?? variable;
  return configure(flags, process.env, file, table);
}

export function pick<K extends keyof All>(...names: K[]): Pick<All, K> {
  return Object.fromEntries(names.map((name) => [name, ALL[name]])) as Pick<All, K>;
}

/** Flags of the commands that run an engine. */
export function withEngine(command: Command): Command {
  const help = 'take a checkpoint with another window size, without its windows and rows';
  return withTakeOver(command.option('--reset-windows', help), 'the Flink sink');
}

/** The flag by which a command takes a store from another kind of writer. */
export function withTakeOver(command: Command, writer: string): Command {
  return command.option('--take-over', `claim a store that ${writer} wrote`);
}

/** Files of events; the argument says whether one is needed. */
export function withFiles(command: Command, files: '<file...>' | '[file...]'): Command {
  return command
    .argument(files, 'files, in the order they are to be read')
    .option('--csv <mapping>', 'files are CSV: time=COL,product=COL,clicked=COL')
    .option('--sort', 'order the events by time first');
}

export const LOG_OPTIONS = pick('logLevel', 'logFormat');

/** Options of every command that reaches Kafka. */
export const KAFKA_OPTIONS = pick(
  'brokers',
  'clientId',
  'tls',
  'tlsCa',
  'tlsCert',
  'tlsKey',
  'saslMechanism',
  'saslUsername',
  'saslPassword',
);

/** Topics of events, and of those that were not counted. */
export const EVENT_TOPICS = pick('impressionsTopic', 'clicksTopic');
export const TOPICS = { ...EVENT_TOPICS, ...pick('rejectedTopic') };

/** Topics that only the Flink size has. */
export const FLINK_TOPICS = pick('resultsTopic', 'heartbeatTopic', 'progressTopic');

/** Options of every command that serves HTTP. */
export const DOOR_OPTIONS = pick(
  'host',
  'port',
  'readKeys',
  'writeKeys',
  'insecure',
  'httpsCert',
  'httpsKey',
  'corsOrigins',
  'hostNames',
  'rateLimit',
);

/** Of a process that counts, whether what it reads is in Kafka or sent to it. */
export const ENGINE_OPTIONS = {
  ...pick('store', 'data', 'timeZone', 'minSample'),
  ...DOOR_OPTIONS,
  ...LOG_OPTIONS,
  ...KAFKA_OPTIONS,
  ...TOPICS,
  ...pick('group', 'groupInstance', 'onGap', 'onLostStore', 'redis', 'redisPassword'),
  ...SETTINGS,
};

/** Aborted by SIGINT or SIGTERM; one that comes again ends the process. */
export function interruption(): AbortSignal {
  const abort = new AbortController();
  // Each for itself: a worker gets one from the terminal, the other from the first process.
  for (const name of ['SIGINT', 'SIGTERM'] as const) onStopSignal([name], () => abort.abort());
  return abort.signal;
}
