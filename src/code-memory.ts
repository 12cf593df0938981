/**
 * The memory that code made by `wasm.ts` works on: one for the process, given out in parts. Bytes
 * that come to a part are read where they are; others have to be copied to one first.
 */
import { memoryOf } from './wasm.ts';

/** The system gives it page by page, as it is written to. */
const SIZE = 33_554_432;
/** Whatever code reads behind a part before it notices. */
const READ_AHEAD = 32_768;
/** Parts begin with a cache line. */
const LINE_BYTES = 64;

export const MEMORY = memoryOf(SIZE);
let used = 0;

/** Where `size` bytes lie that nobody else was given; null where there are no longer so many. */
export function partOf(size: number): number | null {
  const at = used;
  if (at + size + READ_AHEAD > SIZE) return null;
  used = Math.ceil((at + size) / LINE_BYTES) * LINE_BYTES;
  return at;
}

/** A part that there must be, as of modules, which take theirs once and first. */
export function ownPartOf(size: number): number {
  const at = partOf(size);
  if (at === null) throw new RangeError(`the memory of code has no ${size} bytes left`);
  return at;
}

/** Whether bytes lie in it. */
export function isInMemory(bytes: Uint8Array): boolean {
  return bytes.buffer === MEMORY.buffer;
}
