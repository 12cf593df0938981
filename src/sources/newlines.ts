/**
 * Where the newlines are in a chunk of bytes, sixteen bytes at a time: a WebAssembly function over
 * a copy of the chunk. Where the process cannot run it, `newlineFrom` finds them one by one.
 */
import {
  againIf,
  type Code,
  functionOf,
  get,
  I32,
  i32,
  load128,
  loop,
  memoryOf,
  moduleOf,
  op,
  set,
  splat,
  store32,
  tee,
  when,
} from '../wasm.ts';

/** Bytes of a chunk, at most: it stays in the processor's nearest cache. */
export const CHUNK_BYTES = 32_768;
/** Bytes that are read at a time: the last ones may lie behind the chunk. */
const READ_BYTES = 16;
const FOUND_AT = CHUNK_BYTES + READ_BYTES;

const NEWLINE = 0x0a;
const NEWLINES = 0x0a0a0a0a;
const ONES = 0x01010101;
const HIGHS = 0x80808080;

const MEMORY = memoryOf(FOUND_AT + 4 * (CHUNK_BYTES + READ_BYTES));
const chunk = new Uint8Array(MEMORY.buffer, 0, CHUNK_BYTES);
/** Where the newlines are, rising; as many as `findNewlines` said last. */
export const found = new Uint32Array(MEMORY.buffer, FOUND_AT, CHUNK_BYTES + READ_BYTES);

// Parameter and locals.
const [END, AT, BITS, COUNT] = [0, 1, 2, 3];

/** Notes the place of each newline in `[0, end)`, and maybe of some behind it; answers how many. */
function body(): Code {
  return loop(
    [...get(AT), ...load128(), ...splat(NEWLINE), ...op.equalBytes, ...op.bitsOfBytes],
    [...tee(BITS), ...when(noteAll())],
    [...get(AT), ...i32(READ_BYTES), ...op.add, ...tee(AT), ...get(END), ...op.less, ...againIf(0)],
  ).concat(get(COUNT));
}

/** One place for each bit, the lowest first. */
function noteAll(): Code {
  return loop(
    [...get(COUNT), ...i32(2), ...op.shiftLeft],
    [...get(AT), ...get(BITS), ...op.trailingZeros, ...op.add, ...store32(FOUND_AT)],
    [...get(COUNT), ...i32(1), ...op.add, ...set(COUNT)],
    [...get(BITS), ...get(BITS), ...i32(1), ...op.subtract, ...op.and, ...tee(BITS)],
    againIf(0),
  );
}

const find = functionOf(moduleOf(1, [I32, I32, I32], body()), MEMORY) as
  | ((end: number) => number)
  | null;

/** Fills `found` for `bytes`, of which there are `CHUNK_BYTES` at most; answers how many. */
export function findNewlines(bytes: Uint8Array): number {
  if (find === null) return findOneByOne(bytes);
  chunk.set(bytes);
  let count = bytes.length === 0 ? 0 : find(bytes.length);
  while (count > 0 && found[count - 1] >= bytes.length) count--;
  return count;
}

/** The same without WebAssembly. */
export function findOneByOne(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let count = 0;
  for (let at = newlineFrom(bytes, view, 0, bytes.length); at >= 0; ) {
    found[count++] = at;
    at = newlineFrom(bytes, view, at + 1, bytes.length);
  }
  return count;
}

/** Index of the first newline in `[start, end)`, or -1. A call of `indexOf` would cost more. */
function newlineFrom(bytes: Uint8Array, view: DataView, start: number, end: number): number {
  let at = start;
  for (; at + 16 <= end; at += 16) {
    const a = view.getInt32(at, true) ^ NEWLINES;
    const b = view.getInt32(at + 4, true) ^ NEWLINES;
    const c = view.getInt32(at + 8, true) ^ NEWLINES;
    const d = view.getInt32(at + 12, true) ^ NEWLINES;
    const zeros = ((a - ONES) & ~a) | ((b - ONES) & ~b) | ((c - ONES) & ~c) | ((d - ONES) & ~d);
    if ((zeros & HIGHS) !== 0) break;
  }
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at, true) ^ NEWLINES;
    // The lowest byte that became zero is the first to set its high bit here.
    const hits = (word - ONES) & ~word & HIGHS;
    if (hits !== 0) return at + ((31 - Math.clz32(hits & -hits)) >>> 3);
  }
  for (; at < end; at++) if (bytes[at] === NEWLINE) return at;
  return -1;
}
