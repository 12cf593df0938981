/**
 * Counts of the last hour's windows: one packed row for a window and a bucket of products, so that
 * a cell takes a few bytes. Writing a cell unpacks its bucket and packs it again.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Counts } from '../../result.ts';
import { BUCKET_PRODUCTS, CellTable, findCell } from './cells.ts';

type PackedRow = { window_start: number; cells: Uint8Array };

function statements(db: DatabaseSync) {
  return {
    newest: db.prepare('SELECT max(window_start) AS start FROM history'),
    get: db.prepare('SELECT cells FROM history WHERE bucket = ? AND window_start = ?'),
    put: db.prepare(
      'INSERT INTO history VALUES (?, ?, ?) ' +
        'ON CONFLICT (bucket, window_start) DO UPDATE SET cells = excluded.cells',
    ),
    prune: db.prepare('DELETE FROM history WHERE window_start < ?'),
    range: db.prepare(
      'SELECT window_start, cells FROM history ' +
        'WHERE bucket = ? AND window_start >= ? AND window_start < ? ORDER BY window_start',
    ),
  };
}

/** Cells of a commit: by window start, then by bucket, each slot, impressions, clicks in turn. */
export class StagedCells {
  readonly windows = new Map<number, Map<number, number[]>>();
  newest = -Infinity;

  /** Adds a cell of the product with number `no`. */
  add(no: number, cell: Counts): void {
    let buckets = this.windows.get(cell.start);
    if (buckets === undefined) {
      buckets = new Map();
      this.windows.set(cell.start, buckets);
      if (cell.start > this.newest) this.newest = cell.start;
    }
    const slot = no % BUCKET_PRODUCTS;
    const bucket = (no - slot) / BUCKET_PRODUCTS;
    const cells = buckets.get(bucket);
    if (cells === undefined) buckets.set(bucket, [slot, cell.impressions, cell.clicks]);
    else cells.push(slot, cell.impressions, cell.clicks);
  }
}

export class History {
  readonly #sql: ReturnType<typeof statements>;
  readonly #historyMs: number;
  readonly #table = new CellTable();

  constructor(db: DatabaseSync, historyMs: number) {
    this.#sql = statements(db);
    this.#historyMs = historyMs;
  }

  /** Writes what is young enough; when the newest window moves on, old ones are dropped. */
  write(staged: StagedCells): void {
    if (staged.windows.size === 0) return;
    const stored = this.#sql.newest.get() as { start: number | null };
    const before = stored.start ?? -Infinity;
    const oldest = Math.max(before, staged.newest) - this.#historyMs;
    for (const [start, buckets] of staged.windows) {
      if (start < oldest) continue;
      for (const [bucket, cells] of buckets) this.#merge(start, bucket, cells);
    }
    if (staged.newest > before) this.#sql.prune.run(oldest);
  }

  #merge(start: number, bucket: number, cells: number[]): void {
    const table = this.#table;
    table.clear();
    const stored = this.#sql.get.get(bucket, start) as PackedRow | undefined;
    if (stored !== undefined) table.unpack(stored.cells);
    for (let i = 0; i < cells.length; i += 3) table.set(cells[i], cells[i + 1], cells[i + 2]);
    this.#sql.put.run(bucket, start, table.pack());
  }

  /** Counts of a product's windows with start in [fromMs, toMs), oldest first. */
  read(no: number, fromMs: number, toMs: number): Counts[] {
    const slot = no % BUCKET_PRODUCTS;
    const found: Counts[] = [];
    const rows = this.#sql.range.iterate((no - slot) / BUCKET_PRODUCTS, fromMs, toMs);
    for (const { window_start: start, cells } of rows as Iterable<PackedRow>) {
      const counts = findCell(cells, slot);
      if (counts !== null) found.push({ start, impressions: counts[0], clicks: counts[1] });
    }
    return found;
  }
}
