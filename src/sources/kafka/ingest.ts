/**
 * Events taken over HTTP, into Kafka: durable when all in-sync replicas have them. What cannot be
 * read goes there too, without a key, so that it ends in the ledger like everything else.
 */
import { type Limits, MOST_ID_BYTES } from '../../config.ts';
import { ClickrateError } from '../../errors.ts';
import type { RecordSlices } from '../../event.ts';
import type { Outgoing, Sender } from './sender.ts';

export type IngestTopics = { impressions: string; clicks: string };

/** A broker refuses batches beyond its `max.message.bytes`: 1 MiB, with what is around records. */
export const MAX_RECORD_BYTES = 900_000;

const utf8 = new TextDecoder('utf-8', { fatal: true });

export class KafkaIngest {
  readonly #sender: Sender;
  readonly #topics: IngestTopics;
  readonly #limits: Limits;
  #bytesUnderWay = 0;

  constructor(sender: Sender, topics: IngestTopics, limits: Limits) {
    this.#sender = sender;
    this.#topics = topics;
    this.#limits = limits;
  }

  /** Bytes that wait to be acknowledged. */
  get backlogBytes(): number {
    return this.#bytesUnderWay;
  }

  /**
   * Resolves when all records are acknowledged. Rejects with `journal_full` when too much is under
   * way, with `body_too_large` when one is too large for Kafka, with `source_unavailable` when the
   * brokers do not take them: some may be there all the same, so events that must not count twice
   * need an `event_id`.
   */
  async push(records: RecordSlices): Promise<void> {
    const { bytes, starts, ends, count } = records;
    const size = count === 0 ? 0 : ends[count - 1] - starts[0];
    if (this.#bytesUnderWay > 0 && this.#bytesUnderWay + size > this.#limits.journalBytes)
      throw new ClickrateError(
        'journal_full',
        `${this.#bytesUnderWay} bytes wait to be taken by Kafka; send later`,
      );
    const outgoing: Outgoing[] = [];
    for (let i = 0; i < count; i++) {
      const value = Buffer.from(bytes.buffer, bytes.byteOffset + starts[i], ends[i] - starts[i]);
      if (value.length > MAX_RECORD_BYTES) throw tooLarge(i, value.length);
      outgoing.push({ ...this.#placeOf(value), value });
    }
    this.#bytesUnderWay += size;
    try {
      await this.#sender.send(outgoing);
    } finally {
      this.#bytesUnderWay -= size;
    }
  }

  #placeOf(value: Buffer): { topic: string; key: Buffer | null } {
    const { impressions, clicks } = this.#topics;
    const { product, isClick } = keyOf(value);
    const key = product === null ? null : Buffer.from(product);
    // A longer one is no product id, whatever the settings say.
    const isLong = key !== null && key.length > MOST_ID_BYTES;
    return { topic: isClick ? clicks : impressions, key: isLong ? null : key };
  }
}

function tooLarge(index: number, size: number): ClickrateError {
  return new ClickrateError(
    'body_too_large',
    `event ${index} has ${size} bytes: Kafka takes no more than ${MAX_RECORD_BYTES}`,
  );
}

/** What decides where a record goes; null: it names no product. */
export function keyOf(value: Uint8Array): { product: string | null; isClick: boolean } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(utf8.decode(value));
  } catch {
    return { product: null, isClick: false };
  }
  if (typeof parsed !== 'object' || parsed === null) return { product: null, isClick: false };
  const { product_id: id, event_type: type } = parsed as Record<string, unknown>;
  const isInteger = typeof id === 'number' && Number.isSafeInteger(id);
  const product = typeof id === 'string' && id !== '' ? id : isInteger ? String(id) : null;
  return { product, isClick: type === 'click' };
}
