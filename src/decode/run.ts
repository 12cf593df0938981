/**
 * A run: records in a row that are matched at once, in the memory of code. Those that lie elsewhere
 * are copied there; of usual events a run stays in the processor's nearest cache. One serves all
 * tasks, since each run is used up before another batch is begun.
 */
import { isInMemory, MEMORY, ownPartOf } from '../code-memory.ts';
import type { RecordBatch } from '../event.ts';
import { viewOf } from '../text-bytes.ts';

/** Most rows of a run, and most bytes of its records. */
const RUN_ROWS = 256;
const RUN_BYTES = 131_072;

/** Room for a column of `width` bytes a row. */
function room(width: number): number {
  return ownPartOf(width * RUN_ROWS);
}

/** Where the columns lie, of 4 bytes a row, 8 and 1. */
export const columns = {
  time: room(8),
  starts: room(4),
  ends: room(4),
  productStart: room(4),
  productEnd: room(4),
  productHash: room(4),
  product: room(4),
  idStart: room(4),
  idEnd: room(4),
  kind: room(1),
};
const RECORDS_AT = ownPartOf(RUN_BYTES);

const { buffer } = MEMORY;
const bytes = new Uint8Array(buffer);
const starts = new Uint32Array(buffer, columns.starts, RUN_ROWS);
const ends = new Uint32Array(buffer, columns.ends, RUN_ROWS);

/** What was found of the rows of a run; starts and ends are places in `bytes`. */
export const run = {
  bytes,
  view: viewOf(bytes),
  time: new Float64Array(buffer, columns.time, RUN_ROWS),
  kind: new Uint8Array(buffer, columns.kind, RUN_ROWS),
  /** Product ids without quotes, and their hash as `hashOf` says it. */
  productStart: new Int32Array(buffer, columns.productStart, RUN_ROWS),
  productEnd: new Int32Array(buffer, columns.productEnd, RUN_ROWS),
  productHash: new Int32Array(buffer, columns.productHash, RUN_ROWS),
  /** Their dense ids, see `products.ts`. */
  product: new Uint32Array(buffer, columns.product, RUN_ROWS),
  /** Event ids; -1: none. */
  idStart: new Int32Array(buffer, columns.idStart, RUN_ROWS),
  idEnd: new Int32Array(buffer, columns.idEnd, RUN_ROWS),
};

/** The rows that are in the run, and what to add to their starts and ends to find them there. */
export const taken = { from: 0, to: 0, shift: 0 };

/**
 * Takes as many rows from `from` on as there is room for, to row `to` at most. Maybe none, where
 * they have to be copied.
 */
export function take(records: RecordBatch, from: number, to: number): void {
  const last = Math.min(to, from + RUN_ROWS);
  taken.from = from;
  if (isInMemory(records.bytes)) takeInPlace(records, last);
  else takeCopied(records, last);
}

function takeInPlace(records: RecordBatch, last: number): void {
  starts.set(records.starts.subarray(taken.from, last));
  ends.set(records.ends.subarray(taken.from, last));
  taken.to = last;
  taken.shift = records.bytes.byteOffset;
}

/** Takes rows while each record lies behind the one before. */
function takeCopied(records: RecordBatch, last: number): void {
  const { from } = taken;
  const first = records.starts[from];
  let at = first;
  let i = from;
  for (; i < last; i++) {
    const start = records.starts[i];
    const end = records.ends[i];
    if (start < at || end < start || end - first > RUN_BYTES) break;
    starts[i - from] = start;
    ends[i - from] = end;
    at = end;
  }
  taken.to = i;
  taken.shift = RECORDS_AT - first;
  bytes.set(records.bytes.subarray(first, at), RECORDS_AT);
}
