/**
 * The newest rows of the journal in memory, so that a task that keeps up reads nothing from disk.
 */
import { holds, type JournalRow, sizeOf } from './row.ts';

/** What a row weighs beside its bytes. */
const ROW_BYTES = 256;

export class Tail {
  readonly #limitBytes: number;
  /** Consecutive rows, oldest first. */
  readonly #rows: JournalRow[] = [];
  #size = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  push(row: JournalRow): void {
    this.#rows.push(row);
    this.#size += sizeOf(row) + ROW_BYTES;
    let drop = 0;
    while (this.#size > this.#limitBytes) this.#size -= sizeOf(this.#rows[drop++]) + ROW_BYTES;
    if (drop > 0) this.#rows.splice(0, drop);
  }

  /** The row that holds `offset`, or null. */
  rowAt(offset: number): JournalRow | null {
    let low = 0;
    let high = this.#rows.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const row = this.#rows[middle];
      if (holds(row, offset)) return row;
      if (offset < row.first) high = middle - 1;
      else low = middle + 1;
    }
    return null;
  }
}
