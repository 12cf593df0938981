/**
 * History: one packed row for a period of a level and a bucket of products, so that a cell takes a
 * few bytes. Writing a cell unpacks its bucket and packs it again; folding adds a row into that of
 * the period it belongs to, in the same transaction.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Limits } from '../../config.ts';
import { type Level, WINDOW } from '../../history.ts';
import type { Counts } from '../../result.ts';
import { rowSum } from '../../seal.ts';
import { getMeta, setMeta } from '../../sqlite.ts';
import { due, type Ladder } from '../history/levels.ts';
import type { HistoryHeld, LevelHeld } from '../store.ts';
import { addCells, CELL_PRODUCTS, CellTable } from './cells.ts';

type PackedRow = { count: number; cells: Uint8Array };
type FoldedRow = PackedRow & { bucket: number };
type ReadRow = { start: number; cells: Uint8Array };

/**
 * Rows written for which `historyFolds` are folded: a row is folded three times at most, from level
 * to level, so four for each keep up and make up for what was left.
 */
const WRITTEN_ROWS = 16;

/** Meta: windows that start before have been folded; cells that came for such a window. */
const FOLDED_TO = 'history_folded_to';
const SKIPPED = 'history_skipped';

function statements(db: DatabaseSync) {
  return {
    newest: db.prepare('SELECT max(start) AS start FROM cells WHERE level = ?'),
    oldest: db.prepare('SELECT min(start) AS start FROM cells WHERE level = ?'),
    get: db.prepare('SELECT count, cells FROM cells WHERE level = ? AND bucket = ? AND start = ?'),
    put: db.prepare(
      'INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?) ' +
        'ON CONFLICT (level, bucket, start) ' +
        'DO UPDATE SET count = excluded.count, cells = excluded.cells, crc = excluded.crc',
    ),
    some: db.prepare(
      'SELECT bucket, count, cells FROM cells WHERE level = ? AND start = ? LIMIT ?',
    ),
    delete: db.prepare('DELETE FROM cells WHERE level = ? AND bucket = ? AND start = ?'),
    counts: db.prepare('SELECT level, cells FROM cell_counts'),
    add: db.prepare(
      'INSERT INTO cell_counts VALUES (?, ?) ' +
        'ON CONFLICT (level) DO UPDATE SET cells = cells + excluded.cells',
    ),
    bucket: db.prepare(
      'SELECT start, cells FROM cells ' +
        'WHERE level = ? AND bucket = ? AND start >= ? AND start < ? ORDER BY start',
    ),
    every: db.prepare(
      'SELECT start, cells FROM cells ' +
        'WHERE level = ? AND start >= ? AND start < ? ORDER BY start',
    ),
  };
}

/** Cells of a commit: by window start, then by bucket, each slot, impressions, clicks in turn. */
export class StagedCells {
  readonly windows = new Map<number, Map<number, number[]>>();
  /** Rows of the table that they go into. */
  rows = 0;

  /** Adds a cell of the product with number `no`. */
  add(no: number, cell: Counts): void {
    let buckets = this.windows.get(cell.start);
    if (buckets === undefined) {
      buckets = new Map();
      this.windows.set(cell.start, buckets);
    }
    const slot = no % CELL_PRODUCTS;
    const bucket = (no - slot) / CELL_PRODUCTS;
    const cells = buckets.get(bucket);
    if (cells !== undefined) cells.push(slot, cell.impressions, cell.clicks);
    else {
      buckets.set(bucket, [slot, cell.impressions, cell.clicks]);
      this.rows++;
    }
  }
}

export class History {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof statements>;
  readonly #limits: Limits;
  readonly #table = new CellTable();

  constructor(db: DatabaseSync, limits: Limits) {
    this.#db = db;
    this.#sql = statements(db);
    this.#limits = limits;
  }

  /** Writes cells of windows that have not been folded; the others are counted. */
  write(staged: StagedCells): void {
    const foldedTo = Number(getMeta(this.#db, FOLDED_TO) ?? -Infinity);
    let skipped = 0;
    for (const [start, buckets] of staged.windows)
      for (const [bucket, cells] of buckets)
        if (start < foldedTo) skipped += cells.length / 3;
        else this.#merge(start, bucket, cells);
    if (skipped > 0) setMeta(this.#db, SKIPPED, Number(getMeta(this.#db, SKIPPED) ?? 0) + skipped);
  }

  #merge(start: number, bucket: number, cells: number[]): void {
    const table = this.#table;
    table.clear();
    const stored = this.#sql.get.get(WINDOW, bucket, start) as PackedRow | undefined;
    if (stored !== undefined) table.unpack(stored.cells);
    for (let i = 0; i < cells.length; i += 3) table.set(cells[i], cells[i + 1], cells[i + 2]);
    this.#put(WINDOW, bucket, start, stored);
  }

  #put(level: Level, bucket: number, start: number, before: PackedRow | undefined): void {
    const { size } = this.#table;
    const values = [level, bucket, start, size, this.#table.pack()] as const;
    this.#sql.put.run(...values, rowSum(...values));
    const more = size - (before?.count ?? 0);
    if (more !== 0) this.#sql.add.run(level, more);
  }

  /**
   * Folds what has grown too old, or is too much, of windows those that are final; of a large
   * period some with each commit: up to `historyFolds` rows for every few of `written`.
   */
  fold(ladder: Ladder, written: number, finalBefore: number | null): void {
    const newest = this.#edge('newest', WINDOW);
    let left = this.#limits.historyFolds * Math.max(1, Math.ceil(written / WRITTEN_ROWS));
    while (newest !== null && left > 0) {
      const level = due(ladder, this.#held(ladder), newest, this.#limits, finalBefore);
      const start = level === null ? null : this.#edge('oldest', level);
      if (level === null || start === null) return;
      if (level === WINDOW) setMeta(this.#db, FOLDED_TO, ladder.endOf(level, start));
      const rows = this.#sql.some.all(level, start, left) as FoldedRow[];
      for (const row of rows) this.#foldRow(ladder, level, start, row);
      left -= rows.length;
    }
  }

  #foldRow(ladder: Ladder, level: Level, start: number, row: FoldedRow): void {
    const parent = ladder.parent(level);
    if (parent !== null) {
      const period = ladder.periodOf(parent, start);
      const into = this.#sql.get.get(parent, row.bucket, period) as PackedRow | undefined;
      this.#table.clear();
      if (into !== undefined) this.#table.unpack(into.cells);
      this.#table.add(row.cells);
      this.#put(parent, row.bucket, period, into);
    }
    this.#sql.delete.run(level, row.bucket, start);
    this.#sql.add.run(level, -row.count);
  }

  #edge(which: 'newest' | 'oldest', level: Level): number | null {
    return (this.#sql[which].get(level) as { start: number | null }).start;
  }

  #held(ladder: Ladder): LevelHeld[] {
    const counts = this.#sql.counts.all() as { level: Level; cells: number }[];
    const cells = new Map(counts.map((row) => [row.level, row.cells]));
    return ladder.withFormer(cells.keys()).map((level) => ({
      level,
      oldest: this.#edge('oldest', level),
      cells: Math.max(0, cells.get(level) ?? 0),
    }));
  }

  held(ladder: Ladder): HistoryHeld {
    const skipped = Number(getMeta(this.#db, SKIPPED) ?? 0);
    return { levels: this.#held(ladder), skipped };
  }

  /** Counts of the products with these numbers together (null: of all), oldest first. */
  read(level: Level, numbers: readonly number[] | null, fromMs: number, toMs: number): Counts[] {
    const sums = new Map<number, Counts>();
    if (numbers === null)
      for (const row of this.#sql.every.iterate(level, fromMs, toMs)) addRow(sums, row, null);
    else
      for (const [bucket, slots] of byBucket(numbers))
        for (const row of this.#sql.bucket.iterate(level, bucket, fromMs, toMs))
          addRow(sums, row, slots);
    return [...sums.values()].sort((a, b) => a.start - b.start);
  }
}

function byBucket(numbers: readonly number[]): Map<number, Set<number>> {
  const buckets = new Map<number, Set<number>>();
  for (const no of numbers) {
    const slot = no % CELL_PRODUCTS;
    const bucket = (no - slot) / CELL_PRODUCTS;
    const slots = buckets.get(bucket) ?? new Set<number>();
    slots.add(slot);
    buckets.set(bucket, slots);
  }
  return buckets;
}

/** Adds what a row has of the slots (null: of all); a row without any of them adds no period. */
function addRow(sums: Map<number, Counts>, row: unknown, slots: ReadonlySet<number> | null): void {
  const { start, cells } = row as ReadRow;
  const counts = addCells(cells, slots);
  if (counts === null) return;
  const sum = sums.get(start) ?? { start, impressions: 0, clicks: 0 };
  sum.impressions += counts[0];
  sum.clicks += counts[1];
  sums.set(start, sum);
}
