/** History product after product: each row of cells is read once, one bucket at a time. */
import type { DatabaseSync } from 'node:sqlite';
import type { Level } from '../../history.ts';
import type { Counts } from '../../result.ts';
import { CELL_PRODUCTS, eachCell } from './cells.ts';

export type ProductHistory = { product: string; windows: Counts[] };

/** The `newest` periods of every product that has one, oldest first. */
export function* everyHistory(
  db: DatabaseSync,
  level: Level,
  newest: number,
): Iterable<ProductHistory> {
  const buckets = db.prepare('SELECT DISTINCT bucket FROM cells WHERE level = ? ORDER BY bucket');
  const names = db.prepare('SELECT no, product FROM products WHERE no >= ? AND no < ?');
  for (const { bucket } of buckets.all(level) as { bucket: number }[]) {
    const first = bucket * CELL_PRODUCTS;
    const rows = names.all(first, first + CELL_PRODUCTS) as { no: number; product: string }[];
    const nameOf = new Map(rows.map(({ no, product }) => [no, product]));
    for (const [slot, windows] of bucketOf(db, level, bucket, newest)) {
      const product = nameOf.get(first + slot) ?? `number ${first + slot}, without a name`;
      yield { product, windows };
    }
  }
}

function bucketOf(db: DatabaseSync, level: Level, bucket: number, newest: number) {
  const found = new Map<number, Counts[]>();
  const rows = db.prepare(
    'SELECT start, cells FROM cells WHERE level = ? AND bucket = ? ORDER BY start',
  );
  for (const row of rows.iterate(level, bucket)) {
    const { start, cells } = row as { start: number; cells: Uint8Array };
    eachCell(cells, (slot, impressions, clicks) => {
      const windows = found.get(slot) ?? [];
      if (windows.length === 0) found.set(slot, windows);
      if (windows.length === newest) windows.shift();
      windows.push({ start, impressions, clicks });
      return true;
    });
  }
  return found;
}
