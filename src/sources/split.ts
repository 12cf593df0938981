/** Where records begin and end in the bytes of a file. */
import type { RecordBatch } from '../event.ts';
import { CHUNK_BYTES, findNewlines, found } from './newlines.ts';

const RETURN = 0x0d;

/**
 * Cuts records out of `bytes[start, end)`, whose first byte lies at `base` of all bytes, and adds
 * them to `batch` while it has room for the records of one more cut. `isLast`: the file ends here.
 */
export interface Splitter {
  /** Returns where the bytes that were used end. */
  split(
    bytes: Uint8Array,
    start: number,
    end: number,
    base: number,
    isLast: boolean,
    batch: RecordBatch,
    room: number,
  ): number;
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

  split(
    bytes: Uint8Array,
    start: number,
    end: number,
    base: number,
    isLast: boolean,
    batch: RecordBatch,
    room: number,
  ): number {
    const { starts, ends, offsets } = batch;
    let count = batch.count;
    let at = start;
    for (let from = start; from < end && count < room; from += CHUNK_BYTES) {
      const newlines = findNewlines(bytes.subarray(from, Math.min(from + CHUNK_BYTES, end)));
      for (let n = 0; n < newlines && count < room; n++) {
        const stop = from + found[n];
        const last = lineEnd(bytes, at, stop);
        if (last > at) {
          starts[count] = at;
          ends[count] = last;
          offsets[count++] = base + (at - start);
        }
        at = stop + 1;
      }
    }
    if (isLast && at < end && count < room) {
      const last = lineEnd(bytes, at, end);
      if (last > at) {
        starts[count] = at;
        ends[count] = last;
        offsets[count++] = base + (at - start);
      }
      at = end;
    }
    batch.count = count;
    return at;
  }
}

/** Without the `\r` before a newline. */
function lineEnd(bytes: Uint8Array, start: number, stop: number): number {
  return stop > start && bytes[stop - 1] === RETURN ? stop - 1 : stop;
}
