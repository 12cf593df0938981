/** Rows of products and their history, written blindly inside a commit's transaction. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Counts, ProductResult } from '../../result.ts';
import type { Row } from '../store.ts';
import { bucketOf, type Cell, pack, slotIn, unpack } from './cells.ts';

type ProductRow = {
  product: string;
  latest_start: number | null;
  latest_impressions: number;
  latest_clicks: number;
  previous_start: number | null;
  previous_impressions: number;
  previous_clicks: number;
};

/** Who owns a product, and the number its row has. */
export type Owner = { no: number; task: string };

export class ProductRows {
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #update: StatementSync;
  readonly #getCells: StatementSync;
  readonly #putCells: StatementSync;
  readonly #dropCells: StatementSync;
  /** Every product of the table: looked up for each result, so it is kept in memory. */
  readonly owners = new Map<string, Owner>();

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#insert = db.prepare('INSERT INTO products (product, task) VALUES (?, ?)');
    this.#delete = db.prepare('DELETE FROM products WHERE no = ?');
    this.#update = db.prepare(
      `UPDATE products SET latest_start = ?, latest_impressions = ?, latest_clicks = ?,
       previous_start = ?, previous_impressions = ?, previous_clicks = ? WHERE no = ?`,
    );
    this.#getCells = db.prepare('SELECT cells FROM history WHERE window_start = ? AND bucket = ?');
    this.#putCells = db.prepare('INSERT OR REPLACE INTO history VALUES (?, ?, ?)');
    this.#dropCells = db.prepare('DELETE FROM history WHERE window_start < ?');
    this.reload();
  }

  /** Reads the owners again: after opening, and when a transaction was rolled back. */
  reload(): void {
    this.owners.clear();
    for (const row of this.#db.prepare('SELECT no, product, task FROM products').iterate()) {
      const { no, product, task } = row as unknown as Owner & { product: string };
      this.owners.set(product, { no, task });
    }
  }

  remove(product: string): void {
    const owner = this.owners.get(product);
    if (owner === undefined) return;
    this.#delete.run(owner.no);
    this.owners.delete(product);
  }

  claim(product: string, task: string): void {
    if (this.owners.has(product)) return;
    const { lastInsertRowid } = this.#insert.run(product, task);
    this.owners.set(product, { no: Number(lastInsertRowid), task });
  }

  /** Writes rows of owned products; returns them as clients see them. */
  publish(task: string, results: readonly ProductResult[]): Row[] {
    const rows: Row[] = [];
    const history = new Map<number, Map<number, [number, Cell][]>>();
    for (const { product, latest, previous, cells } of results) {
      const owner = this.owners.get(product);
      if (owner === undefined || owner.task !== task) continue;
      this.#update.run(
        latest.start,
        latest.impressions,
        latest.clicks,
        previous?.start ?? null,
        previous?.impressions ?? null,
        previous?.clicks ?? null,
        owner.no,
      );
      rows.push({ product, latest, previous });
      for (const cell of cells) collect(history, cell, owner.no);
    }
    this.#writeHistory(history);
    return rows;
  }

  #writeHistory(history: Map<number, Map<number, [number, Cell][]>>): void {
    for (const [start, buckets] of history) {
      for (const [bucket, changes] of buckets) {
        const before = this.#getCells.get(start, bucket) as { cells: Uint8Array } | undefined;
        const cells = unpack(before?.cells);
        for (const [slot, cell] of changes) cells.set(slot, cell);
        this.#putCells.run(start, bucket, pack(cells));
      }
    }
  }

  /** Forgets windows that start before `startMs`. */
  pruneHistory(startMs: number): void {
    this.#dropCells.run(startMs);
  }

  all(): Row[] {
    const rows: Row[] = [];
    const select = this.#db.prepare('SELECT * FROM products WHERE latest_start IS NOT NULL');
    for (const value of select.iterate()) {
      const row = value as unknown as ProductRow;
      const { product, latest_start, previous_start } = row;
      rows.push({
        product,
        latest: {
          start: latest_start as number,
          impressions: row.latest_impressions,
          clicks: row.latest_clicks,
        },
        previous:
          previous_start === null
            ? null
            : {
                start: previous_start,
                impressions: row.previous_impressions,
                clicks: row.previous_clicks,
              },
      });
    }
    return rows;
  }

  history(product: string, fromMs: number, toMs: number): Counts[] {
    const owner = this.owners.get(product);
    if (owner === undefined) return [];
    const select = this.#db.prepare(
      `SELECT window_start, cells FROM history
       WHERE bucket = ? AND window_start >= ? AND window_start < ? ORDER BY window_start`,
    );
    const windows: Counts[] = [];
    for (const value of select.iterate(bucketOf(owner.no), fromMs, toMs)) {
      const row = value as { window_start: number; cells: Uint8Array };
      const cell = unpack(row.cells).get(slotIn(owner.no));
      if (cell !== undefined) windows.push({ start: row.window_start, ...cell });
    }
    return windows;
  }
}

function collect(
  history: Map<number, Map<number, [number, Cell][]>>,
  { start, impressions, clicks }: Counts,
  no: number,
): void {
  let buckets = history.get(start);
  if (buckets === undefined) {
    buckets = new Map();
    history.set(start, buckets);
  }
  const bucket = bucketOf(no);
  let changes = buckets.get(bucket);
  if (changes === undefined) {
    changes = [];
    buckets.set(bucket, changes);
  }
  changes.push([slotIn(no), { impressions, clicks }]);
}
