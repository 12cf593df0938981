/**
 * Where the four fields lie in a record: the tolerant scan of its top level. Any order, white space
 * and escapes; of a key that stands twice the last one wins.
 */
import { JsonCursor, PLAIN } from './json.ts';

export const PRODUCT = 0;
export const TIME = 1;
export const TYPE = 2;
export const ID = 3;
export const OTHER = 4;

const NAMES = ['product_id', 'timestamp', 'event_type', 'event_id'];
const KEYS = NAMES.map((key) => new TextEncoder().encode(key));

export const NOT_JSON = 1;
const NOT_OBJECT = 2;
export const OBJECT = 0;

const QUOTE = 0x22;
/** Most values of a record that `layout.ts` learns from. */
const MAX_VALUES = 64;

export class Fields {
  readonly cursor = new JsonCursor();
  /** By field: where its value lies (a string with its quotes); start is -1 when it is absent. */
  readonly starts = new Int32Array(4);
  readonly ends = new Int32Array(4);
  readonly escaped = new Uint8Array(4);
  /** All top-level values in order: which field, and where. */
  readonly valueField = new Uint8Array(MAX_VALUES);
  readonly valueStart = new Int32Array(MAX_VALUES);
  readonly valueEnd = new Int32Array(MAX_VALUES);
  values = 0;
  /** A field stood twice. */
  repeated = false;

  /** Scans the record in `bytes[start, end)`; answers `OBJECT`, `NOT_OBJECT` or `NOT_JSON`. */
  scan(bytes: Uint8Array, start: number, end: number): number {
    const cursor = this.cursor;
    const { starts } = this;
    for (let field = 0; field < OTHER; field++) starts[field] = -1;
    this.values = 0;
    this.repeated = false;
    cursor.set(bytes, start, end);
    cursor.skipSpace();
    if (cursor.peek() !== 0x7b) return cursor.value() && this.#isOver() ? NOT_OBJECT : NOT_JSON;
    let at = spaceEnd(bytes, cursor.at + 1, end);
    if (at < end && bytes[at] === 0x7d)
      return spaceEnd(bytes, at + 1, end) === end ? OBJECT : NOT_JSON;
    for (;;) {
      at = this.#pair(bytes, at, end);
      if (at < 0) return NOT_JSON;
      at = spaceEnd(bytes, at, end);
      if (at >= end) return NOT_JSON;
      const next = bytes[at];
      at = spaceEnd(bytes, at + 1, end);
      if (next === 0x7d) return at === end ? OBJECT : NOT_JSON;
      if (next !== 0x2c) return NOT_JSON;
    }
  }

  #isOver(): boolean {
    this.cursor.skipSpace();
    return this.cursor.at === this.cursor.end;
  }

  /** Passes `"key": value`; returns where it ends, or -1. */
  #pair(bytes: Uint8Array, keyAt: number, end: number): number {
    if (keyAt >= end || bytes[keyAt] !== QUOTE) return -1;
    const cursor = this.cursor;
    let at = plainEnd(bytes, keyAt + 1, end);
    let field: number;
    if (at < end && bytes[at] === QUOTE) {
      field = fieldOf(bytes, keyAt + 1, at++);
    } else {
      cursor.at = keyAt;
      if (!cursor.string()) return -1;
      at = cursor.at;
      field = cursor.escaped ? escapedFieldOf(bytes, keyAt, at) : OTHER;
    }
    at = spaceEnd(bytes, at, end);
    if (at >= end || bytes[at] !== 0x3a) return -1;
    const start = spaceEnd(bytes, at + 1, end);
    at = valueEnd(cursor, bytes, start, end);
    if (at < 0) return -1;
    if (field !== OTHER) {
      if (this.starts[field] !== -1) this.repeated = true;
      this.starts[field] = start;
      this.ends[field] = at;
      this.escaped[field] = bytes[start] === QUOTE && cursor.escaped ? 1 : 0;
    }
    const n = this.values++;
    if (n < MAX_VALUES) {
      this.valueField[n] = field;
      this.valueStart[n] = start;
      this.valueEnd[n] = at;
    }
    return at;
  }
}

/** Passes a value; returns where it ends, or -1. Plain strings and digits need no cursor. */
function valueEnd(cursor: JsonCursor, bytes: Uint8Array, start: number, end: number): number {
  if (start >= end) return -1;
  const first = bytes[start];
  if (first === QUOTE) {
    const at = plainEnd(bytes, start + 1, end);
    if (at < end && bytes[at] === QUOTE) {
      cursor.escaped = false;
      return at + 1;
    }
  } else if (first > 0x30 && first <= 0x39) {
    let at = start + 1;
    while (at < end && bytes[at] >= 0x30 && bytes[at] <= 0x39) at++;
    if (at < end && (bytes[at] === 0x2c || bytes[at] === 0x7d)) return at;
  }
  cursor.at = start;
  return cursor.value() ? cursor.at : -1;
}

/** Where the white space at `at` ends. */
function spaceEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const b = bytes[at];
    if (b > 0x20 || (b !== 0x20 && b !== 0x0a && b !== 0x0d && b !== 0x09)) break;
    at++;
  }
  return at;
}

/** Where the bytes that stand for themselves end: at a quote, or at what needs a closer look. */
function plainEnd(bytes: Uint8Array, start: number, end: number): number {
  const plain = PLAIN;
  let at = start;
  while (at < end && plain[bytes[at]] === 1) at++;
  return at;
}

/** The field of a key without escapes. */
function fieldOf(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start];
  const length = end - start;
  const field =
    length === 10
      ? first === 0x70
        ? PRODUCT
        : TYPE
      : length === 9
        ? TIME
        : length === 8
          ? ID
          : OTHER;
  if (field === OTHER) return OTHER;
  const key = KEYS[field];
  for (let n = 0; n < length; n++) if (bytes[start + n] !== key[n]) return OTHER;
  return field;
}

/** The field of a key as it stands, with quotes and escapes. */
function escapedFieldOf(bytes: Uint8Array, start: number, end: number): number {
  const field = NAMES.indexOf(JSON.parse(textOf(bytes, start, end)) as string);
  return field === -1 ? OTHER : field;
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** The text of bytes that are known to be UTF-8. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return utf8.decode(bytes.subarray(start, end));
}
