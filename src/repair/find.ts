/** Looks for a text in a file that may be larger than memory. */
import { closeSync, openSync, readSync } from 'node:fs';

const PIECE_BYTES = 1_048_576;

/** Whether `file` has `text`, which is in ASCII, anywhere. */
export function fileHas(file: string, text: string): boolean {
  const fd = openSync(file, 'r');
  try {
    // A piece begins with the end of the one before, where the text may have begun.
    const kept = text.length - 1;
    const piece = Buffer.alloc(kept + PIECE_BYTES);
    for (let at = 0; ; at += PIECE_BYTES) {
      const read = readSync(fd, piece, kept, PIECE_BYTES, at);
      if (piece.subarray(0, kept + read).includes(text)) return true;
      if (read < PIECE_BYTES) return false;
      piece.copyWithin(0, PIECE_BYTES);
    }
  } finally {
    closeSync(fd);
  }
}
