/** Bytes in the memory of code, as answers of brokers are. */
import { MEMORY, ownPartOf } from '../../src/code-memory.ts';

/** One part for a test file: each call uses it anew. */
const SIZE = 12_582_912;
let at: number | null = null;

/** A copy of the bytes, with others behind them; true to the next call. */
export function inCodeMemory(bytes: Uint8Array): Buffer {
  at ??= ownPartOf(SIZE);
  const part = Buffer.from(MEMORY.buffer, at, SIZE);
  part.set(bytes);
  part.fill(0xa5, bytes.length, Math.min(SIZE, bytes.length + 64));
  return part.subarray(0, bytes.length);
}
