/**
 * Generated traffic into Kafka: each event is written where it is sent from, in the batch of its
 * partition, and its product's partition is looked up, not hashed again.
 */
import { CLICK } from '../../event.ts';
import { type EventOut, writeName } from '../event-text.ts';
import { type IngestTopics, keyOf } from './ingest.ts';
import { partitionOf } from './produce-partition.ts';
import type { Sender, SendTopic } from './sender.ts';

/** More bytes than an event and its key can have. */
const EVENT_BYTES = 512;
const NAME_BYTES = 64;
const FIRST_PRODUCTS = 1_024;

export class TrafficWriter implements EventOut {
  readonly #sender: Sender;
  #impressions: Destination | null = null;
  #clicks: Destination | null = null;

  constructor(sender: Sender) {
    this.#sender = sender;
  }

  /** Comes before the first event. Rejects with `source_unavailable`, also without a topic. */
  async open(topics: IngestTopics): Promise<void> {
    this.#impressions = new Destination(await this.#sender.topic(topics.impressions));
    this.#clicks = new Destination(await this.#sender.topic(topics.clicks));
  }

  /** The sender's `flush` sends it. */
  event(
    kind: number,
    product: number,
    ts: number,
    user: number,
    session: number,
    id: Uint32Array | null,
    from: number,
  ): void {
    const to = (kind === CLICK ? this.#clicks : this.#impressions) as Destination;
    const { batch } = this.#sender.room(to.topic.lanes[to.partitionOf(product)], EVENT_BYTES);
    batch.addEvent(kind, product, ts, user, session, id, from);
  }

  raw(value: Uint8Array): void {
    const { product, isClick } = keyOf(value);
    const key = Buffer.from(product ?? '');
    const { topic } = (isClick ? this.#clicks : this.#impressions) as Destination;
    this.#sender.put(topic, key, 0, product === null ? -1 : key.length, value, 0, value.length);
  }
}

/** A topic, and the partition of each product met so far. */
class Destination {
  readonly topic: SendTopic;
  /** By product: its partition and one; 0: not known yet. */
  #known = new Uint32Array(FIRST_PRODUCTS);

  constructor(topic: SendTopic) {
    this.topic = topic;
  }

  partitionOf(product: number): number {
    const known = product < this.#known.length ? this.#known[product] : 0;
    return known > 0 ? known - 1 : this.#learn(product);
  }

  #learn(product: number): number {
    while (product >= this.#known.length) {
      const larger = new Uint32Array(this.#known.length * 2);
      larger.set(this.#known);
      this.#known = larger;
    }
    const name = new Uint8Array(NAME_BYTES);
    const end = writeName(new DataView(name.buffer), 0, product);
    const partition = partitionOf(name, 0, end, this.topic.lanes.length);
    this.#known[product] = partition + 1;
    return partition;
  }
}
