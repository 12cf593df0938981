/** `clickrate verify --data`, and with `--store redis`: a store against the log it counted. */
import type { Options } from '../config.ts';
import { ClickrateError, messageOf } from '../errors.ts';
import { WINDOW } from '../history.ts';
import { JournalTable } from '../sources/journal/table.ts';
import type { KafkaOptions } from '../sources/kafka/client.ts';
import { KafkaCluster } from '../sources/kafka/cluster.ts';
import { readTopic } from '../sources/kafka/reader.ts';
import { Topics } from '../sources/kafka/topics.ts';
import { JOURNAL_PARTITION, openToRead } from '../sqlite.ts';
import type { Comeback } from '../status.ts';
import { RedisStore } from '../stores/redis/store.ts';
import { everyHistory } from '../stores/sqlite/every-history.ts';
import { SqliteStore } from '../stores/sqlite/store.ts';
import type { ResultReader } from '../stores/store.ts';
import type { LogRecord } from '../verify/oracle.ts';
import {
  type CountedLog,
  type Recount,
  recount,
  type StoreView,
  selfCheck,
} from '../verify/store.ts';
import { existingFileIn, lockOrHolder } from './data.ts';

export type Verified = Recount & {
  /** What was compared, in words. */
  how: string;
};

/**
 * A data directory, read only, also while its process runs: all as of one instant. Throws where a
 * start would refuse it.
 */
export async function verifyDirectory(directory: string): Promise<Verified> {
  const file = existingFileIn(directory);
  const lock = lockOrHolder(directory);
  try {
    const isInUse = typeof lock === 'string';
    const verified = await verifyFile(file, isInUse);
    if (!isInUse) return verified;
    return { ...verified, how: `${verified.how}; the write-ahead log was not checked: ${lock}` };
  } finally {
    if (typeof lock !== 'string') lock.release();
  }
}

async function verifyFile(file: string, isInUse: boolean): Promise<Verified> {
  const db = openToRead(file, isInUse);
  try {
    const view = await viewOf(new SqliteStore(db), async function* (_, newest) {
      yield* everyHistory(db, WINDOW, newest);
    });
    const table = new JournalTable(db);
    const log = journalLog(table);
    const gone = whatIsGone(view, log);
    if (gone === null)
      return { ...(await recount(view, [log])), how: 'the journal has all events' };
    const itself = await selfCheck(view, (offset) => table.missing(offset).count);
    return { ...itself, how: `${gone}: the store is held against itself` };
  } finally {
    db.close();
  }
}

/** What of the events that were counted is not in the journal, in words; null: nothing. */
function whatIsGone({ statuses }: StoreView, { records }: CountedLog): string | null {
  const partitions = [...statuses.values()].flatMap((status) => status.partitions);
  const elsewhere = partitions.map(({ name }) => name).filter((name) => name !== JOURNAL_PARTITION);
  if (elsewhere.length > 0) return `the events of ${elsewhere.join(', ')} are not in the directory`;
  const since = [...statuses.values()][0]?.ledger.since[JOURNAL_PARTITION] ?? 0;
  const position = partitions[0]?.position ?? 0;
  if (position === since || records[0]?.offset === since) return null;
  return `the journal has no event before offset ${records[0]?.offset ?? position}`;
}

type Comebacks = { comebacks(): Promise<(Comeback & { task: string })[]> };

async function viewOf(
  store: ResultReader & Comebacks,
  histories: StoreView['histories'],
): Promise<StoreView> {
  const [statuses, { rows }, comebacks, held] = [
    await store.statuses(),
    await store.load(),
    await store.comebacks(),
    await store.historyHeld(),
  ];
  const oldest = held.levels.find(({ level }) => level === WINDOW)?.oldest ?? null;
  return { statuses, rows, comebacks, oldest, histories };
}

/** Of those asked for: Redis lists the products of its history nowhere. */
function historiesIn(store: RedisStore): StoreView['histories'] {
  return async function* (products, newest) {
    for (const product of products) {
      const span = { levels: [WINDOW], fromMs: -Infinity, toMs: Infinity, products: [product] };
      const windows = (await store.history(span))[0]!;
      yield { product, windows: windows.slice(-newest) };
    }
  };
}

function journalLog(table: JournalTable): CountedLog {
  const records: LogRecord[] = [];
  const { next } = table.head();
  const begin = table.first()?.offset ?? next;
  for (let at = begin; at < next; ) {
    const row = table.rowAt(at);
    if (row === null) break;
    row.ends.forEach((end, i) => {
      const bytes = row.bytes.subarray(row.ends[i - 1] ?? 0, end);
      records.push({ offset: row.first + i, arrivalMs: row.arrivalMs, bytes });
    });
    at = row.first + row.count;
  }
  return { partition: JOURNAL_PARTITION, records, begin };
}

type RedisOptions = KafkaOptions &
  Pick<Options, 'impressionsTopic' | 'clicksTopic' | 'redis' | 'redisPassword'>;

/** Redis against the topics, up to the positions of the checkpoints. */
export async function verifyRedis(options: RedisOptions, signal: AbortSignal): Promise<Verified> {
  const store = new RedisStore({ url: options.redis, password: options.redisPassword });
  try {
    const before = await store.committed();
    const mustBeQuiet = async () => {
      const after = await store.committed();
      if (before.some(({ number }, i) => number !== after[i]?.number))
        throw new ClickrateError(
          'not_ready',
          'an engine commits while the store is read: ' +
            'stop the engines, or verify when all is quiet',
        );
    };
    const view = await viewOf(store, historiesIn(store));
    // All records take long to read.
    await mustBeQuiet();
    const logs: CountedLog[] = [];
    for (const topic of [options.impressionsTopic, options.clicksTopic])
      logs.push(...(await topicLogs(options, topic, signal)));
    const found = await recount(view, logs);
    // Histories are read product by product, last.
    await mustBeQuiet();
    return { ...found, how: await completeness(options) };
  } finally {
    await store.close();
  }
}

/** Whether the topics can have all events, in words: compaction leaves no sign in the log. */
async function completeness(options: RedisOptions): Promise<string> {
  const topics = new Topics(options);
  const compacted: string[] = [];
  try {
    for (const name of [options.impressionsTopic, options.clicksTopic])
      if (await topics.isCompacted(name)) compacted.push(name);
  } catch (error) {
    return `the topics have all events, unless they are compacted: ${messageOf(error)}`;
  } finally {
    await topics.close();
  }
  if (compacted.length === 0) return 'the topics have all events';
  const names = compacted.join(' and ');
  return `of ${names}, compacted, only what the brokers have left is compared`;
}

async function topicLogs(
  options: KafkaOptions,
  topic: string,
  signal: AbortSignal,
): Promise<CountedLog[]> {
  const read = readTopic(options, { topic, from: 'earliest', toEnd: true, signal });
  const records = new Map<number, LogRecord[]>();
  for await (const { partition, offset, timeMs, value } of read) {
    const log = records.get(partition) ?? [];
    if (log.length === 0) records.set(partition, log);
    log.push({ offset, arrivalMs: timeMs, bytes: value });
  }
  // What was not read would be taken for missing.
  if (signal.aborted) throw new ClickrateError('stopping', 'interrupted: nothing was verified');
  // Asked afterwards: what is still there was there when it was read.
  const begins = await beginsOf(options, topic);
  return begins.map((begin, partition) => ({
    partition: `${topic}-${partition}`,
    begin,
    records: records.get(partition) ?? [],
  }));
}

/** The first offset that each partition has. */
async function beginsOf(options: KafkaOptions, topic: string): Promise<number[]> {
  const cluster = new KafkaCluster({ ...options, group: options.clientId, groupInstance: '' });
  try {
    const { partitionsCount } = await cluster.topic(topic, true);
    const partitions = Array.from({ length: partitionsCount }, (_, partition) => partition);
    return await Promise.all(partitions.map(async (p) => (await cluster.bounds(topic, p)).first));
  } finally {
    await cluster.close();
  }
}
