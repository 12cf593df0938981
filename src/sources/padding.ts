/** What lies behind the last member of a gzip file. */
import { closeSync, openSync, readSync } from 'node:fs';

const CHUNK_BYTES = 65_536;

/**
 * Throws unless all bytes of the file in `[from, size)` are zeros, as tapes and disks leave them.
 * zlib stops at a zero there: what came behind it would be passed over without a word.
 */
export function mustBePadding(name: string, from: number, size: number): void {
  if (from >= size) return;
  const file = openSync(name, 'r');
  try {
    const chunk = new Uint8Array(CHUNK_BYTES);
    for (let at = from; at < size; ) {
      const length = readSync(file, chunk, 0, Math.min(CHUNK_BYTES, size - at), at);
      if (length === 0) throw new Error(`it became shorter than its ${size} bytes`);
      if (chunk.subarray(0, length).some((byte) => byte !== 0))
        throw new Error(`the gzip has zeros from byte ${from} on, and more data behind them`);
      at += length;
    }
  } finally {
    closeSync(file);
  }
}
