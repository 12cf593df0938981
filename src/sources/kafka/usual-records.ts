/**
 * The short way of `records.ts`: batches that lie in the memory of code are walked by a WebAssembly
 * function, at half the cost. What is unusual it leaves alone: a number of more than two bytes (a
 * record of 8 KiB, the 8 193rd of a batch), and whatever is not a record.
 */
import { isInMemory, MEMORY, ownPartOf } from '../../code-memory.ts';
import type { RecordBatch } from '../../event.ts';
import {
  againIf,
  type Code,
  functionOf,
  get,
  I32,
  i32,
  load8,
  loadDouble,
  loop,
  moduleOf,
  op,
  set,
  store32,
  storeDouble,
  tee,
  when,
} from '../../wasm.ts';

/** What the head of a batch says of its records. */
export type BatchHead = {
  base: number;
  count: number;
  /** The append time of all, or what the records' times are counted from. */
  firstMs: number;
  isAppendTime: boolean;
  /** Records that carry their producer's time arrived then, at the latest. */
  wallMs: number;
  /** Records before this offset are passed over. */
  from: number;
};

/** What Kafka calls no timestamp: the producer gave none. */
const NO_TIME = -1;

/** When a record arrived, by its producer's time. */
export function arrivalOf(timeMs: number, wallMs: number): number {
  return timeMs === NO_TIME ? wallMs : Math.min(timeMs, wallMs);
}

/** Offsets that are counted in two bytes. */
const MOST_ROWS = 8_192;

function room(width: number): number {
  return ownPartOf(width * MOST_ROWS);
}

/** Columns of what was found; times are counted from the batch's first. */
const columns = {
  starts: room(4),
  ends: room(4),
  keyStarts: room(4),
  keyEnds: room(4),
  times: room(4),
  offsets: room(8),
};
const BASE_AT = ownPartOf(8);

const { buffer } = MEMORY;
const base = new Float64Array(buffer, BASE_AT, 1);
const found = {
  starts: new Uint32Array(buffer, columns.starts, MOST_ROWS),
  ends: new Uint32Array(buffer, columns.ends, MOST_ROWS),
  keyStarts: new Uint32Array(buffer, columns.keyStarts, MOST_ROWS),
  keyEnds: new Uint32Array(buffer, columns.keyEnds, MOST_ROWS),
  times: new Int32Array(buffer, columns.times, MOST_ROWS),
  offsets: new Float64Array(buffer, columns.offsets, MOST_ROWS),
};

/**
 * Walks `four` / 4 records from `at` on; answers where they end, or -1. `shift` is taken off the
 * places in its columns.
 */
type Walk = (at: number, end: number, four: number, shift: number) => number;

// Parameters and locals. Rows are counted in fours: a row of most columns has as many bytes.
const [AT, END, FOUR, SHIFT, BAD, STOP, VALUE, BYTE, ROW] = Array(9).keys();
const LOCALS = [I32, I32, I32, I32, I32];
const walk = functionOf(moduleOf(4, LOCALS, bodyOf()), MEMORY) as Walk | null;

function bodyOf(): Code {
  return [
    loop(
      [varint(), bad(odd()), get(AT), half(), op.add, set(STOP)],
      bad([get(STOP), get(END), op.moreUnsigned]),
      // Attributes: none are in use.
      move(i32(1)),
      [varint(), put(columns.times, [half(), i32(0), odd(), op.subtract, op.xor])],
      [varint(), bad(odd()), get(ROW), i32(1), op.shiftLeft],
      [i32(BASE_AT), loadDouble(), half(), op.doubleFrom32, op.addDoubles],
      storeDouble(columns.offsets),
      // A key of length -1 is none: it starts behind its end.
      [length(), put(columns.keyStarts, [place(), odd(), op.add])],
      [move(half()), put(columns.keyEnds, place())],
      [length(), put(columns.starts, place())],
      [move(half()), put(columns.ends, place())],
      // Headers are passed; how many they are takes a byte at least.
      bad([get(STOP), get(AT), op.lessOrEqual]),
      [get(BAD), when([i32(-1), op.leave])],
      [get(STOP), set(AT), get(ROW), i32(4), op.add, tee(ROW)],
      [get(FOUR), op.lessUnsigned, againIf(0)],
    ),
    get(AT),
  ];
}

/** A number of at most two bytes into `VALUE`, its sign in the last bit. */
function varint(): Code {
  const second = [
    [get(AT), load8(), tee(BYTE), i32(7), op.shiftLeft],
    [get(VALUE), i32(0x7f), op.and, op.or, set(VALUE)],
    [bad([get(BYTE), i32(0x80), op.and]), move(i32(1))],
  ];
  return [
    [get(AT), load8(), set(VALUE), move(i32(1))],
    [get(VALUE), i32(0x80), op.and, when(second)],
  ];
}

/** A length that is not below -1. */
function length(): Code {
  return [varint(), bad([odd(), half(), i32(0), op.notEqual, op.and])];
}

/** The magnitude in `VALUE`; of -1 it is 0. */
function half(): Code {
  return [get(VALUE), i32(1), op.shiftRight];
}

function odd(): Code {
  return [get(VALUE), i32(1), op.and];
}

function place(): Code {
  return [get(AT), get(SHIFT), op.subtract];
}

function move(by: Code): Code {
  return [get(AT), by, op.add, set(AT)];
}

function bad(code: Code): Code {
  return [get(BAD), code, op.or, set(BAD)];
}

function put(column: number, code: Code): Code {
  return [get(ROW), code, store32(column)];
}

/**
 * Adds the records in `[start, end)` to `out`, which has room for them; false where it did nothing:
 * then it is for `walkRecords` to say what they are.
 */
export function walkUsual(
  bytes: Uint8Array,
  start: number,
  end: number,
  head: BatchHead,
  out: RecordBatch,
): boolean {
  const { count, from } = head;
  const isUsual = count > 0 && count <= MOST_ROWS && from <= head.base && isInMemory(bytes);
  if (walk === null || !isUsual) return false;
  const shift = bytes.byteOffset;
  base[0] = head.base;
  if (walk(start + shift, end + shift, count * 4, shift) !== end + shift) return false;
  copyTo(out, head);
  return true;
}

function copyTo(out: RecordBatch, { count, firstMs, isAppendTime, wallMs }: BatchHead): void {
  const { arrivals, count: row } = out;
  out.starts.set(found.starts.subarray(0, count), row);
  out.ends.set(found.ends.subarray(0, count), row);
  out.keyStarts?.set(found.keyStarts.subarray(0, count), row);
  out.keyEnds?.set(found.keyEnds.subarray(0, count), row);
  out.offsets.set(found.offsets.subarray(0, count), row);
  const { times } = found;
  if (isAppendTime) arrivals.fill(firstMs, row, row + count);
  else for (let n = 0; n < count; n++) arrivals[row + n] = arrivalOf(firstMs + times[n], wallMs);
  out.count = row + count;
}
