/** What a source asks a Kafka cluster beside records: topics, leaders, offsets. */
import {
  type BaseOptions,
  type ClusterTopicMetadata,
  Consumer,
  type ConsumerOptions,
  findErrorBy,
} from '@platformatic/kafka';
import { ClickrateError, messageOf } from '../../errors.ts';
import { clientOptions, type KafkaOptions } from './client.ts';
import { type BrokerAddress, BrokerConnection, type BrokerLine } from './connection.ts';
import { FETCH_KEY, FETCH_VERSION } from './fetch.ts';

/** Tries of the library itself are few and quick: whoever calls tries again, and says so. */
const RETRIES = { retries: 1, retryDelay: 200 };
/** How long known leaders are believed while nothing contradicts them. */
const METADATA_MAX_AGE_MS = 60_000;

/** A member of no group. Without one the library would not end its heartbeats when closed. */
const NOBODY = 'given up';

const EARLIEST = -2n;
const LATEST = -1n;

/** How brokers are reached: other ways take its place in a simulation. */
export type Reach = {
  consumer(options: ConsumerOptions<Buffer, Buffer, Buffer, Buffer>): Consumer;
  connect(address: BrokerAddress, options: BaseOptions): BrokerLine;
};

const NETWORK: Reach = {
  consumer: (options) => new Consumer(options),
  connect: (address, options) => new BrokerConnection(address, options),
};

export type Group = { group: string; groupInstance: string };

/** An offset, and the time of the record there; null: there is no such record. */
export type Found = { offset: number; timeMs: number } | null;

export class KafkaCluster {
  readonly options: KafkaOptions & Group;
  readonly reach: Reach;
  /** What each connection is made with. */
  readonly clientOptions: BaseOptions;
  #consumer: Consumer;
  /** Brokers have said that they know the requests that fetch. */
  #isNew = false;

  constructor(options: KafkaOptions & Group, reach: Reach = NETWORK) {
    this.options = options;
    this.reach = reach;
    this.clientOptions = clientOptions(options);
    this.#consumer = this.#newConsumer();
  }

  get consumer(): Consumer {
    return this.#consumer;
  }

  /** Begins with another client, which is the same member of the group and knows nothing else. */
  renew(): void {
    const old = this.#consumer;
    this.#consumer = this.#newConsumer();
    this.#consumer.memberId = old.memberId;
    void giveUp(old);
  }

  #newConsumer(): Consumer {
    const { group, groupInstance } = this.options;
    const consumer = this.reach.consumer({
      ...this.clientOptions,
      ...RETRIES,
      metadataMaxAge: METADATA_MAX_AGE_MS,
      groupId: group,
      autocommit: false,
      ...(groupInstance === '' ? {} : { groupInstanceId: groupInstance }),
    });
    // Without a listener an error of the client would end the process; calls tell theirs.
    consumer.on('error', () => {});
    return consumer;
  }

  /** Id and partitions of a topic. Throws `source_unavailable`, also when there is none. */
  async topic(name: string, isFresh = false): Promise<ClusterTopicMetadata> {
    const { topics } = await this.#metadata(name, isFresh);
    const topic = topics.get(name);
    if (topic === undefined || topic.partitionsCount === 0) throw noTopic(name);
    return topic;
  }

  /** The broker that leads a partition, as just asked. Throws `source_unavailable`. */
  async leader(name: string, partition: number): Promise<BrokerAddress & { topicId: string }> {
    const { topics, brokers } = await this.#metadata(name, true);
    const topic = topics.get(name);
    if (topic === undefined) throw noTopic(name);
    const broker = brokers.get(topic.partitions[partition]?.leader ?? -1);
    if (broker === undefined)
      throw new ClickrateError('source_unavailable', `${name}-${partition} has no leader now`);
    return { host: broker.host, port: broker.port, topicId: topic.id };
  }

  async #metadata(name: string, forceUpdate: boolean) {
    await this.#mustBeNew();
    try {
      return await this.consumer.metadata({ topics: [name], forceUpdate });
    } catch (error) {
      if (findErrorBy(error as Error, 'apiId', 'UNKNOWN_TOPIC_OR_PARTITION')) throw noTopic(name);
      const failure = unavailable('asking for the topics', error);
      // The library may have found out by itself.
      throw /unknown topic/i.test(failure.message) ? noTopic(name) : failure;
    }
  }

  /** A broker that does not know a request closes the connection without a word. */
  async #mustBeNew(): Promise<void> {
    if (this.#isNew) return;
    const last = await this.#lastFetchVersion();
    if (last < FETCH_VERSION)
      throw new ClickrateError(
        'source_unavailable',
        `the brokers take Fetch up to version ${last}; ${FETCH_VERSION} is needed, as of Kafka 3.1`,
      );
    this.#isNew = true;
  }

  async #lastFetchVersion(): Promise<number> {
    try {
      const apis = await this.consumer.listApis();
      return apis.find(({ apiKey }) => apiKey === FETCH_KEY)?.maxVersion ?? 0;
    } catch (error) {
      throw unavailable('asking the brokers what they know', error);
    }
  }

  /** First offset, and the offset behind the last record, of a partition. */
  async bounds(topic: string, partition: number): Promise<{ first: number; end: number }> {
    const [first, end] = await Promise.all([
      this.#offset(topic, partition, EARLIEST),
      this.#offset(topic, partition, LATEST),
    ]);
    return { first, end };
  }

  async #offset(topic: string, partition: number, timestamp: bigint): Promise<number> {
    const { offset } = await this.#listed(topic, partition, timestamp);
    return Number(offset);
  }

  /** The first record whose time is `timeMs` or later. */
  async firstSince(topic: string, partition: number, timeMs: number): Promise<Found> {
    const { offset, timestamp } = await this.#listed(topic, partition, BigInt(timeMs));
    return offset < 0n ? null : { offset: Number(offset), timeMs: Number(timestamp) };
  }

  async #listed(topic: string, partition: number, timestamp: bigint) {
    const partitions = { [topic]: [partition] };
    const query = { topics: [topic], partitions, timestamp, isolationLevel: 1 };
    try {
      const answer = await this.consumer.listOffsetsWithTimestamps(query);
      const found = answer.get(topic)?.get(partition);
      if (found !== undefined) return found;
    } catch (error) {
      throw unavailable(`asking for the offsets of ${topic}-${partition}`, error);
    }
    throw new ClickrateError('source_unavailable', `no offsets of ${topic}-${partition}`);
  }

  /** The offset that the group committed, or null. */
  async committed(topic: string, partition: number): Promise<number | null> {
    try {
      const topics = [{ topic, partitions: [partition] }];
      const answer = await this.consumer.listCommittedOffsets({ topics });
      const offset = answer.get(topic)?.[partition] ?? -1n;
      return offset < 0n ? null : Number(offset);
    } catch (error) {
      throw unavailable('asking for committed offsets', error);
    }
  }

  async close(): Promise<void> {
    // A cluster that is away cannot be told; the session ends by itself.
    await this.consumer.close(true).catch(() => {});
  }
}

/**
 * Closes a client whose member another one goes on as. Closing says that the member leaves: were it
 * said of that one, it would be out of the group it has just joined, a static member too. Never
 * rejects.
 */
async function giveUp(consumer: Consumer): Promise<void> {
  if (consumer.memberId !== null) consumer.memberId = NOBODY;
  try {
    await consumer.close(true);
  } catch {
    // A coordinator that did not answer keeps it open. By now its heartbeats have ended.
    consumer.memberId = null;
    await consumer.close(true).catch(() => {});
  }
}

function noTopic(name: string): ClickrateError {
  return new ClickrateError(
    'source_unavailable',
    `there is no topic ${name}; make it with: clickrate topics create (--flink: also the job's)`,
  );
}

/** Whether a request was for a broker that the cluster's metadata no longer names. */
export function isOfBrokerGone(error: unknown): boolean {
  const found = findErrorBy(error as Error, 'hasStaleMetadata', true);
  return found !== null && findErrorBy(found, 'code', 'PLT_KFK_NETWORK') === found;
}

/** Errors of the library lie inside each other so deep at most. */
const DEPTH = 16;

/** Why a call of the library failed: the innermost two sentences say what it was. */
export function reasonOf(error: unknown): string {
  const sentences = new Set<string>();
  let at: unknown = error;
  for (let depth = 0; at instanceof Error && depth < DEPTH; depth++) {
    sentences.add(at.message.replace(/\.$/, ''));
    at = at.cause ?? (at instanceof AggregateError ? at.errors[0] : null);
  }
  return sentences.size === 0 ? messageOf(error) : [...sentences].slice(-2).join(': ');
}

/** A call of the library that failed, as an error of ours. */
export function unavailable(what: string, error: unknown): ClickrateError {
  const sentence = `${what} fails: ${reasonOf(error)}`;
  return new ClickrateError('source_unavailable', sentence, { cause: error });
}
