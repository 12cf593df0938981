/**
 * What all commands are set by, with defaults: `SETTINGS` (what is counted) and `OPTIONS`. `LIMITS`
 * nobody sets; one that a single buffer has may stand as a constant at the top of its file instead.
 */
import { ClickrateError } from './errors.ts';

/** The semantics: numbers an oracle needs to know. Times in milliseconds, sizes in bytes. */
export const SETTINGS = {
  /** Length of the tumbling windows. */
  windowMs: 10_000,
  /** How far a watermark stays behind the largest event time (disorder that costs nothing). */
  watermarkDelayMs: 3_000,
  /** How long after its end, in watermark, a window still takes late events. */
  allowedLatenessMs: 5_000,
  /** An event further ahead of its arrival than this is rejected. */
  futureMs: 10_000,
  /** A topic partition without an event that is not junk for this long is idle. */
  idleAfterMs: 1_000,
  /** A topic partition this far ahead of its task in event time is not fetched. */
  driftMs: 60_000,
  /** An event id is remembered until its partition's watermark >= window end + this. */
  idMemoryMs: 65_000,
  /** A product without a window for this long, in watermark, leaves latest and previous. */
  expiryMs: 3_600_000,
  /** Largest event; a longer record is rejected unread. */
  maxEventBytes: 65_536,
  /** Longest product id, in bytes of UTF-8. */
  maxProductIdBytes: 256,
  /** Living products of a task. */
  maxProducts: 1_000_000,
  /** Event ids remembered by a task; at the limit the oldest window's are dropped. */
  maxIds: 5_000_000,
};
export type Settings = typeof SETTINGS;

/** Windows whose event ids may be remembered. */
const MOST_ID_WINDOWS = 10_000;
/** The longest window that may be set. */
const MAX_WINDOW_MS = 3_600_000;
/** Event times lie within plus and minus this: the difference of any two is exact too. */
export const MAX_TIME_MS = 2 ** 52;

/** The longest product id that may be allowed, in bytes: rows of a store hold no longer ones. */
export const MOST_ID_BYTES = 8_192;
/** Living products that may be allowed: dense ids have so many bits beside what lies with them. */
export const MOST_PRODUCTS = 2 ** 24;

/** Bounds on memory and time. */
export const LIMITS = {
  /** Records, and bytes, of one batch. */
  batchRecords: 16_384,
  batchBytes: 1_048_576,
  /** What is asked of a broker (a topic partition holds two answers); free buffers for answers. */
  fetchBytes: 524_288,
  freeAnswerBytes: 33_554_432,
  /** Cells (products × windows, by blocks of 512 products) open at once before a task waits. */
  openCells: 8_388_608,
  /** Kept events waiting for the next commit, and the first bytes of one, of which no more stay. */
  keptBytes: 8_388_608,
  keptEventBytes: 1_048_576,
  /** Comebacks listed in the status; older ones become history. */
  comebacks: 100,
  /** Interval between commits without results: at least, at most; the time of a commit × this. */
  commitMinMs: 1_000,
  commitMaxMs: 5_000,
  commitShare: 20,
  /** How long a read waits for records. */
  readWaitMs: 50,
  /** Retry of a failing store or source: first and longest wait. */
  retryMinMs: 100,
  retryMaxMs: 5_000,
  /** Events kept by a store: rejected and too late. */
  keptMs: 7 * 86_400_000,
  keptTotalBytes: 1_073_741_824,
  /** The same in Redis, whose memory is dear: all of them are in the topic of rejected events. */
  keptRedisBytes: 134_217_728,
  /** History: cells (a period of a product) of a store; products that left it and have some. */
  historyCells: 20_000_000,
  historyProducts: 2_000_000,
  /** How long each of its levels is kept, in event time, before it is folded into the next. */
  historyKeep: { windowsMs: 7_200_000, minutesMs: 86_400_000, quartersMs: 35 * 86_400_000 },
  /** With too many cells, at least so long. */
  historyKeepAtLeast: { windowsMs: 600_000, minutesMs: 3_600_000, quartersMs: 43_200_000 },
  /** Blocks of cells SQLite folds with one commit, for each 16 that it writes. */
  historyFolds: 64,
  /** Journal: bytes not yet committed by the engine before ingest answers 429. */
  journalBytes: 268_435_456,
  /** Journal: how long the first event of a group waits for others before it is written. */
  journalGroupMs: 2,
  /** HTTP: largest body, also of all under way; events of one: more than fit if they are usable. */
  bodyBytes: 8_388_608,
  bodiesBytes: 268_435_456,
  bodyEvents: 200_000,
  /** HTTP: largest list of unusable items in an answer; rows of a page. */
  listedItems: 100,
  pageRows: 1_000,
  /** Periods of one answer about history. */
  historyRows: 10_000,
  /** How often the API looks at the tasks' statuses and the open windows. */
  statusMs: 1_000,
  /** Open windows: most active products told. */
  openProducts: 1_000,
  /** Stream: readers at once; products a reader may name; how often it hears something. */
  streamReaders: 2_000,
  streamProducts: 100,
  heartbeatMs: 15_000,
  /** Stream: how long a client that lost it waits before it comes back. */
  streamRetryMs: 1_000,
  /** Stream: changes kept for those who come back, and their bytes. */
  streamChanges: 20_000,
  streamBytes: 67_108_864,
  /** Stream: bytes a reader may lag before its changes are coalesced; how long it may not drain. */
  streamLagBytes: 8_388_608,
  streamStallMs: 60_000,
  /** Stream: texts that wait for readers, in bytes; each counts once for all who wait for it. */
  streamHeldBytes: 268_435_456,
  /** HTTP: connections at once (readers of the stream among them). */
  connections: 5_000,
  /** HTTP: longest URL; how long a request may take to arrive; how long a connection stays idle. */
  urlBytes: 8_192,
  requestMs: 60_000,
  keepAliveMs: 65_000,
  /** HTTP: an answer that took longer is logged. */
  slowMs: 1_000,
  /** How long a stop may take before it is forced. */
  stopMs: 10_000,
};
export type Limits = typeof LIMITS;

/** Options that take one of a few values. */
export const CHOICES = {
  source: ['journal', 'kafka'],
  store: ['sqlite', 'redis'],
  logLevel: ['debug', 'info', 'warn', 'error', 'silent'],
  logFormat: ['text', 'json'],
  onGap: ['stop', 'skip'],
  onLostStore: ['hour', 'earliest'],
} as const;
type Choice<K extends keyof typeof CHOICES> = (typeof CHOICES)[K][number];

/** What a user says about one run; every key is a flag, a `CLICKRATE_*` variable and a file key. */
export const OPTIONS = {
  /** Where events come from (`journal`, `kafka`), and where results go (`sqlite`, `redis`). */
  source: 'journal' as Choice<'source'>,
  store: 'sqlite' as Choice<'store'>,
  /** Address and port of the API. */
  host: '127.0.0.1',
  port: 8000,
  /** Processes that share the port of `clickrate api`. */
  workers: 1,
  /** Who may read and write over HTTP: hashes of keys, several by comma; empty: everybody. */
  readKeys: '',
  writeKeys: '',
  /** Lets others reach an address although no key is needed. */
  insecure: false,
  /** Certificate and key (PEM files) to serve HTTPS with. */
  httpsCert: '',
  httpsKey: '',
  /** Other origins whose pages may read answers and send events, several by comma. */
  corsOrigins: '',
  /** Names of this server on a loopback address without keys, several by comma. */
  hostNames: '',
  /** Requests a second for each key or address; 0: any number. */
  rateLimit: 0,
  /** Directory of the journal and the store. */
  data: 'clickrate-data',
  logLevel: 'info' as Choice<'logLevel'>,
  /** `text` for people, `json` for machines. */
  logFormat: 'text' as Choice<'logFormat'>,
  /** Time zone of the days in the history. */
  timeZone: 'UTC',
  /** Results of fewer impressions than this are marked as `few` under /v1. */
  minSample: 100,
  /** Generate the original demo's traffic. */
  generate: false,
  /** Generated impressions a second, click tries included (the original: 1 500), and products. */
  rate: 1_500,
  products: 5,
  seed: 1,
  /** Kafka: where it is, the topics, and the group that shares the partitions. */
  brokers: '127.0.0.1:9092',
  impressionsTopic: 'impressions',
  clicksTopic: 'clicks',
  rejectedTopic: 'ctr-rejected',
  group: 'clickrate',
  groupInstance: '',
  clientId: 'clickrate',
  tls: false,
  tlsCa: '',
  tlsCert: '',
  tlsKey: '',
  saslMechanism: '',
  saslUsername: '',
  saslPassword: '',
  onGap: 'stop' as Choice<'onGap'>,
  onLostStore: 'hour' as Choice<'onLostStore'>,
  /** Flink: its SQL Gateway and JobManager, the job's name, the topics only it needs. */
  gateway: 'http://127.0.0.1:8083',
  jobManager: 'http://127.0.0.1:8081',
  jobName: 'clickrate',
  resultsTopic: 'ctr-results',
  heartbeatTopic: 'ctr-heartbeat',
  progressTopic: 'ctr-progress',
  /** On Flink a partition is idle later: longer than a broker's fail-over takes. */
  flinkIdleMs: 20_000,
  /** Redis. */
  redis: 'redis://127.0.0.1:6379',
  redisPassword: '',
};
export type Options = typeof OPTIONS;

/** Settings with `overrides`; throws `config_invalid` naming the setting that is wrong. */
export function settingsWith(overrides: Partial<Settings>): Settings {
  const settings = { ...SETTINGS, ...overrides };
  const check = (ok: boolean, sentence: string) => {
    if (!ok) throw new ClickrateError('config_invalid', sentence);
  };
  for (const [name, value] of Object.entries(settings)) {
    const isWhole = Number.isSafeInteger(value) && value >= 0;
    check(isWhole, `${name} must be a whole number of at least 0, not ${value}`);
  }
  check(settings.windowMs >= 100, 'windowMs must be at least 100');
  check(settings.windowMs <= MAX_WINDOW_MS, 'windowMs must be at most 3 600 000 (1 h)');
  check(settings.maxProducts >= 1, 'maxProducts must be at least 1');
  check(settings.maxProducts <= MOST_PRODUCTS, 'maxProducts must be at most 16 777 216');
  check(settings.maxIds >= 1, 'maxIds must be at least 1');
  check(settings.maxProductIdBytes >= 1, 'maxProductIdBytes must be at least 1');
  // Redis rows and checkpoint parts have lengths of 16 bits, and JSON may take 6 bytes for one.
  check(
    settings.maxProductIdBytes <= MOST_ID_BYTES,
    'maxProductIdBytes must be at most 8 192: rows of a store hold no longer ids',
  );
  check(settings.maxEventBytes <= LIMITS.batchBytes, 'maxEventBytes must fit a batch (1 MiB)');
  // An id remembered for less than a window lives would let its duplicate be counted.
  check(
    settings.idMemoryMs >= settings.allowedLatenessMs,
    'idMemoryMs must be at least allowedLatenessMs',
  );
  // Each window's ids lie in memory of their own, 4 KiB at least, which `maxIds` does not see.
  check(
    settings.idMemoryMs <= MOST_ID_WINDOWS * settings.windowMs,
    'idMemoryMs must be at most 10 000 windows',
  );
  // A dense product id must not be reused while an event id that names it is remembered.
  check(
    settings.expiryMs > settings.idMemoryMs && settings.expiryMs > settings.allowedLatenessMs,
    'expiryMs must be larger than idMemoryMs and allowedLatenessMs',
  );
  return settings;
}
