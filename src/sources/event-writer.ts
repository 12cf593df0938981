/**
 * Writes events as the original's producers do (Python's `json.dumps`: a space behind `:` and `,`)
 * into one growing buffer of records, without an object an event. Four bytes at a time.
 */
import { CLICK, type RecordBatch, recordBatch } from '../event.ts';

const NEWLINE = 0x0a;
const MINUS = 0x2d;
/** More bytes than an event can have, and what a piece may write behind its end. */
const LONGEST = 384;
const encoder = new TextEncoder();

/** Bytes that are written as words; the last word may reach beyond their end. */
type Piece = { words: Int32Array; length: number };

const USER = piece('{"user_id": "user_');
const PRODUCT = piece('", "product_id": "product');
/** The product's name begins before its number. */
const NAME_BYTES = 'product'.length;
const TIME = piece('", "timestamp": ');
const IMPRESSION_TYPE = piece(', "event_type": "impression", "session_id": "session_');
const CLICK_TYPE = piece(', "event_type": "click", "session_id": "session_');
const ID = piece('", "event_id": "');
const END = piece('"}');

/** The four decimal digits of 0 to 9999, and the two hexadecimal ones of a byte, as they lie. */
const DIGITS = Int32Array.from({ length: 10_000 }, (_, n) => word(String(n).padStart(4, '0')));
const HEX = Uint16Array.from({ length: 256 }, (_, n) => word(n.toString(16).padStart(2, '0')));

/** Records with the place of each one's product, and its kind where it has one. */
export type WrittenBatch = Required<RecordBatch> & { kinds: Uint8Array };

export class EventWriter {
  /** A newline lies behind each record. The product is an event's key; `raw` ones have none. */
  batch = keyedBatch(new Uint8Array(262_144), 1_024);
  #view = viewOf(this.batch);
  #at = 0;

  clear(): void {
    this.batch.count = 0;
    this.#at = 0;
  }

  /** Adds an event of `product` (counted from 1); `id[from, from + 4)` is its id, null: none. */
  event(
    kind: number,
    product: number,
    ts: number,
    user: number,
    session: number,
    id: Uint32Array | null,
    from: number,
  ): void {
    this.#begin(LONGEST);
    this.#piece(USER);
    this.#number(user);
    this.#piece(PRODUCT);
    const row = this.batch.count;
    this.batch.keyStarts[row] = this.#at - NAME_BYTES;
    this.#number(product);
    this.batch.keyEnds[row] = this.#at;
    this.batch.kinds[row] = kind;
    this.#piece(TIME);
    if (ts < 0) this.#view.setInt8(this.#at++, MINUS);
    this.#number(Math.abs(ts));
    this.#piece(kind === CLICK ? CLICK_TYPE : IMPRESSION_TYPE);
    this.#number(session);
    if (id !== null) {
      this.#piece(ID);
      for (let n = from; n < from + 4; n++) this.#hex(id[n]);
    }
    this.#piece(END);
    this.#end();
  }

  /** Adds any bytes as a record. */
  raw(bytes: Uint8Array): void {
    this.#begin(bytes.length + 1);
    this.batch.keyStarts[this.batch.count] = 1;
    this.batch.keyEnds[this.batch.count] = 0;
    this.batch.bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    this.#end();
  }

  #begin(size: number): void {
    const { batch } = this;
    if (batch.count === batch.starts.length || this.#at + size > batch.bytes.length) {
      this.batch = enlarged(batch, this.#at + size);
      this.#view = viewOf(this.batch);
    }
    this.batch.starts[this.batch.count] = this.#at;
  }

  #end(): void {
    this.batch.ends[this.batch.count++] = this.#at;
    this.#view.setInt8(this.#at++, NEWLINE);
  }

  #piece({ words, length }: Piece): void {
    const view = this.#view;
    const at = this.#at;
    for (let n = 0; n < words.length; n++) view.setInt32(at + 4 * n, words[n], true);
    this.#at = at + length;
  }

  /** Decimal digits of a whole number of at least 0. */
  #number(value: number): void {
    if (value >= 10_000) {
      const high = Math.floor(value / 10_000);
      this.#number(high);
      this.#view.setInt32(this.#at, DIGITS[value - high * 10_000], true);
      this.#at += 4;
      return;
    }
    const digits = value < 10 ? 1 : value < 100 ? 2 : value < 1_000 ? 3 : 4;
    this.#view.setInt32(this.#at, DIGITS[value] >>> (8 * (4 - digits)), true);
    this.#at += digits;
  }

  #hex(value: number): void {
    const view = this.#view;
    for (let n = 0; n < 4; n++)
      view.setUint16(this.#at + 2 * n, HEX[(value >>> (24 - 8 * n)) & 255], true);
    this.#at += 8;
  }
}

/** The records of an `EventWriter` as lines, each with its newline. */
export function linesOf({ bytes, count, ends }: RecordBatch): Uint8Array {
  return bytes.subarray(0, count === 0 ? 0 : ends[count - 1] + 1);
}

function viewOf({ bytes }: RecordBatch): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The number whose bytes in memory are those of up to four letters. */
function word(text: string): number {
  return [...encoder.encode(text)].reduce((sum, byte, n) => sum | (byte << (8 * n)), 0);
}

function piece(text: string): Piece {
  const words = text.match(/.{1,4}/g) as string[];
  return { words: Int32Array.from(words, word), length: text.length };
}

function keyedBatch(bytes: Uint8Array, capacity: number): WrittenBatch {
  return {
    ...recordBatch(bytes, capacity),
    keyStarts: new Uint32Array(capacity),
    keyEnds: new Uint32Array(capacity),
    kinds: new Uint8Array(capacity),
  };
}

function enlarged(batch: WrittenBatch, size: number): WrittenBatch {
  const bytes = new Uint8Array(Math.max(size, batch.bytes.length * 2));
  const larger = keyedBatch(bytes, batch.starts.length * 2);
  for (const column of ['bytes', 'starts', 'ends', 'keyStarts', 'keyEnds', 'kinds'] as const)
    larger[column].set(batch[column]);
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
