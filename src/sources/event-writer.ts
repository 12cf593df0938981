/**
 * Writes events as the original's producers do (Python's `json.dumps`: a space behind `:` and `,`)
 * into one growing buffer of records, without an object an event.
 */
import { CLICK, type RecordBatch, recordBatch } from '../event.ts';
import type { SeededRandom } from './random.ts';

const encoder = new TextEncoder();
const USER = encoder.encode('{"user_id": "user_');
const PRODUCT = encoder.encode('", "product_id": "product');
const TIME = encoder.encode('", "timestamp": ');
const IMPRESSION_TYPE = encoder.encode(', "event_type": "impression", "session_id": "session_');
const CLICK_TYPE = encoder.encode(', "event_type": "click", "session_id": "session_');
const ID = encoder.encode('", "event_id": "');
const END = encoder.encode('"}');
/** More bytes than an event can have. */
const LONGEST = 320;
const HEX = encoder.encode('0123456789abcdef');

export class EventWriter {
  batch: RecordBatch = recordBatch(new Uint8Array(262_144), 1_024);
  #at = 0;

  clear(): void {
    this.batch.count = 0;
    this.#at = 0;
  }

  /** Bytes written since the last `clear`. */
  get size(): number {
    return this.#at;
  }

  /** Adds an event of `product` (counted from 1); an id is written when `id` is not null. */
  event(
    kind: number,
    product: number,
    ts: number,
    user: number,
    session: number,
    id: Uint32Array | null,
  ): void {
    const i = this.#begin(LONGEST);
    this.#bytes(USER);
    this.#number(user);
    this.#bytes(PRODUCT);
    this.#number(product);
    this.#bytes(TIME);
    this.#number(ts);
    this.#bytes(kind === CLICK ? CLICK_TYPE : IMPRESSION_TYPE);
    this.#number(session);
    if (id !== null) {
      this.#bytes(ID);
      for (const word of id) this.#hex(word);
    }
    this.#bytes(END);
    this.batch.ends[i] = this.#at;
  }

  /** Adds any bytes as a record. */
  raw(bytes: Uint8Array): void {
    const i = this.#begin(bytes.length);
    this.#bytes(bytes);
    this.batch.ends[i] = this.#at;
  }

  /** Takes the record written last away. */
  dropLast(): void {
    const i = --this.batch.count;
    this.#at = this.batch.starts[i];
  }

  /** The bytes of the record written last. */
  last(): Uint8Array {
    const i = this.batch.count - 1;
    return this.batch.bytes.slice(this.batch.starts[i], this.batch.ends[i]);
  }

  #begin(size: number): number {
    const { batch } = this;
    if (batch.count === batch.starts.length || this.#at + size > batch.bytes.length)
      this.batch = enlarged(batch, this.#at + size);
    const i = this.batch.count++;
    this.batch.starts[i] = this.#at;
    return i;
  }

  #bytes(bytes: Uint8Array): void {
    const to = this.batch.bytes;
    let at = this.#at;
    for (let n = 0; n < bytes.length; n++) to[at++] = bytes[n];
    this.#at = at;
  }

  /** Decimal digits of a whole number. */
  #number(value: number): void {
    const to = this.batch.bytes;
    if (value < 0) to[this.#at++] = 0x2d;
    let rest = Math.abs(value);
    let digits = 1;
    for (let limit = 10; limit <= rest; limit *= 10) digits++;
    this.#at += digits;
    for (let at = this.#at - 1, n = 0; n < digits; n++, at--) {
      const next = Math.floor(rest / 10);
      to[at] = 0x30 + (rest - next * 10);
      rest = next;
    }
  }

  #hex(word: number): void {
    for (let shift = 28; shift >= 0; shift -= 4)
      this.batch.bytes[this.#at++] = HEX[(word >>> shift) & 15];
  }
}

function enlarged(batch: RecordBatch, size: number): RecordBatch {
  const larger = recordBatch(
    new Uint8Array(Math.max(size, batch.bytes.length * 2)),
    batch.starts.length * 2,
  );
  larger.bytes.set(batch.bytes);
  larger.starts.set(batch.starts);
  larger.ends.set(batch.ends);
  larger.count = batch.count;
  return larger;
}

/** Records that no decoder takes, one a reason. */
export function brokenRecords(): Uint8Array[] {
  return [
    '{"user_id": "user_1", "product_id": "product1", "timest',
    'not json at all',
    '["product1", "click"]',
    '{"timestamp": 1700000000000, "event_type": "click"}',
    '{"product_id": "", "timestamp": 1700000000000, "event_type": "click"}',
    '{"product_id": "product1", "event_type": "click"}',
    '{"product_id": "product1", "timestamp": "now", "event_type": "click"}',
    '{"product_id": "product1", "timestamp": 1700000000, "event_type": "click"}',
    '{"product_id": "product1", "timestamp": 1700000000000, "event_type": "view"}',
  ].map((text) => encoder.encode(text));
}

/** Four random words. */
export function randomId(random: SeededRandom, into: Uint32Array): Uint32Array {
  for (let n = 0; n < 4; n++) into[n] = random.uint32();
  return into;
}
