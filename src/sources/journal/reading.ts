/** Which rows a read takes. */
import type { Limits } from '../../config.ts';
import { isHole, type JournalRow } from './row.ts';

/** The row that holds an offset below the end. */
type RowAt = (offset: number) => JournalRow;

/** The first offset from `offset` on that has a record, or `end`. */
export function behindHoles(rowAt: RowAt, offset: number, end: number): number {
  let at = offset;
  while (at < end) {
    const row = rowAt(at);
    if (!isHole(row)) break;
    at = row.first + row.count;
  }
  return at;
}

/** Rows from `offset` to a hole that fit one batch whole; at least one, if there is one. */
export function rowsFrom(rowAt: RowAt, offset: number, end: number, limits: Limits): JournalRow[] {
  const { batchBytes, batchRecords } = limits;
  const rows: JournalRow[] = [];
  let bytes = 0;
  for (let at = offset; at < end; ) {
    const row = rowAt(at);
    if (isHole(row)) break;
    const next = row.first + row.count;
    bytes += row.bytes.length;
    if (rows.length > 0 && (bytes > batchBytes || next - offset > batchRecords)) break;
    rows.push(row);
    at = next;
  }
  return rows;
}
