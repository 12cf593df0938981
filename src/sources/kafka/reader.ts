/** Reads a topic with its headers and keys, record by record: for people and repairs, not speed. */
import { randomUUID } from 'node:crypto';
import { Consumer } from '@platformatic/kafka';
import type { KafkaOptions } from './client.ts';
import { clientOptions } from './client.ts';
import { KafkaCluster, unavailable } from './cluster.ts';

export type ReadRecord = {
  partition: number;
  offset: number;
  timeMs: number;
  key: Buffer | null;
  value: Buffer;
  headers: Record<string, string>;
};

export type ReadPlan = {
  topic: string;
  /** Where each partition is begun. */
  from: 'earliest' | 'latest';
  /** Stops at the end as it is now; else it goes on until `signal` is aborted. */
  toEnd: boolean;
  signal: AbortSignal;
};

const LOOK_MS = 200;

/**
 * The records of a topic, partition by partition interleaved; it ends without an error when the
 * signal is aborted. Throws `source_unavailable`.
 */
export async function* readTopic(
  options: KafkaOptions,
  plan: ReadPlan,
): AsyncGenerator<ReadRecord, void> {
  if (plan.signal.aborted) return;
  // A group of its own that commits nothing: it leaves no trace.
  const group = `${options.clientId}-read-${randomUUID()}`;
  const cluster = new KafkaCluster({ ...options, group, groupInstance: '' });
  const consumer = new Consumer({
    ...clientOptions(options),
    ...{ groupId: group, autocommit: false, retries: 3, retryDelay: 300 },
  });
  consumer.on('error', () => {});
  let watch: NodeJS.Timeout | undefined;
  let wasOver = false;
  try {
    const places = await placesOf(cluster, plan);
    const open = new Map(places.filter(({ at, end }) => at < end).map((p) => [p.partition, p.end]));
    if (plan.toEnd && open.size === 0) return;
    const stream = await consumer.consume({
      ...{ topics: [plan.topic], mode: 'manual', isolationLevel: 1 },
      ...{ maxBytes: 1_048_576, maxWaitTime: 200, sessionTimeout: 10_000 },
      offsets: places.map(({ partition, at }) => ({
        ...{ topic: plan.topic, partition, offset: BigInt(at) },
      })),
    });
    const stop = () => void stream.destroy();
    plan.signal.addEventListener('abort', stop, { once: true });
    // It may have been while the stream was opened.
    if (plan.signal.aborted) stop();
    // The last records may be marks of transactions, which are never handed out.
    const isRead = ([partition, end]: [number, number]) =>
      (stream.offsetsToFetch.get(`${plan.topic}:${partition}`) ?? 0n) >= BigInt(end);
    watch = setInterval(() => {
      const isOver = plan.toEnd && stream.readableLength === 0 && [...open].every(isRead);
      if (isOver && wasOver) stop();
      wasOver = isOver;
    }, LOOK_MS);
    for await (const message of stream) {
      const { partition, key, value, headers } = message;
      const offset = Number(message.offset);
      const end = open.get(partition);
      if (!plan.toEnd || (end !== undefined && offset < end))
        yield {
          ...{ partition, offset, timeMs: Number(message.timestamp), value },
          key: key ?? null,
          headers: Object.fromEntries([...headers].map(([k, v]) => [String(k), String(v)])),
        };
      if (end !== undefined && offset >= end - 1) open.delete(partition);
      if (plan.toEnd && open.size === 0) break;
    }
  } catch (error) {
    if (!plan.signal.aborted && !wasOver) throw unavailable(`reading ${plan.topic}`, error);
  } finally {
    clearInterval(watch);
    await consumer.close(true).catch(() => {});
    await cluster.close();
  }
}

async function placesOf(cluster: KafkaCluster, { topic, from }: ReadPlan) {
  const { partitionsCount } = await cluster.topic(topic, true);
  return Promise.all(
    Array.from({ length: partitionsCount }, async (_, partition) => {
      const { first, end } = await cluster.bounds(topic, partition);
      const at = from === 'earliest' ? first : end;
      return { partition, at, end };
    }),
  );
}
