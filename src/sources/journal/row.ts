/**
 * A row of the journal: consecutive records with one receive time. A read serves whole rows, so a
 * row is never larger than a batch, except for a single record that is.
 */
import type { Limits } from '../../config.ts';
import type { RecordSlices } from '../../event.ts';

export type JournalRow = {
  /** Offset of the first record. */
  first: number;
  count: number;
  arrivalMs: number;
  /** Where each record ends in `bytes`; the next begins there. */
  ends: Uint32Array;
  bytes: Uint8Array;
};

export function holds(row: JournalRow, offset: number): boolean {
  return offset >= row.first && offset < row.first + row.count;
}

/** A row that `clickrate repair` put where records were damaged: it has offsets, but no records. */
export function isHole(row: JournalRow): boolean {
  return row.ends.length === 0;
}

/** What a row weighs against the journal's limit. */
export function sizeOf(row: JournalRow): number {
  return row.bytes.length + row.ends.byteLength;
}

/** What records will weigh, before they are packed. */
export function sizeOfRecords({ count, starts, ends }: RecordSlices): number {
  let size = count * Uint32Array.BYTES_PER_ELEMENT;
  for (let i = 0; i < count; i++) size += ends[i] - starts[i];
  return size;
}

/** Packs appended records into rows. */
export class RowPacker {
  readonly #limits: Limits;
  readonly #rows: { ends: Uint32Array; bytes: Uint8Array }[] = [];
  #bytes = Buffer.alloc(0);
  #used = 0;
  #ends: number[] = [];
  /** Records, and their size, packed so far. */
  count = 0;
  size = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Copies the records of an append that weighs `size`. */
  add(records: RecordSlices, size: number): void {
    const { count, starts, ends, bytes } = records;
    const { batchBytes, batchRecords } = this.#limits;
    const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let left = size;
    for (let i = 0; i < count; i++) {
      const length = ends[i] - starts[i];
      const isFull = this.#used + length > batchBytes || this.#ends.length >= batchRecords;
      if (isFull && this.#ends.length > 0) this.#endRow();
      const end = this.#used + length;
      if (end > this.#bytes.length) this.#grow(end, left);
      source.copy(this.#bytes, this.#used, starts[i], ends[i]);
      this.#used = end;
      this.#ends.push(end);
      left -= length;
    }
    this.count += count;
    this.size += size;
  }

  /** Room for at least `needed` bytes, and for what else is known to come, up to a row's limit. */
  #grow(needed: number, toCome: number): void {
    const wanted = Math.min(this.#limits.batchBytes, this.#used + toCome);
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, wanted));
    this.#bytes.copy(larger, 0, 0, this.#used);
    this.#bytes = larger;
  }

  #endRow(): void {
    // The row may be held in memory for long: not with room that it does not use.
    const isTight = this.#used * 2 > this.#bytes.length;
    const bytes = this.#bytes.subarray(0, this.#used);
    this.#rows.push({
      ends: Uint32Array.from(this.#ends),
      bytes: isTight ? bytes : Uint8Array.from(bytes),
    });
    this.#bytes = Buffer.alloc(0);
    this.#used = 0;
    this.#ends = [];
  }

  /** All rows, with their offsets from `first` on. */
  finish(first: number, arrivalMs: number): JournalRow[] {
    if (this.#ends.length > 0) this.#endRow();
    let offset = first;
    return this.#rows.map(({ ends, bytes }) => {
      const row = { first: offset, count: ends.length, arrivalMs, ends, bytes };
      offset += ends.length;
      return row;
    });
  }
}
