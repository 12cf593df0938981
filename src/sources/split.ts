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
    const view = bytes.subarray(0, end);
    let at = start;
    while (at < end && batch.count < room) {
      let stop = view.indexOf(NEWLINE, at);
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
