/**
 * A layout as machine code: a WebAssembly function that holds records against the literals of a
 * layout, sixteen bytes at a time, and reads their values on the way, row after row. It works in
 * the memory of code, where the records lie or are copied to: no address of it can be outside.
 */
import { MEMORY } from '../code-memory.ts';
import { CLICK, IMPRESSION } from '../event.ts';
import {
  againIf,
  type Code,
  functionOf,
  get,
  I32,
  I64,
  i32,
  i64,
  load8,
  load32,
  load64,
  load128,
  loop,
  moduleOf,
  op,
  set,
  splat,
  store8,
  store32,
  storeDouble,
  tee,
  V128,
  v128,
  when,
} from '../wasm.ts';
import { digits, digitsAt, notDigits, numberOf } from './digits.ts';
import { ID, PRODUCT, TIME, TYPE } from './fields.ts';
import { FIRST_MIX, LAST_MIX } from './keys.ts';
import { columns } from './run.ts';

/** Step codes beside those of the fields: other plain strings and numbers, the record's end. */
export const STRING = 5;
export const NUMBER = 6;
export const END = 7;

/** Digits of a time that is matched: epoch milliseconds from 2001 to 2286 have as many. */
export const TIME_DIGITS = 13;

/** `literals[n]` stands before the value that `steps[n]` names. */
export type Plan = { literals: readonly Uint8Array[]; steps: readonly number[] };

/** The limits of a record that takes the short way. */
export type Rules = { maxEventBytes: number; maxProductIdBytes: number };

/**
 * Matches rows from `first` on, to row `rows` of the run (see `run.ts`), and stops before the first
 * that has not the layout; returns that row. `shift` is added to where rows start and end; `seed`
 * is that of the hash of product ids.
 */
export type Match = (first: number, rows: number, shift: number, seed: number) => number;

// Parameters and locals.
const [ROW, ROWS, SHIFT, SEED, AT, RECORD_END, BITS, START, HASH, BAD] = Array(10).keys();
const [HEAD, TAIL, BAD_LONG, TEXT, WRONG] = [10, 11, 12, 13, 14];
const LOCALS = [I32, I32, I32, I32, I32, I32, I64, I64, I64, V128, V128];

/** Compiled layouts, by what they are of: tasks share them. At the limit the oldest goes. */
const compiled = new Map<string, Match | null>();
const MAX_COMPILED = 32;

/** Null where the process cannot run it. */
export function compile(plan: Plan, rules: Rules): Match | null {
  const key = JSON.stringify([plan.steps, plan.literals.map((bytes) => bytes.join()), rules]);
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const module = moduleOf(4, LOCALS, bodyOf(plan, rules));
  const match = functionOf(module, MEMORY) as Match | null;
  if (compiled.size >= MAX_COMPILED) compiled.delete([...compiled.keys()][0]);
  compiled.set(key, match);
  return match;
}

/** What is wrong with a row is gathered and asked for once, at its end: few branches. */
function bodyOf({ literals, steps }: Plan, rules: Rules): Code {
  const values = steps.map((step, n) => [literal(literals[n]), value(step, rules)]);
  return [
    loop(
      [column(columns.starts), get(SHIFT), op.add, set(AT)],
      [column(columns.ends), get(SHIFT), op.add, set(RECORD_END)],
      [get(RECORD_END), get(AT), op.subtract, i32(rules.maxEventBytes)],
      [op.moreUnsigned, set(BAD), i64(0n), set(BAD_LONG)],
      [v128(new Uint8Array(16)), set(WRONG)],
      steps.includes(ID) ? [] : put(columns.idStart, i32(-1)),
      values,
      [get(BAD), get(BAD_LONG), op.isZero64, op.isZero, op.or],
      [get(WRONG), op.any128, op.or, get(AT), get(RECORD_END), op.notEqual],
      [op.or, when([get(ROW), op.leave])],
      [get(ROW), i32(1), op.add, tee(ROW), get(ROWS), op.less, againIf(0)],
    ),
    get(ROW),
  ];
}

/** The value of a column of 32-bit numbers at the row. */
function column(at: number): Code {
  return [get(ROW), i32(2), op.shiftLeft, load32(at)];
}

function put(at: number, code: Code): Code {
  return [get(ROW), i32(2), op.shiftLeft, code, store32(at)];
}

/** The last sixteen bytes overlap, so that they end where the literal does. */
function literal(bytes: Uint8Array): Code {
  const { length } = bytes;
  const code: Code[] = [];
  for (let n = 0; n + 16 < length; n += 16) code.push(sixteen(bytes.subarray(n, n + 16), n));
  if (length >= 16) code.push(sixteen(bytes.subarray(length - 16), length - 16));
  else code.push(sixteen(bytes, 0));
  return [code, move(i32(length))];
}

/** Up to sixteen bytes; what lies behind them is masked. */
function sixteen(bytes: Uint8Array, offset: number): Code {
  const wanted = new Uint8Array(16);
  wanted.set(bytes);
  const mask = wanted.map((_, n) => (n < bytes.length ? 0xff : 0));
  const code = [get(AT), load128(offset), v128(wanted), op.xor128];
  if (bytes.length < 16) code.push(v128(mask), op.and128);
  return [code, get(WRONG), op.or128, set(WRONG)];
}

function move(by: Code): Code {
  return [get(AT), by, op.add, set(AT)];
}

function bad(code: Code): Code {
  return [get(BAD), code, op.or, set(BAD)];
}

function badLong(code: Code): Code {
  return [get(BAD_LONG), code, op.or64, set(BAD_LONG)];
}

function value(step: number, rules: Rules): Code {
  if (step === END) return [];
  if (step === TIME) return time();
  if (step === TYPE) return type();
  if (step === PRODUCT) return product(rules);
  if (step === NUMBER) return number();
  if (step === ID) return [put(columns.idStart, get(AT)), string(), put(columns.idEnd, get(AT))];
  return string();
}

/**
 * A string's plain bytes: up to the first that is `"`, `\`, below space or above ASCII (negative,
 * so below space too). One that runs over the record's end ends behind it, which is wrong.
 */
function string(): Code {
  return [
    loop(
      [get(AT), load128(), tee(TEXT), splat(0x22), op.equalBytes],
      [get(TEXT), splat(0x5c), op.equalBytes, op.or128],
      [get(TEXT), splat(0x20), op.lessBytes, op.or128, op.bitsOfBytes],
      [tee(BITS), op.isZero],
      when([move(i32(16)), get(AT), get(RECORD_END), op.lessUnsigned, againIf(1)]),
    ),
    move([get(BITS), op.trailingZeros]),
  ];
}

/** A product id, and its hash as `hashOf` says it. */
function product({ maxProductIdBytes }: Rules): Code {
  const length = [get(AT), get(START), op.subtract];
  const tooLong = [i32(maxProductIdBytes - 1), op.moreUnsigned];
  const mix = (word: Code, factor: number) => [
    [get(HASH), word, op.xor, i32(factor), op.multiply, tee(HASH)],
    get(HASH),
  ];
  const hashWords = loop(
    [get(BITS), i32(4), op.add, get(AT), op.lessOrEqual],
    when([
      [mix([get(BITS), load32()], FIRST_MIX), i32(15), op.shiftRight],
      [op.xor, i32(LAST_MIX), op.multiply, set(HASH)],
      [get(BITS), i32(4), op.add, set(BITS), i32(1), againIf(1)],
    ]),
  );
  const bitsLeft = [get(AT), get(BITS), op.subtract, i32(3), op.shiftLeft];
  const mask = [i32(1), bitsLeft, op.shiftLeft, i32(1), op.subtract];
  const last = [
    [get(BITS), load32(), mask, op.and],
    [length, i32(24), op.shiftLeft, op.xor],
  ];
  return [
    [get(AT), set(START), string()],
    bad([length, i32(1), op.subtract, tooLong]),
    [put(columns.productStart, get(START)), put(columns.productEnd, get(AT))],
    [get(SEED), set(HASH), get(START), set(BITS), hashWords],
    [mix(last, LAST_MIX), i32(13), op.shiftRight, op.xor, set(HASH)],
    put(columns.productHash, get(HASH)),
  ];
}

/** A number without exponent, of at most fifteen digits before its point and behind it. */
function number(): Code {
  const is = (text: string) => [get(AT), load8(), i32(text.charCodeAt(0)), op.equal];
  const some = [digitsAt(get(AT)), set(BITS)];
  const none = bad([get(BITS), i32(1), op.subtract, i32(14), op.moreUnsigned]);
  return [
    [move(is('-')), some, none],
    // More than one digit, the first a zero.
    bad([is('0'), get(BITS), i32(1), op.notEqual, op.and]),
    [move(get(BITS)), is('.')],
    when([move(i32(1)), some, none, move(get(BITS))]),
  ];
}

/** Thirteen digits, as the last five of a long before and the eight of one behind it. */
function time(): Code {
  const longAt = (offset: number, local: number) => [get(AT), load64(offset), digits, set(local)];
  const first = [get(HEAD), i64(0xffn), op.and64, op.isZero64];
  return [
    [longAt(0, HEAD), longAt(5, TAIL)],
    [badLong(notDigits(HEAD)), badLong(notDigits(TAIL)), bad(first)],
    [get(HEAD), i64(24n), op.shiftLeft64, set(HEAD)],
    [get(ROW), i32(3), op.shiftLeft, numberOf(HEAD), i64(100_000_000n)],
    [op.multiply64, numberOf(TAIL), op.add64, op.doubleFrom64],
    [storeDouble(columns.time), move(i32(TIME_DIGITS))],
  ];
}

/** Up to the closing quote, which is part of the literal behind it. */
function type(): Code {
  const kind = (code: number) => [get(ROW), i32(code), store8(columns.kind)];
  const impression = [
    badLong([get(AT), load64(3), i64(longOf('ression"')), op.xor64]),
    [kind(IMPRESSION), move(i32(10))],
  ];
  const click = [
    badLong([
      [get(AT), load64(), i64(0xffff_ffff_ffffn), op.and64],
      [i64(longOf('click"')), op.xor64],
    ]),
    [kind(CLICK), move(i32(5))],
  ];
  const isImpression = [get(AT), load32(), i32(Number(longOf('impr'))), op.equal];
  return [isImpression, when(impression, click)];
}

function longOf(text: string): bigint {
  return [...text].reduceRight((long, letter) => (long << 8n) | BigInt(letter.charCodeAt(0)), 0n);
}
