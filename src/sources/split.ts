/** Where records begin and end in the bytes of a file. */
import type { RecordBatch } from '../event.ts';

const NEWLINE = 0x0a;
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
}

/** A record a line. Blank lines are none; `\r\n` ends a line too. */
export class LineSplitter implements Splitter {
  readonly output = null;

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
    let at = start;
    while (at < end && batch.count < room) {
      let stop = newlineFrom(bytes, view, at, end);
      if (stop < 0) {
        if (!isLast) break;
        stop = end;
      }
      const last = stop > at && bytes[stop - 1] === RETURN ? stop - 1 : stop;
      if (last > at) {
        const i = batch.count++;
        batch.starts[i] = at;
        batch.ends[i] = last;
        batch.offsets[i] = base + (at - start);
      }
      at = Math.min(end, stop + 1);
    }
    return at;
  }
}

/**
 * Index of the first newline in `[start, end)`, or -1. Four bytes at a time, because a call of
 * `indexOf` costs more than the 140 bytes of a usual line.
 */
function newlineFrom(bytes: Uint8Array, view: DataView, start: number, end: number): number {
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at, true) ^ 0x0a0a0a0a;
    // The lowest byte that became zero is the first to set its high bit here.
    const hits = (word - 0x01010101) & ~word & 0x80808080;
    if (hits !== 0) return at + ((31 - Math.clz32(hits & -hits)) >>> 3);
  }
  for (; at < end; at++) if (bytes[at] === NEWLINE) return at;
  return -1;
}
