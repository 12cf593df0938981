/** Generated traffic into Kafka: the generator says where products lie, so nothing is parsed. */
import { CLICK } from '../../event.ts';
import type { WrittenBatch } from '../event-writer.ts';
import { type IngestTopics, keyOf } from './ingest.ts';
import type { Sender, SendTopic } from './sender.ts';

export class TrafficWriter {
  readonly #sender: Sender;
  readonly #impressions: SendTopic;
  readonly #clicks: SendTopic;

  constructor(sender: Sender, impressions: SendTopic, clicks: SendTopic) {
    this.#sender = sender;
    this.#impressions = impressions;
    this.#clicks = clicks;
  }

  /** Rejects with `source_unavailable`, also where a topic is not there. */
  static async open(sender: Sender, topics: IngestTopics): Promise<TrafficWriter> {
    const impressions = await sender.topic(topics.impressions);
    return new TrafficWriter(sender, impressions, await sender.topic(topics.clicks));
  }

  /** Takes copies of the records; the sender's `flush` sends them. */
  put({ bytes, count, starts, ends, keyStarts, keyEnds, kinds }: WrittenBatch): void {
    const sender = this.#sender;
    for (let i = 0; i < count; i++) {
      const [start, end] = [starts[i], ends[i]];
      if (keyEnds[i] < keyStarts[i]) {
        this.#putBroken(bytes.subarray(start, end));
        continue;
      }
      const topic = kinds[i] === CLICK ? this.#clicks : this.#impressions;
      sender.put(topic, bytes, keyStarts[i], keyEnds[i], bytes, start, end);
    }
  }

  #putBroken(value: Uint8Array): void {
    const { product, isClick } = keyOf(value);
    const key = Buffer.from(product ?? '');
    const topic = isClick ? this.#clicks : this.#impressions;
    this.#sender.put(topic, key, 0, product === null ? -1 : key.length, value, 0, value.length);
  }
}
