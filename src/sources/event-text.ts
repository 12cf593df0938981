/**
 * The text of an event as the original's producers write it (Python's `json.dumps`: a space behind
 * `:` and `,`), put straight into the buffer it goes to.
 */
import { CLICK } from '../event.ts';
import { DIGITS, pieceOf, wordOf, writeNumber, writePiece, writeShort } from '../text-bytes.ts';

/** More bytes than an event can have, and what a piece may write behind its end. */
export const LONGEST_EVENT = 384;
const encoder = new TextEncoder();

const USER = pieceOf('{"user_id": "user_');
const PRODUCT = pieceOf('", "product_id": "');
const NAME = pieceOf('product');
const TIME = pieceOf('", "timestamp": ');
const IMPRESSION_TYPE = pieceOf(', "event_type": "impression", "session_id": "session_');
const CLICK_TYPE = pieceOf(', "event_type": "click", "session_id": "session_');
const ID = pieceOf('", "event_id": "');
const END = pieceOf('"}');

/** The two hexadecimal digits of a byte, as they lie in memory. */
const HEX = Uint16Array.from({ length: 256 }, (_, n) => wordOf(n.toString(16).padStart(2, '0')));
const MINUS = 0x2d;
/** Digits of a time but the last four. */
const TIME_SHARED = 9;

/** Takes generated events; `id[from, from + 4)` is an event's id, null: none. */
export type EventOut = {
  /** `product` is counted from 1; `user` and `session` are below 10 000. */
  event(
    kind: number,
    product: number,
    ts: number,
    user: number,
    session: number,
    id: Uint32Array | null,
    from: number,
  ): void;
  /** Any bytes as a record. */
  raw(bytes: Uint8Array): void;
};

/** Writes the event at `at`, where `LONGEST_EVENT` bytes must be free; answers its end. */
export function writeEvent(
  view: DataView,
  at: number,
  kind: number,
  product: number,
  ts: number,
  user: number,
  session: number,
  id: Uint32Array | null,
  from: number,
): number {
  let end = writeShort(view, writePiece(view, at, USER), user);
  end = writeName(view, writePiece(view, end, PRODUCT), product);
  end = writeTime(view, writePiece(view, end, TIME), ts);
  end = writePiece(view, end, kind === CLICK ? CLICK_TYPE : IMPRESSION_TYPE);
  end = writeShort(view, end, session);
  if (id !== null) {
    end = writePiece(view, end, ID);
    for (let n = from; n < from + 4; n++) end = writeHex(view, end, id[n]);
  }
  return writePiece(view, end, END);
}

/** Writes the name of a product, which is its events' key; answers its end. */
export function writeName(view: DataView, at: number, product: number): number {
  return writeNumber(view, writePiece(view, at, NAME), product);
}

/** Times of one 10 s share all digits but the last four: those are kept. NaN: of none yet. */
let sharedTime = Number.NaN;
const sharedDigits = new DataView(new ArrayBuffer(12));

function writeTime(view: DataView, at: number, ts: number): number {
  const shared = Math.floor(ts / 10_000);
  if (shared === sharedTime) {
    for (let n = 0; n < 12; n += 4) view.setInt32(at + n, sharedDigits.getInt32(n, true), true);
    view.setInt32(at + TIME_SHARED, DIGITS[ts - shared * 10_000], true);
    return at + TIME_SHARED + 4;
  }
  if (shared >= 1e8 && shared < 1e9) {
    writeNumber(sharedDigits, 0, shared);
    sharedTime = shared;
  }
  if (ts >= 0) return writeNumber(view, at, ts);
  view.setInt8(at, MINUS);
  return writeNumber(view, at + 1, -ts);
}

function writeHex(view: DataView, at: number, value: number): number {
  for (let n = 0; n < 4; n++) view.setUint16(at + 2 * n, HEX[(value >>> (24 - 8 * n)) & 255], true);
  return at + 8;
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
