/** Writes records to Kafka, once each: acknowledged by all in-sync replicas, numbered. */
import { systemClock } from '../../clock.ts';
import type { KafkaOptions } from './client.ts';
import { KafkaCluster } from './cluster.ts';
import { type Headers, headerBytes } from './headers.ts';
import { type Delivery, ProduceLane } from './produce-lane.ts';
import { partitionOf } from './produce-partition.ts';

/** A record to send; without a key it goes to any partition. */
export type Outgoing = {
  topic: string;
  key: Buffer | null;
  value: Buffer;
  headers?: Headers;
};

/** The partitions of a topic. */
export type SendTopic = { readonly name: string; readonly lanes: readonly ProduceLane[] };

export type SenderOptions = {
  /** How long a record is tried; Infinity: until it is taken. */
  giveUpMs?: number;
  /** Told of each try that failed. */
  onTrouble?: (sentence: string) => void;
};

/** Longer than a broker's fail-over takes, shorter than a client of the API waits. */
const GIVE_UP_MS = 20_000;

const NO_KEY = new Uint8Array(0);

export class Sender {
  readonly #cluster: KafkaCluster;
  readonly #giveUpMs: number;
  readonly #onTrouble: (sentence: string) => void;
  readonly #topics = new Map<string, SendTopic>();
  /** Whose partitions are being counted again. */
  readonly #counting = new Set<SendTopic>();
  /** What was put and is not yet acknowledged, oldest first. */
  readonly #underWay = new Set<Delivery>();
  #failure: unknown = null;
  /** Partition of records without a key: the next one for each call. */
  #turn = 0;
  #isClosed = false;
  /** Records that were acknowledged, and that were given up: those may be in the log or not. */
  sent = 0;
  lost = 0;

  constructor(options: KafkaOptions, { giveUpMs, onTrouble }: SenderOptions = {}) {
    this.#giveUpMs = giveUpMs ?? GIVE_UP_MS;
    this.#onTrouble = onTrouble ?? (() => {});
    this.#cluster = new KafkaCluster({ ...options, group: options.clientId, groupInstance: '' });
  }

  /** Bytes that are not acknowledged. */
  get waitingBytes(): number {
    let bytes = 0;
    for (const { batch } of this.#underWay) bytes += batch.size;
    return bytes;
  }

  /** The topic to `put` to. Rejects with `source_unavailable`, also when there is none. */
  async topic(name: string): Promise<SendTopic> {
    const known = this.#topics.get(name);
    if (known !== undefined) return known;
    const { partitionsCount } = await this.#cluster.topic(name, true);
    const parts = { cluster: this.#cluster, clock: systemClock, topic: name };
    const more = { giveUpMs: this.#giveUpMs, onTrouble: this.#onTrouble };
    const lanes = Array.from(
      { length: partitionsCount },
      (_, partition) => new ProduceLane({ ...parts, ...more, partition }),
    );
    const topic = this.#topics.get(name) ?? { name, lanes };
    this.#topics.set(name, topic);
    return topic;
  }

  /**
   * Takes a copy of a record; `flush` sends it. `key[keyStart, keyEnd)` decides its partition; a
   * `keyEnd` before `keyStart` means no key.
   */
  put(
    { lanes }: SendTopic,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    start: number,
    end: number,
    headers: Buffer | null = null,
  ): Delivery {
    const isKeyed = keyEnd >= keyStart;
    const partition = isKeyed
      ? partitionOf(key, keyStart, keyEnd, lanes.length)
      : this.#turn % lanes.length;
    const bytes = end - start + (isKeyed ? keyEnd - keyStart : 0) + (headers?.length ?? 0);
    const delivery = this.room(lanes[partition], bytes);
    delivery.batch.add(key, keyStart, keyEnd, value, start, end, headers);
    return delivery;
  }

  /** Where the caller adds one record of so many bytes at most; `flush` sends it. */
  room(lane: ProduceLane, bytes: number): Delivery {
    const delivery = lane.open(bytes);
    if (delivery.records++ === 0) this.#watch(delivery);
    return delivery;
  }

  #watch(delivery: Delivery): void {
    this.#underWay.add(delivery);
    delivery.done.then(
      () => {
        this.sent += delivery.records;
        this.#underWay.delete(delivery);
      },
      (error: unknown) => {
        this.lost += delivery.records;
        this.#failure ??= error;
        this.#underWay.delete(delivery);
        // Where nobody answers, the next one that is given up asks again.
        this.#countAgain(delivery.lane).catch(() => {});
      },
    );
  }

  /** A topic made anew may have fewer partitions: what goes to the others nobody would take. */
  async #countAgain(lane: ProduceLane): Promise<void> {
    const topic = [...this.#topics.values()].find(({ lanes }) => lanes.includes(lane));
    if (topic === undefined || this.#counting.has(topic) || this.#isClosed) return;
    this.#counting.add(topic);
    const { name, lanes } = topic;
    try {
      const { partitionsCount } = await this.#cluster.topic(name, true);
      if (partitionsCount >= lanes.length) return;
      this.#topics.set(name, { name, lanes: lanes.slice(0, partitionsCount) });
      for (const gone of lanes.slice(partitionsCount)) gone.close();
    } finally {
      this.#counting.delete(topic);
    }
  }

  /** Resolves when all are acknowledged. Rejects when some are not, after all were tried. */
  async send(records: readonly Outgoing[]): Promise<void> {
    const topics = new Map<string, SendTopic>();
    for (const { topic } of records)
      if (!topics.has(topic)) topics.set(topic, await this.topic(topic));
    this.#turn++;
    const deliveries = new Set<Delivery>();
    for (const { topic, key, value, headers } of records) {
      const to = topics.get(topic) as SendTopic;
      const more = headers === undefined ? null : headerBytes(headers);
      const keyEnd = key === null ? -1 : key.length;
      deliveries.add(this.put(to, key ?? NO_KEY, 0, keyEnd, value, 0, value.length, more));
    }
    for (const { lane } of deliveries) lane.run();
    const settled = await Promise.allSettled([...deliveries].map(({ done }) => done));
    const failed = settled.find(({ status }) => status === 'rejected');
    if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
  }

  /** Sends the value into each partition, without a key; resolves when all are acknowledged. */
  async sendToEach(name: string, value: Buffer): Promise<void> {
    const { lanes } = await this.topic(name);
    const deliveries = lanes.map((lane) => {
      const delivery = this.room(lane, value.length);
      delivery.batch.add(NO_KEY, 0, -1, value, 0, value.length, null);
      lane.run();
      return delivery.done;
    });
    await Promise.all(deliveries);
  }

  /**
   * Sends what was put; resolves when at most `maxBytes` are not acknowledged. Rejects when
   * something was given up since the last call.
   */
  async flush(maxBytes = 0): Promise<void> {
    this.#turn++;
    for (const { lanes } of this.#topics.values()) for (const lane of lanes) lane.run();
    for (const { done } of this.#underWay) {
      if (maxBytes > 0 && this.waitingBytes <= maxBytes) break;
      await done.catch(() => {});
    }
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure;
  }

  /** Gives up what is not acknowledged. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { lanes } of this.#topics.values()) for (const lane of lanes) lane.close();
    await Promise.allSettled([...this.#underWay].map(({ done }) => done));
    await this.#cluster.close();
  }
}
