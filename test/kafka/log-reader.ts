/**
 * Reads whole topics with the client library, not with our own fetch path, for the oracle. Arrival
 * is worked out from the head of each batch as Kafka's documentation says it.
 */
import { Consumer, fetchV17, type RecordsBatch } from '@platformatic/kafka';
import type { Log, LogRecord } from '../../src/verify/oracle.ts';

const APPEND_TIME = 0x08;
const CONTROL = 0x20;
const READ_COMMITTED = 1;

/** Every record of every partition of `topics`, or of one; logs are called `topic-partition`. */
export async function readTopics(
  bootstrap: string,
  topics: readonly string[],
  only?: number,
): Promise<Log[]> {
  return eachPartition(bootstrap, topics, only, async (consumer, topic, partition) => ({
    partition: `${topic}-${partition}`,
    records: await readPartition(consumer, topic, partition),
  }));
}

/** How many records each partition has, control records included; nothing is read. */
export async function endsOf(bootstrap: string, topics: readonly string[]) {
  return eachPartition(bootstrap, topics, undefined, async (consumer, topic, partition) => {
    const end = Number(await boundOf(consumer, topic, partition, -1n));
    return { partition: `${topic}-${partition}`, last: end === 0 ? null : end - 1 };
  });
}

type Look<T> = (consumer: Consumer, topic: string, partition: number) => Promise<T>;

async function eachPartition<T>(
  bootstrap: string,
  topics: readonly string[],
  only: number | undefined,
  look: Look<T>,
): Promise<T[]> {
  const consumer = new Consumer({
    clientId: 'oracle',
    groupId: 'oracle',
    bootstrapBrokers: bootstrap.split(','),
    autocommit: false,
  });
  try {
    const seen: T[] = [];
    for (const topic of topics) {
      const { topics: found } = await consumer.metadata({ topics: [topic], forceUpdate: true });
      const { partitionsCount } = found.get(topic)!;
      for (let partition = 0; partition < partitionsCount; partition++)
        if (only === undefined || only === partition)
          seen.push(await look(consumer, topic, partition));
    }
    return seen;
  } finally {
    await consumer.close(true);
  }
}

async function boundOf(
  consumer: Consumer,
  topic: string,
  partition: number,
  timestamp: bigint,
): Promise<bigint> {
  const partitions = { [topic]: [partition] };
  return (await consumer.listOffsets({ topics: [topic], partitions, timestamp })).get(topic)![
    partition
  ];
}

async function readPartition(
  consumer: Consumer,
  topic: string,
  partition: number,
): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  const end = await boundOf(consumer, topic, partition, -1n);
  for (let offset = await boundOf(consumer, topic, partition, -2n); offset < end; ) {
    const metadata = await consumer.metadata({ topics: [topic] });
    const { id, partitions: places } = metadata.topics.get(topic)!;
    const { leader } = places[partition];
    const connection = (await consumer.connectToBrokers([leader])).get(leader)!;
    const at = {
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: offset,
      lastFetchedEpoch: -1,
      partitionMaxBytes: 4_194_304,
    };
    const wanted = [{ topicId: id, partitions: [at] }];
    const answer = await fetchV17.api.async(
      connection,
      100,
      1,
      8_388_608,
      READ_COMMITTED,
      0,
      -1,
      wanted,
      [],
      '',
    );
    const batches = answer.responses[0]?.partitions[0]?.records ?? [];
    for (const batch of batches) offset = takeBatch(batch, offset, records);
  }
  return records;
}

/** The tests that read so have no aborted transactions. */
function takeBatch(batch: RecordsBatch, from: bigint, records: LogRecord[]): bigint {
  const next = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
  if (batch.attributes & CONTROL) return next;
  for (const record of batch.records) {
    const offset = batch.firstOffset + BigInt(record.offsetDelta);
    if (offset < from) continue;
    const arrival =
      batch.attributes & APPEND_TIME
        ? batch.maxTimestamp
        : batch.firstTimestamp + record.timestampDelta;
    const bytes = record.value ?? Buffer.alloc(0);
    records.push({ offset: Number(offset), arrivalMs: Number(arrival), bytes });
  }
  return next;
}
