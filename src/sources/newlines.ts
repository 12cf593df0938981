/**
 * Where the newlines are in a chunk of bytes, sixteen bytes at a time: a WebAssembly function over
 * a copy of the chunk. Where the process cannot run it, they are found one by one.
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

const MEMORY = memoryOf(FOUND_AT + 4 * (CHUNK_BYTES + READ_BYTES));
const chunk = new Uint8Array(MEMORY.buffer, 0, CHUNK_BYTES);
/** Where the newlines are, rising; as many as `findNewlines` said last. */
export const found = new Uint32Array(MEMORY.buffer, FOUND_AT, CHUNK_BYTES + READ_BYTES);

// Parameter and locals.
const [END, AT, BITS, COUNT] = [0, 1, 2, 3];

/** Notes the place of each newline in `[0, end)`, and maybe of some behind it; answers how many. */
function body(): Code {
  return [
    loop(
      [get(AT), load128(), splat(NEWLINE), op.equalBytes, op.bitsOfBytes],
      [tee(BITS), when(noteAll())],
      [get(AT), i32(READ_BYTES), op.add, tee(AT), get(END), op.less, againIf(0)],
    ),
    get(COUNT),
  ];
}

/** One place for each bit, the lowest first. */
function noteAll(): Code {
  return loop(
    [get(COUNT), i32(2), op.shiftLeft],
    [get(AT), get(BITS), op.trailingZeros, op.add, store32(FOUND_AT)],
    [get(COUNT), i32(1), op.add, set(COUNT)],
    [get(BITS), get(BITS), i32(1), op.subtract, op.and, tee(BITS)],
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
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1))
    found[count++] = at;
  return count;
}
