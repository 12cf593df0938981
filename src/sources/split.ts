/** Where records begin and end in the bytes of a file. */
import type { RecordBatch } from '../event.ts';
import { CHUNK_BYTES, findNewlines, found } from './newlines.ts';

const RETURN = 0x0d;

/**
 * Cuts records out of `bytes`, whose first one lies at `base` of all bytes, and adds them to
 * `batch` while it has room for the records of one more cut. `isLast`: the file ends here.
 */
export interface Splitter {
  /** Returns where the bytes that were used end. */
  split(bytes: Uint8Array, base: number, isLast: boolean, batch: RecordBatch): number;
  /** A new file begins. */
  begin(): void;
  /** The bytes that the batch's starts and ends mean; null: those given to `split`. */
  readonly output: Uint8Array | null;
  /** The most records of one cut; a batch needs room for them. */
  readonly recordsPerCut: number;
  /** Records can only be read from a file's beginning on, not from any record's offset. */
  readonly needsBegin: boolean;
}

/** A record a line. Blank lines are none; `\r\n` ends a line too. */
export class LineSplitter implements Splitter {
  readonly output = null;
  readonly recordsPerCut = 1;
  readonly needsBegin = false;

  begin(): void {}

  split(bytes: Uint8Array, base: number, isLast: boolean, batch: RecordBatch): number {
    const end = bytes.length;
    const room = batch.starts.length;
    let at = 0;
    for (let from = 0; from < end && batch.count < room; from += CHUNK_BYTES) {
      const newlines = findNewlines(bytes.subarray(from, from + CHUNK_BYTES));
      for (let n = 0; n < newlines && batch.count < room; n++) {
        const stop = from + found[n];
        addLine(batch, bytes, at, stop, base + at);
        at = stop + 1;
      }
    }
    if (isLast && at < end && batch.count < room) {
      addLine(batch, bytes, at, end, base + at);
      at = end;
    }
    return at;
  }
}

/** Without the `\r` before a newline; a blank line is no record. */
function addLine(
  batch: RecordBatch,
  bytes: Uint8Array,
  start: number,
  stop: number,
  offset: number,
): void {
  const end = stop > start && bytes[stop - 1] === RETURN ? stop - 1 : stop;
  if (end === start) return;
  const row = batch.count++;
  batch.starts[row] = start;
  batch.ends[row] = end;
  batch.offsets[row] = offset;
}
