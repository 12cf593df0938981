/** Where records begin and end in the bytes of a file. */
import type { RecordBatch } from '../event.ts';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const NEWLINES = 0x0a0a0a0a;
const ONES = 0x01010101;
const HIGHS = 0x80808080;

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
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { starts, ends, offsets } = batch;
    let count = batch.count;
    let at = start;
    while (at < end && count < room) {
      let stop = newlineFrom(bytes, view, at, end);
      if (stop < 0) {
        if (!isLast) break;
        stop = end;
      }
      const last = stop > at && bytes[stop - 1] === RETURN ? stop - 1 : stop;
      if (last > at) {
        starts[count] = at;
        ends[count] = last;
        offsets[count++] = base + (at - start);
      }
      at = Math.min(end, stop + 1);
    }
    batch.count = count;
    return at;
  }
}

/**
 * Index of the first newline in `[start, end)`, or -1. Sixteen bytes at a time, because a call of
 * `indexOf` costs more than the 140 bytes of a usual line.
 */
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
