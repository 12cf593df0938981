/** The values of fields whose place in a record is known: numbers, kinds, texts as bytes. */
import { CLICK, IMPRESSION } from '../event.ts';
import { textOf } from './fields.ts';

/** Any integer of so many digits is safe. */
const EXACT_DIGITS = 15;

const encoder = new TextEncoder();

/** A string with lone surrogates as bytes that no well-formed string has: 0xff, then UTF-16. */
export function illFormedBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(1 + 2 * text.length);
  bytes[0] = 0xff;
  for (let n = 0; n < text.length; n++) {
    bytes[1 + 2 * n] = text.charCodeAt(n) & 0xff;
    bytes[2 + 2 * n] = text.charCodeAt(n) >>> 8;
  }
  return bytes;
}

/** The decimal text of a number that is a safe integer; null for anything else. */
export function integerText(bytes: Uint8Array, start: number, end: number): string | null {
  if (!isNumber(bytes[start])) return null;
  const value = numberOf(bytes, start, end);
  return Number.isSafeInteger(value) ? String(value + 0) : null;
}

/** The value of a JSON number; without a text where it is a run of digits that stays exact. */
export function numberOf(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > EXACT_DIGITS) return Number(textOf(bytes, start, end));
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at] - 0x30;
    if (digit < 0 || digit > 9) return Number(textOf(bytes, start, end));
    value = value * 10 + digit;
  }
  return value;
}

export function isNumber(first: number): boolean {
  return first === 0x2d || (first >= 0x30 && first <= 0x39);
}

const IMPRESSION_BYTES = encoder.encode('impression');
const CLICK_BYTES = encoder.encode('click');

/** The kind of an event type's bytes; -1 when it is none. */
export function kindOf(bytes: Uint8Array, start: number, end: number): number {
  const word = end - start === 10 ? IMPRESSION_BYTES : CLICK_BYTES;
  if (word.length !== end - start) return -1;
  for (let n = 0; n < word.length; n++) if (bytes[start + n] !== word[n]) return -1;
  return word === CLICK_BYTES ? CLICK : IMPRESSION;
}
