/** Events that were not counted: kept for a time and up to a size, then pruned and counted. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Limits } from '../../config.ts';
import { getMeta, setMeta } from '../../sqlite.ts';
import type { KeptEvent } from '../../status.ts';
import type { KeptTotals, RejectedQuery, StoredEvent } from '../store.ts';

type KeptRow = {
  id: number;
  task: string;
  partition: string;
  position: number;
  reason: StoredEvent['reason'];
  message: string;
  arrival: number;
  bytes: Uint8Array;
};

export class KeptRows {
  readonly #db: DatabaseSync;
  readonly #limits: Limits;
  readonly #insert: StatementSync;
  readonly #oldest: StatementSync;
  readonly #delete: StatementSync;
  #totals: KeptTotals = { events: 0, bytes: 0, pruned: 0 };

  constructor(db: DatabaseSync, limits: Limits) {
    this.#db = db;
    this.#limits = limits;
    this.#insert = db.prepare(
      `INSERT INTO kept (task, partition, position, reason, message, arrival, bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#oldest = db.prepare('SELECT id, arrival, length(bytes) AS size FROM kept ORDER BY id');
    this.#delete = db.prepare('DELETE FROM kept WHERE id <= ?');
    this.reload();
  }

  reload(): void {
    const totals = getMeta(this.#db, 'kept');
    this.#totals =
      typeof totals === 'string' ? JSON.parse(totals) : { events: 0, bytes: 0, pruned: 0 };
  }

  get totals(): KeptTotals {
    return { ...this.#totals };
  }

  /** Keeps events and prunes what is over age or size; inside a transaction. */
  keep(task: string, events: readonly KeptEvent[]): void {
    if (events.length === 0) return;
    const totals = { ...this.#totals };
    for (const { partition, offset, reason, message, arrivalMs, bytes } of events) {
      this.#insert.run(task, partition, offset, reason, message, arrivalMs, bytes);
      totals.events++;
      totals.bytes += bytes.length;
    }
    this.#prune(totals, events[events.length - 1].arrivalMs - this.#limits.keptMs);
    setMeta(this.#db, 'kept', JSON.stringify(totals));
    this.#totals = totals;
  }

  #prune(totals: KeptTotals, oldestMs: number): void {
    let last = 0;
    for (const value of this.#oldest.iterate()) {
      const { id, arrival, size } = value as { id: number; arrival: number; size: number };
      if (arrival >= oldestMs && totals.bytes <= this.#limits.keptTotalBytes) break;
      last = id;
      totals.events--;
      totals.bytes -= size;
      totals.pruned++;
    }
    if (last > 0) this.#delete.run(last);
  }

  /** The newest events first. */
  page({ reason, before, limit }: RejectedQuery): StoredEvent[] {
    const select = this.#db.prepare(
      `SELECT * FROM kept WHERE id < ? ${reason === undefined ? '' : 'AND reason = ?'}
       ORDER BY id DESC LIMIT ?`,
    );
    const from = before ?? Number.MAX_SAFE_INTEGER;
    const rows = reason === undefined ? select.all(from, limit) : select.all(from, reason, limit);
    return (rows as unknown as KeptRow[]).map(({ position, arrival, ...row }) => ({
      ...row,
      offset: position,
      arrivalMs: arrival,
    }));
  }
}
