/**
 * Finds the records in a body without parsing it: where lines, or the elements of an array, begin
 * and end. Whether a record is an event is decided elsewhere. Of too many the body is refused,
 * with `body_too_large`.
 */
import { ClickrateError } from '../errors.ts';
import type { RecordSlices } from '../event.ts';

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** First guess at the bytes of a record, for the size of the columns. */
const GUESSED_BYTES = 80;
/** A newline within so many bytes is found by looking at each. */
const NEAR_BYTES = 16;

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === LF || byte === CR || byte === TAB;
}

/** Records under construction. */
class Slices {
  readonly #bytes: Uint8Array;
  readonly #most: number;
  #count = 0;
  #starts: Uint32Array;
  #ends: Uint32Array;

  constructor(bytes: Uint8Array, most: number) {
    this.#bytes = bytes;
    this.#most = most;
    const capacity = 16 + Math.floor(bytes.length / GUESSED_BYTES);
    this.#starts = new Uint32Array(capacity);
    this.#ends = new Uint32Array(capacity);
  }

  /** Adds `[start, end)` without the white space around it; answers false when nothing is left. */
  addTrimmed(start: number, end: number): boolean {
    while (start < end && isSpace(this.#bytes[start])) start++;
    while (end > start && isSpace(this.#bytes[end - 1])) end--;
    if (start === end) return false;
    if (this.#count === this.#most)
      throw new ClickrateError(
        'body_too_large',
        `the body holds more than ${this.#most} events: send fewer at once`,
      );
    if (this.#count === this.#starts.length) this.#grow();
    this.#starts[this.#count] = start;
    this.#ends[this.#count++] = end;
    return true;
  }

  done(): RecordSlices {
    return { bytes: this.#bytes, count: this.#count, starts: this.#starts, ends: this.#ends };
  }

  #grow(): void {
    for (const name of ['starts', 'ends'] as const) {
      const old = name === 'starts' ? this.#starts : this.#ends;
      const larger = new Uint32Array(old.length * 2);
      larger.set(old);
      if (name === 'starts') this.#starts = larger;
      else this.#ends = larger;
    }
  }
}

/** Whether the first byte that is not white space opens an array. */
export function opensArray(body: Buffer): boolean {
  let at = 0;
  while (at < body.length && isSpace(body[at])) at++;
  return body[at] === OPEN_BRACKET;
}

/** One record a line that is not blank; `\r` before `\n` is white space. At most `most`. */
export function splitLines(body: Buffer, most: number): RecordSlices {
  const slices = new Slices(body, most);
  let start = 0;
  while (start < body.length) {
    const end = lineEnd(body, start);
    slices.addTrimmed(start, end);
    start = end + 1;
  }
  return slices.done();
}

/** Where the line from `start` on ends: its newline, or the end of the body. */
function lineEnd(body: Buffer, start: number): number {
  // In millions of blank or short lines a call for each would cost most.
  const near = Math.min(start + NEAR_BYTES, body.length);
  for (let at = start; at < near; at++) if (body[at] === LF) return at;
  const newline = body.indexOf(LF, near);
  return newline === -1 ? body.length : newline;
}

/** The whole body as one record; none when it is blank. */
export function wholeBody(body: Buffer): RecordSlices {
  const slices = new Slices(body, 1);
  slices.addTrimmed(0, body.length);
  return slices.done();
}

/**
 * One record an element of the array that the body is. Elements are cut at commas outside strings
 * and brackets; throws `bad_request` when they do not balance, when an element is empty, or when
 * something follows the array. At most `most`.
 */
export function splitArray(body: Buffer, most: number): RecordSlices {
  const slices = new Slices(body, most);
  let at = body.indexOf(OPEN_BRACKET) + 1;
  let start = at;
  let depth = 1;
  while (depth > 0) {
    if (at >= body.length) throw bad('the array does not end');
    const byte = body[at];
    if (byte === QUOTE) at = afterString(body, at);
    else at++;
    if (byte === OPEN_BRACKET || byte === OPEN_BRACE) depth++;
    else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) {
      depth--;
      if (depth === 0 && byte === CLOSE_BRACE) throw bad('the array is closed by a brace');
    } else if (byte === COMMA && depth === 1) {
      if (!slices.addTrimmed(start, at - 1)) throw bad('the array has an empty element');
      start = at;
    }
  }
  const last = slices.addTrimmed(start, at - 1);
  if (!last && slices.done().count > 0) throw bad('the array has an empty element');
  for (; at < body.length; at++)
    if (!isSpace(body[at])) throw bad('something follows the end of the array');
  return slices.done();
}

/** The index after the string that opens at `open`. */
function afterString(body: Buffer, open: number): number {
  for (let at = open + 1; at < body.length; at++) {
    if (body[at] === QUOTE) return at + 1;
    if (body[at] === BACKSLASH) at++;
  }
  throw bad('a string in the array does not end');
}

function bad(detail: string): ClickrateError {
  return new ClickrateError('bad_request', `the body cannot be read as a JSON array: ${detail}`);
}
