/**
 * A layout learned from one good record: the bytes between its values, and what each value is. A
 * record that has exactly these bytes, with plain values between them, means the same fields, so it
 * need not be scanned as JSON. Whatever differs by one byte falls back to the tolerant scan.
 */
import { type Fields, ID, OTHER, PRODUCT, TIME } from './fields.ts';
import { PLAIN } from './json.ts';

/** Step codes: what stands after a literal. */
const STRING = 5;
const END = 6;

const QUOTE = 0x22;

export class Layout {
  /** All literals, one after the other; step n's are `[#from[n], #from[n + 1])`. */
  readonly #literal: Uint8Array;
  readonly #from: Uint32Array;
  /** By step: PRODUCT, TIME, TYPE, ID, STRING (any other plain string) or END. */
  readonly #step: Uint8Array;
  /** Where the values of the record matched last lie, without quotes. */
  productStart = 0;
  productEnd = 0;
  typeStart = 0;
  typeEnd = 0;
  idStart = -1;
  idEnd = 0;
  time = 0;

  constructor(literal: Uint8Array, from: Uint32Array, step: Uint8Array) {
    this.#literal = literal;
    this.#from = from;
    this.#step = step;
  }

  /** Whether the record in `bytes[start, end)` has this layout; its values are then set. */
  match(bytes: Uint8Array, start: number, end: number): boolean {
    const literal = this.#literal;
    const from = this.#from;
    const step = this.#step;
    let at = start;
    let l = 0;
    this.idStart = -1;
    for (let n = 0; ; n++) {
      const stop = from[n + 1];
      // Past the end a typed array gives undefined, which no literal byte equals.
      while (l < stop && bytes[at] === literal[l]) {
        at++;
        l++;
      }
      if (l < stop || at > end) return false;
      const kind = step[n];
      if (kind === END) return at === end;
      const value = at;
      if (kind === TIME) {
        let time = 0;
        let digit = bytes[at] - 0x30;
        while (digit >= 0 && digit <= 9) {
          time = time * 10 + digit;
          digit = bytes[++at] - 0x30;
        }
        // Ten digits mean seconds; from 15 on it gets exotic; a leading zero is no JSON.
        const digits = at - value;
        if (digits === 0 || digits === 10 || digits > 15) return false;
        if (digits > 1 && bytes[value] === 0x30) return false;
        this.time = time;
        continue;
      }
      while (PLAIN[bytes[at]] === 1) at++;
      if (bytes[at] !== QUOTE || at >= end) return false;
      if (kind === STRING) continue;
      if (kind === PRODUCT) {
        this.productStart = value;
        this.productEnd = at;
      } else if (kind === ID) {
        this.idStart = value;
        this.idEnd = at;
      } else {
        this.typeStart = value;
        this.typeEnd = at;
      }
    }
  }
}

/** The layout of the record that `fields` has just scanned, or null when it is not a plain one. */
export function learn(fields: Fields, start: number, end: number): Layout | null {
  const { bytes } = fields.cursor;
  if (fields.repeated || fields.values > fields.valueField.length) return null;
  const literal: number[] = [];
  const from: number[] = [0];
  const step: number[] = [];
  let at = start;
  for (let n = 0; n < fields.values; n++) {
    const field = fields.valueField[n];
    let valueStart = fields.valueStart[n];
    let valueEnd = fields.valueEnd[n];
    const isString = bytes[valueStart] === QUOTE;
    if (field !== OTHER && isString === (field === TIME)) return null;
    // Numbers, words and nested values of unknown fields are taken as literal bytes.
    if (field === OTHER && !isString) continue;
    if (isString) {
      valueStart++;
      valueEnd--;
    }
    for (; at < valueStart; at++) literal.push(bytes[at]);
    from.push(literal.length);
    step.push(field === OTHER ? STRING : field);
    at = valueEnd;
  }
  for (; at < end; at++) literal.push(bytes[at]);
  from.push(literal.length);
  step.push(END);
  if (literal.length > 1_024) return null;
  return new Layout(Uint8Array.from(literal), Uint32Array.from(from), Uint8Array.from(step));
}
