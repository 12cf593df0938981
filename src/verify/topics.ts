/** The topics of one verification: made for it, filled, read back as logs, deleted. */
import { heartbeatRecord } from '../flink/heartbeat.ts';
import type { KafkaOptions } from '../sources/kafka/client.ts';
import { KafkaCluster } from '../sources/kafka/cluster.ts';
import { keyOf } from '../sources/kafka/ingest.ts';
import { type ReadRecord, readTopic } from '../sources/kafka/reader.ts';
import { Sender } from '../sources/kafka/sender.ts';
import { flinkPlansOf, plansOf, Topics } from '../sources/kafka/topics.ts';
import type { Log, LogRecord } from './oracle.ts';

/** Records after which it is looked how many bytes wait for brokers, and how many may. */
const SENT_AT_ONCE = 4_096;
const WAITING_BYTES = 8_388_608;

/** How the events are spread. */
export type Shape = { partitions: number; parallelism: number };

/** With one partition the clicks are in the topic of impressions: one log with all events. */
export function topicNames(prefix: string, { partitions }: Shape) {
  const impressions = `${prefix}-${partitions === 1 ? 'events' : 'impressions'}`;
  return {
    impressions,
    clicks: partitions === 1 ? impressions : `${prefix}-clicks`,
    rejected: `${prefix}-rejected`,
    results: `${prefix}-results`,
    heartbeat: `${prefix}-heartbeat`,
    progress: `${prefix}-progress`,
  };
}

export type VerifyTopicNames = ReturnType<typeof topicNames>;

/** Calls reject with `source_unavailable`. */
export class VerifyTopics {
  readonly names: VerifyTopicNames;
  readonly #shape: Shape;
  readonly #options: KafkaOptions;
  readonly #cluster: KafkaCluster;

  /** The job's group is called `prefix` too: its committed offsets tell how far it is. */
  constructor(options: KafkaOptions, prefix: string, shape: Shape) {
    this.names = topicNames(prefix, shape);
    this.#shape = shape;
    this.#options = options;
    this.#cluster = new KafkaCluster({ ...options, group: prefix, groupInstance: '' });
  }

  get dataTopics(): string[] {
    return [...new Set([this.names.impressions, this.names.clicks])];
  }

  /** Rejects with `source_unavailable` when the brokers do not answer. */
  async reach(): Promise<void> {
    await this.#administered(async (admin) => void (await admin.brokers()));
  }

  async make(): Promise<void> {
    const { partitions, parallelism } = this.#shape;
    await this.#administered(async (admin) => {
      const brokers = await admin.brokers();
      const plans = plansOf(this.names, partitions, brokers);
      const more = flinkPlansOf(this.names, partitions, parallelism, brokers);
      const made = new Set<string>();
      for (const plan of [...plans, ...more]) {
        if (!made.has(plan.name)) await admin.ensure(plan);
        made.add(plan.name);
      }
    });
  }

  /**
   * Sends the records in their order, those of one product into one partition of its topic, and of
   * each at most `maxBytes`.
   */
  async fill(records: readonly LogRecord[], maxBytes: number): Promise<void> {
    const sender = new Sender(this.#options);
    const { impressions, clicks } = this.names;
    try {
      const topics = {
        impression: await sender.topic(impressions),
        click: await sender.topic(clicks),
      };
      let put = 0;
      for (const { bytes } of records) {
        const value = bytes.subarray(0, maxBytes);
        const { product, isClick } = keyOf(
          Buffer.from(value.buffer, value.byteOffset, value.length),
        );
        const key = Buffer.from(product ?? '');
        const keyEnd = product === null ? -1 : key.length;
        const topic = isClick ? topics.click : topics.impression;
        sender.put(topic, key, 0, keyEnd, value, 0, value.length);
        if (++put % SENT_AT_ONCE === 0) await sender.flush(WAITING_BYTES);
      }
      await sender.flush();
    } finally {
      await sender.close();
    }
  }

  /** One heartbeat with event time `timestamp` (epoch ms) for each source subtask. */
  async beat(sender: Sender, timestamp: number): Promise<void> {
    await sender.sendToEach(this.names.heartbeat, heartbeatRecord(timestamp));
  }

  /** Each data partition's end, and the offset that the job committed. */
  async positions(): Promise<{ end: number; committed: number }[]> {
    const places = this.dataTopics.flatMap((topic) =>
      Array.from({ length: this.#shape.partitions }, (_, partition) => ({ topic, partition })),
    );
    return Promise.all(
      places.map(async ({ topic, partition }) => {
        const { end } = await this.#cluster.bounds(topic, partition);
        return { end, committed: (await this.#cluster.committed(topic, partition)) ?? 0 };
      }),
    );
  }

  /** What lies in the data topics, with the brokers' append times. */
  async logs(): Promise<Log[]> {
    const logs = new Map<string, LogRecord[]>();
    for (const topic of this.dataTopics)
      for await (const { partition, offset, timeMs, value } of this.read(topic)) {
        const name = `${topic}-${partition}`;
        const log = logs.get(name) ?? [];
        if (log.length === 0) logs.set(name, log);
        log.push({ offset, arrivalMs: timeMs, bytes: value });
      }
    return [...logs].map(([partition, records]) => ({ partition, records }));
  }

  /** Committed records of a topic up to its end as it is now. */
  read(topic: string): AsyncGenerator<ReadRecord, void> {
    const { signal } = new AbortController();
    return readTopic(this.#options, { topic, from: 'earliest', toEnd: true, signal });
  }

  async remove(): Promise<void> {
    await this.#administered((admin) => admin.remove([...new Set(Object.values(this.names))]));
  }

  async close(): Promise<void> {
    await this.#cluster.close();
  }

  async #administered(act: (admin: Topics) => Promise<void>): Promise<void> {
    const admin = new Topics(this.#options);
    try {
      await act(admin);
    } finally {
      await admin.close();
    }
  }
}
