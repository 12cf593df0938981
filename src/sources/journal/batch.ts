/** Rows as one record batch. Columns and bytes are used again by the next batch. */
import type { Limits } from '../../config.ts';
import { type RecordBatch, recordBatch } from '../../event.ts';
import type { JournalRow } from './row.ts';

export class BatchBuilder {
  #batch: RecordBatch;
  /** Where rows are put together; a single row is served from its own bytes. */
  #joined = new Uint8Array(0);

  constructor(limits: Limits) {
    this.#batch = recordBatch(this.#joined, limits.batchRecords);
  }

  /** The records of consecutive rows from offset `from` on; valid until the next call. */
  build(rows: readonly JournalRow[], from: number): RecordBatch {
    const count = rows.reduce((sum, row) => sum + row.count, 0);
    if (count > this.#batch.starts.length) this.#batch = recordBatch(this.#joined, count);
    const batch = this.#batch;
    batch.count = 0;
    batch.bytes = rows.length === 1 ? rows[0].bytes : this.#join(rows);
    let base = 0;
    for (const row of rows) {
      addRow(batch, row, Math.max(0, from - row.first), base);
      base += row.bytes.length;
    }
    return batch;
  }

  #join(rows: readonly JournalRow[]): Uint8Array {
    const size = rows.reduce((sum, row) => sum + row.bytes.length, 0);
    if (size > this.#joined.length) this.#joined = new Uint8Array(size);
    let at = 0;
    for (const { bytes } of rows) {
      this.#joined.set(bytes, at);
      at += bytes.length;
    }
    return this.#joined;
  }
}

function addRow(batch: RecordBatch, row: JournalRow, skip: number, base: number): void {
  const { starts, ends, arrivals, offsets } = batch;
  let at = batch.count;
  for (let i = skip; i < row.count; i++, at++) {
    starts[at] = base + (i === 0 ? 0 : row.ends[i - 1]);
    ends[at] = base + row.ends[i];
    arrivals[at] = row.arrivalMs;
    offsets[at] = row.first + i;
  }
  batch.count = at;
}
