/**
 * Where the four fields lie in a record: the tolerant scan of its top level. Any order, white space
 * and escapes; of a key that stands twice the last one wins.
 */
import { JsonCursor } from './json.ts';

export const PRODUCT = 0;
export const TIME = 1;
export const TYPE = 2;
export const ID = 3;
export const OTHER = 4;

const NAMES = ['product_id', 'timestamp', 'event_type', 'event_id'];
const KEYS = NAMES.map((key) => new TextEncoder().encode(key));

export const NOT_JSON = 1;
export const NOT_OBJECT = 2;
export const OBJECT = 0;

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

  /** Scans the record in `bytes[start, end)`. */
  scan(bytes: Uint8Array, start: number, end: number): number {
    const cursor = this.cursor;
    this.starts.fill(-1);
    this.values = 0;
    this.repeated = false;
    cursor.set(bytes, start, end);
    cursor.skipSpace();
    if (cursor.peek() !== 0x7b) return cursor.value() && this.#isOver() ? NOT_OBJECT : NOT_JSON;
    cursor.at++;
    cursor.skipSpace();
    if (cursor.peek() === 0x7d) {
      cursor.at++;
      return this.#isOver() ? OBJECT : NOT_JSON;
    }
    for (;;) {
      if (!this.#pair()) return NOT_JSON;
      cursor.skipSpace();
      const next = cursor.peek();
      cursor.at++;
      if (next === 0x7d) return this.#isOver() ? OBJECT : NOT_JSON;
      if (next !== 0x2c) return NOT_JSON;
      cursor.skipSpace();
    }
  }

  #isOver(): boolean {
    this.cursor.skipSpace();
    return this.cursor.at === this.cursor.end;
  }

  #pair(): boolean {
    const cursor = this.cursor;
    if (cursor.peek() !== 0x22) return false;
    const keyStart = cursor.at + 1;
    if (!cursor.string()) return false;
    const field = this.#fieldOf(keyStart, cursor.at - 1, cursor.escaped);
    if (!cursor.colon()) return false;
    const start = cursor.at;
    const isString = cursor.peek() === 0x22;
    if (!cursor.value()) return false;
    if (field !== OTHER) {
      if (this.starts[field] !== -1) this.repeated = true;
      this.starts[field] = start;
      this.ends[field] = cursor.at;
      this.escaped[field] = isString && cursor.escaped ? 1 : 0;
    }
    if (this.values < MAX_VALUES) {
      this.valueField[this.values] = field;
      this.valueStart[this.values] = start;
      this.valueEnd[this.values] = cursor.at;
    }
    this.values++;
    return true;
  }

  #fieldOf(start: number, end: number, escaped: boolean): number {
    const { bytes } = this.cursor;
    if (escaped) {
      const key = JSON.parse(textOf(bytes, start - 1, end + 1)) as string;
      const field = NAMES.indexOf(key);
      return field === -1 ? OTHER : field;
    }
    for (let field = 0; field < KEYS.length; field++) {
      const key = KEYS[field];
      if (key.length !== end - start) continue;
      let n = 0;
      while (n < key.length && bytes[start + n] === key[n]) n++;
      if (n === key.length) return field;
    }
    return OTHER;
  }
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** The text of bytes that are known to be UTF-8. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return utf8.decode(bytes.subarray(start, end));
}
