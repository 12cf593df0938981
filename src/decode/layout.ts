/**
 * A layout learned from one good record: the bytes between its values, and what each value is. A
 * record that has exactly these bytes, with plain values between them, means the same fields, so it
 * need not be scanned as JSON. Whatever differs by one byte falls back to the tolerant scan.
 */
import { copyOf } from '../event.ts';
import { compile, END, type Match, NUMBER, type Rules, STRING, TIME_DIGITS } from './compile.ts';
import { type Fields, OTHER, TIME } from './fields.ts';
import { PLAIN } from './json.ts';
import { isNumber } from './values.ts';

const QUOTE = 0x22;
const LONGEST_LITERALS = 1_024;

/** The layout of the record that `fields` has just scanned, or null when it is not a plain one. */
export function learn(fields: Fields, start: number, end: number, rules: Rules): Match | null {
  const { bytes } = fields.cursor;
  if (fields.repeated || fields.values > fields.valueField.length) return null;
  const literals: Uint8Array[] = [];
  const steps: number[] = [];
  let at = start;
  let size = 0;
  const literalTo = (stop: number, step: number) => {
    literals.push(copyOf(bytes, at, stop));
    steps.push(step);
    size += stop - at;
  };
  for (let n = 0; n < fields.values; n++) {
    const field = fields.valueField[n];
    const isString = bytes[fields.valueStart[n]] === QUOTE;
    if (field === OTHER ? false : isString === (field === TIME)) return null;
    const [from, to] = [fields.valueStart[n], fields.valueEnd[n]];
    if (field === TIME && to - from !== TIME_DIGITS) return null;
    const step =
      field !== OTHER ? field : isString ? STRING : isNumber(bytes[from]) ? NUMBER : null;
    // Words and nested values of unknown fields are taken as literal bytes.
    if (step === null) continue;
    if (isString && !isPlain(bytes, from + 1, to - 1)) return null;
    literalTo(from + (isString ? 1 : 0), step);
    at = to - (isString ? 1 : 0);
  }
  literalTo(end, END);
  return size > LONGEST_LITERALS ? null : compile({ literals, steps }, rules);
}

/** Whether all bytes stand for themselves in ASCII: others are not matched. */
function isPlain(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (PLAIN[bytes[at]] !== 1) return false;
  return true;
}
