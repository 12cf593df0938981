/**
 * A layout as machine code: the text of a function that holds a record's bytes against the literals
 * of a layout, word by word, and reads its values on the way, row after row. Nothing of a record
 * gets into the text but the numbers of its literal words.
 *
 * It reads whole words, so it needs `READ_AHEAD` readable bytes behind a record; the last one of a
 * buffer is left to the tolerant scan.
 */
import { CLICK, IMPRESSION } from '../event.ts';
import type { EventBatch } from './columns.ts';
import { ID, PRODUCT, TIME, TYPE } from './fields.ts';
import { FIRST_MIX, LAST_MIX } from './keys.ts';

/** Step codes beside those of the fields: any other plain string, and the end of the record. */
export const STRING = 5;
export const END = 6;

/** Bytes behind a record that must be there to be read, whatever they hold. */
export const READ_AHEAD = 3;

/** Rows matched at once: what is found of them stays in the processor's nearest cache. */
export const RUN_ROWS = 64;

/** Where the values of rows lie, without quotes, by row of the run; no id: `idStart` is -1. */
export class Found {
  readonly productStart = new Int32Array(RUN_ROWS);
  readonly productEnd = new Int32Array(RUN_ROWS);
  /** As `hashOf` says it. */
  readonly productHash = new Int32Array(RUN_ROWS);
  readonly idStart = new Int32Array(RUN_ROWS);
  readonly idEnd = new Int32Array(RUN_ROWS);
}

/**
 * Matches records from row `from` on, to row `to` at most (`RUN_ROWS` further), and stops before
 * the first that has not the layout; returns that row. Time and kind are written to `out`, the
 * rest to `found`. `view` is over `bytes`.
 */
export type Match = (
  bytes: Uint8Array,
  view: DataView,
  starts: Uint32Array,
  ends: Uint32Array,
  from: number,
  to: number,
  out: EventBatch,
  found: Found,
) => number;

/** What a product's hash begins from, and the limits of a record that takes the short way. */
export type Rules = { seed: number; maxEventBytes: number; maxProductIdBytes: number };

/** `literals[n]` stands before the value that `steps[n]` names. */
export type Plan = { literals: readonly Uint8Array[]; steps: readonly number[] };

/** Null where the process may not make code from text. */
export function compile(plan: Plan, rules: Rules): Match | null {
  try {
    return new Function('readAnyTime', textOf(plan, rules))(readAnyTime) as Match;
  } catch (error) {
    if (error instanceof EvalError) return null;
    throw error;
  }
}

/** The shortest a value can be. */
const SHORTEST = { [TIME]: 1, [TYPE]: 5 } as Record<number, number>;

function textOf({ literals, steps }: Plan, rules: Rules): string {
  const rests: number[] = [];
  let rest = 0;
  for (let n = steps.length - 1; n >= 0; n--) {
    // What must come behind the value of step n at least.
    rests[n] = rest;
    rest += literals[n].length + (SHORTEST[steps[n]] ?? 0);
  }
  const parts = steps.map((step, n) => literalText(literals[n]) + valueText(step, rests[n], rules));
  return `return (bytes, view, starts, ends, from, to, out, found) => {
const { time, kind } = out;
const { productStart, productEnd, productHash, idStart, idEnd } = found;
const limit = view.byteLength - ${READ_AHEAD};
let i = from, row = 0, at = 0, end = 0, value = 0, word = 0, hits = 0, left = 0, hash = 0;
rows: for (; i < to; i++, row++) {
at = starts[i];
end = ends[i];
if (at + ${rest} > end || end > limit || end - at > ${rules.maxEventBytes}) break;
${steps.includes(ID) ? '' : 'idStart[row] = -1;'}
${parts.join('')}}
return i;
};`;
}

/** Whole words, then a last one that overlaps so that it ends where the literal does. */
function literalText(literal: Uint8Array): string {
  const { length } = literal;
  const view = new DataView(literal.buffer, literal.byteOffset, length);
  const checks: string[] = [];
  for (let n = 0; n + 4 <= length; n += 4) checks.push(wordText(n, view.getInt32(n, true)));
  if (length > 4 && length % 4 !== 0)
    checks.push(wordText(length - 4, view.getInt32(length - 4, true)));
  else if (length < 4) {
    const word = literal.reduceRight((sum, byte) => (sum << 8) | byte, 0);
    checks.push(`(view.getInt32(at, true) & ${(1 << (8 * length)) - 1}) !== ${word}`);
  }
  return `if (${checks.join(' || ')}) break;\nat += ${length};\n`;
}

function wordText(offset: number, word: number): string {
  return `view.getInt32(at + ${offset}, true) !== ${word}`;
}

function valueText(step: number, rest: number, rules: Rules): string {
  if (step === END) return 'if (at !== end) break;\n';
  const enough = `if (at + ${rest} > end) break;\n`;
  if (step === TIME) return timeText(rest) + enough;
  if (step === TYPE) return TYPE_TEXT + enough;
  if (step === PRODUCT) return productText(rules) + enough;
  if (step === ID) return `idStart[row] = at;\n${stringText('')}idEnd[row] = at;\n${enough}`;
  return stringText('') + enough;
}

/**
 * A string's plain bytes: up to the first that is `"`, `\`, below space or above ASCII. Such a
 * byte, and none before it, sets its high bit in one of the terms.
 */
function stringText(eachWord: string): string {
  return `for (;;) {
if (at >= end) break rows;
word = view.getInt32(at, true);
hits = (word | (word - 0x20202020) | ((word ^ 0x22222222) - 0x01010101) |
  ((word ^ 0x5c5c5c5c) - 0x01010101)) & 0x80808080;
if (hits !== 0) break;
${eachWord}at += 4;
}
left = (31 - Math.clz32(hits & -hits)) >>> 3;
at += left;
`;
}

/** A product id, and its hash on the way: the same as `hashOf`. */
function productText({ seed, maxProductIdBytes }: Rules): string {
  const eachWord = `hash = Math.imul(hash ^ word, ${FIRST_MIX});
hash ^= hash >>> 15;
`;
  return `value = at;
hash = ${seed | 0};
${stringText(eachWord)}value = at - value;
if (value === 0 || value > ${maxProductIdBytes}) break;
productStart[row] = at - value;
productEnd[row] = at;
hash ^= (word & ((1 << (8 * left)) - 1)) ^ (value << 24);
hash = Math.imul(hash, ${LAST_MIX});
productHash[row] = hash ^ (hash >>> 13);
`;
}

/** Epoch milliseconds from 2001 to 2286 have this many digits. */
const USUAL_DIGITS = 13;

/** A byte below `0` borrows, one above `9` carries into its high bit. */
function timeText(rest: number): string {
  return `time: {
if (at + ${USUAL_DIGITS + rest} <= end) {
const a = (view.getInt32(at, true) - 0x30303030) | 0;
const b = (view.getInt32(at + 4, true) - 0x30303030) | 0;
const c = (view.getInt32(at + 8, true) - 0x30303030) | 0;
const d = bytes[at + 12] - 0x30;
if (((a | (a + 0x76767676) | b | (b + 0x76767676) | c | (c + 0x76767676)) & 0x80808080) === 0 &&
  d >= 0 && d <= 9 && (a & 0xff) !== 0) {
const p = a * 10 + (a >>> 8), q = b * 10 + (b >>> 8), r = c * 10 + (c >>> 8);
time[i] = (((p & 0xff) * 100 + ((p >>> 16) & 0xff)) * 10000 +
  ((q & 0xff) * 100 + ((q >>> 16) & 0xff))) * 100000 +
  ((r & 0xff) * 100 + ((r >>> 16) & 0xff)) * 10 + d;
at += ${USUAL_DIGITS};
break time;
}
}
at = readAnyTime(bytes, at, end, i, time);
if (at < 0) break rows;
}
`;
}

/** Up to the closing quote, which is part of the literal behind it. */
const TYPE_TEXT = `word = view.getInt32(at, true);
if (word === ${wordOf('impr')}) {
if (at + 11 > end) break;
if (view.getInt32(at + 4, true) !== ${wordOf('essi')}) break;
if (view.getInt32(at + 7, true) !== ${wordOf('ion"')}) break;
kind[i] = ${IMPRESSION};
at += 10;
} else {
if (word !== ${wordOf('clic')} || bytes[at + 4] !== ${'k'.charCodeAt(0)}) break;
kind[i] = ${CLICK};
at += 5;
}
`;

function wordOf(text: string): number {
  return [...text].reduceRight((word, letter) => (word << 8) | letter.charCodeAt(0), 0);
}

/** Reads any number of digits into `out[i]`; returns where they end, or -1. */
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
