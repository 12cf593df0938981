/**
 * A layout learned from one good record: the bytes between its values, and what each value is. A
 * record that has exactly these bytes, with plain values between them, means the same fields, so it
 * need not be scanned as JSON. Whatever differs by one byte falls back to the tolerant scan.
 */
import { CLICK, IMPRESSION } from '../event.ts';
import type { EventBatch } from './columns.ts';
import { type Fields, ID, OTHER, PRODUCT, TIME, TYPE } from './fields.ts';
import { PLAIN } from './json.ts';

/** Step codes beside those of the fields: any other plain string, and the end of the record. */
const STRING = 5;
const END = 6;

const QUOTE = 0x22;
const LONGEST_LITERALS = 1_024;
/** Epoch milliseconds from 2001 to 2286 have this many digits. */
const USUAL_DIGITS = 13;

// The event types as little-endian words: `impr` `essi` `on`, `clic` `k`.
const IMPR = 0x72706d69;
const ESSI = 0x69737365;
const ON = 0x6e6f;
const CLIC = 0x63696c63;
const K = 0x6b;

export class Layout {
  readonly #step: Uint8Array;
  /** By step: how long the literal before it is, and its first word in `#words`. */
  readonly #length: Uint32Array;
  readonly #from: Uint32Array;
  /** All literals as words; the last of each overlaps so that it ends where the literal does. */
  readonly #words: Int32Array;
  /** Where the values of the record matched last lie, without quotes; no id: `idStart` is -1. */
  productStart = 0;
  productEnd = 0;
  idStart = -1;
  idEnd = 0;

  /** Each literal has at least one byte. */
  constructor(literals: Uint8Array[], steps: number[]) {
    const words = literals.map(wordsOf);
    this.#step = Uint8Array.from(steps);
    this.#length = Uint32Array.from(literals, (literal) => literal.length);
    this.#from = new Uint32Array(literals.length + 1);
    for (let n = 0; n < words.length; n++) this.#from[n + 1] = this.#from[n] + words[n].length;
    this.#words = Int32Array.from(words.flat());
  }

  /**
   * Whether the record in `bytes[start, end)` has this layout; its values are then set, and time
   * and kind written to row `i` of `out`.
   */
  match(
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    i: number,
    out: EventBatch,
  ): boolean {
    const step = this.#step;
    const lengths = this.#length;
    const from = this.#from;
    const words = this.#words;
    let at = start;
    let word = 0;
    this.idStart = -1;
    for (let n = 0; ; n++) {
      const next = at + lengths[n];
      if (next > end) return false;
      const last = from[n + 1] - 1;
      if (lengths[n] >= 4) {
        for (; word < last; word++, at += 4)
          if (view.getInt32(at, true) !== words[word]) return false;
        if (view.getInt32(next - 4, true) !== words[last]) return false;
      } else if (!isShort(bytes, at, lengths[n], words[last])) return false;
      at = next;
      word = last + 1;
      const kind = step[n];
      if (kind === END) return at === end;
      if (kind === TIME) at = readTime(bytes, view, at, end, i, out.time);
      else if (kind === TYPE) at = readType(bytes, view, at, end, i, out.kind);
      else {
        const value = at;
        at = plainEnd(bytes, view, at, end);
        if (kind === PRODUCT) {
          this.productStart = value;
          this.productEnd = at;
        } else if (kind === ID) {
          this.idStart = value;
          this.idEnd = at;
        }
      }
      if (at < 0) return false;
    }
  }
}

/**
 * Reads digits into `out[i]`; returns where they end, or -1. One too many fails at the next
 * literal.
 */
function readTime(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  i: number,
  out: Float64Array,
): number {
  if (start + USUAL_DIGITS <= end) {
    const a = fourDigits(view.getInt32(start, true));
    const b = fourDigits(view.getInt32(start + 4, true));
    const c = fourDigits(view.getInt32(start + 8, true));
    const d = bytes[start + 12] - 0x30;
    if (a >= 1_000 && b >= 0 && c >= 0 && d >= 0 && d <= 9) {
      out[i] = (a * 10_000 + b) * 100_000 + (c * 10 + d);
      return start + USUAL_DIGITS;
    }
  }
  return readAnyTime(bytes, start, end, i, out);
}

/**
 * The same for any number of digits. Apart, so that the usual way is small enough to be inlined.
 */
function readAnyTime(
  bytes: Uint8Array,
  start: number,
  end: number,
  i: number,
  out: Float64Array,
): number {
  let at = start;
  let time = 0;
  for (; at < end; at++) {
    const digit = bytes[at] - 0x30;
    if (digit < 0 || digit > 9) break;
    time = time * 10 + digit;
  }
  // Ten digits mean seconds; from 15 on it gets exotic; a leading zero is no JSON.
  const digits = at - start;
  if (digits === 0 || digits === 10 || digits > 15) return -1;
  if (digits > 1 && bytes[start] === 0x30) return -1;
  out[i] = time;
  return at;
}

/** Reads an event type up to its closing quote into `out[i]`; returns where it ends, or -1. */
function readType(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  i: number,
  out: Uint8Array,
): number {
  if (at + 6 > end) return -1;
  const word = view.getInt32(at, true);
  if (word === CLIC && bytes[at + 4] === K && bytes[at + 5] === QUOTE) {
    out[i] = CLICK;
    return at + 5;
  }
  if (word !== IMPR || at + 11 > end || view.getInt32(at + 4, true) !== ESSI) return -1;
  if (view.getInt16(at + 8, true) !== ON || bytes[at + 10] !== QUOTE) return -1;
  out[i] = IMPRESSION;
  return at + 10;
}

/** The value of four ASCII digits in a little-endian word, or -1. */
function fourDigits(word: number): number {
  const digits = (word - 0x30303030) | 0;
  // A byte below 0 borrows, one above 9 carries into its high bit.
  if (((digits | (digits + 0x76767676)) & 0x80808080) !== 0) return -1;
  const pairs = digits * 10 + (digits >>> 8);
  return (pairs & 0xff) * 100 + ((pairs >>> 16) & 0xff);
}

/**
 * Where the plain bytes of a string end: at the first that is `"`, `\`, below space or above ASCII.
 * Four bytes at a time: such a byte, and none before it, sets its high bit in one of the terms.
 */
function plainEnd(bytes: Uint8Array, view: DataView, start: number, end: number): number {
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at, true);
    const quote = ((word ^ 0x22222222) - 0x01010101) | 0;
    const backslash = ((word ^ 0x5c5c5c5c) - 0x01010101) | 0;
    const hits = (word | ((word - 0x20202020) | 0) | quote | backslash) & 0x80808080;
    if (hits !== 0) return at + ((31 - Math.clz32(hits & -hits)) >>> 3);
  }
  while (at < end && PLAIN[bytes[at]] === 1) at++;
  return at;
}

/** A literal as little-endian words; one of under four bytes is one word, filled with zeros. */
function wordsOf(literal: Uint8Array): number[] {
  if (literal.length < 4) return [literal.reduceRight((word, byte) => (word << 8) | byte, 0)];
  const view = new DataView(literal.buffer, literal.byteOffset, literal.length);
  const words: number[] = [];
  for (let at = 0; at + 4 < literal.length; at += 4) words.push(view.getInt32(at, true));
  words.push(view.getInt32(literal.length - 4, true));
  return words;
}

/** Whether the `length` bytes (under four) at `at` are those of `word`. */
function isShort(bytes: Uint8Array, at: number, length: number, word: number): boolean {
  for (let n = 0; n < length; n++) if (bytes[at + n] !== ((word >>> (8 * n)) & 0xff)) return false;
  return true;
}

/** The layout of the record that `fields` has just scanned, or null when it is not a plain one. */
export function learn(fields: Fields, start: number, end: number): Layout | null {
  const { bytes } = fields.cursor;
  if (fields.repeated || fields.values > fields.valueField.length) return null;
  const literals: Uint8Array[] = [];
  const steps: number[] = [];
  let at = start;
  let size = 0;
  const literalTo = (stop: number, step: number) => {
    literals.push(bytes.slice(at, stop));
    steps.push(step);
    size += stop - at;
  };
  for (let n = 0; n < fields.values; n++) {
    const field = fields.valueField[n];
    const isString = bytes[fields.valueStart[n]] === QUOTE;
    if (field === OTHER ? false : isString === (field === TIME)) return null;
    // Numbers, words and nested values of unknown fields are taken as literal bytes.
    if (field === OTHER && !isString) continue;
    literalTo(fields.valueStart[n] + (isString ? 1 : 0), field === OTHER ? STRING : field);
    at = fields.valueEnd[n] - (isString ? 1 : 0);
  }
  literalTo(end, END);
  return size > LONGEST_LITERALS ? null : new Layout(literals, steps);
}
