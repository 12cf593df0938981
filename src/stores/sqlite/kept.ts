/** Events that were not counted, and old comebacks: kept for a time, oldest dropped first. */
import type { DatabaseSync } from 'node:sqlite';
import type { Limits } from '../../config.ts';
import type { Reason } from '../../event.ts';
import type { Comeback, KeptEvent } from '../../status.ts';
import { COMEBACK_ROWS, KEPT_ROW_BYTES } from '../bounds.ts';
import type { KeptTotals, RejectedQuery, StoredEvent } from '../store.ts';

type KeptRow = {
  id: number;
  task: string;
  partition: string;
  position: number;
  reason: Reason;
  message: string;
  arrival: number;
  bytes: Uint8Array;
};

const MAX = Number.MAX_SAFE_INTEGER;

function statements(db: DatabaseSync) {
  const page = 'id < ? AND arrival >= ? AND arrival < ? ORDER BY id DESC LIMIT ?';
  return {
    add: db.prepare(
      'INSERT INTO kept (task, partition, position, reason, message, arrival, bytes) ' +
        'VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
    oldest: db.prepare('SELECT id, arrival, length(bytes) AS size FROM kept ORDER BY id'),
    prune: db.prepare('DELETE FROM kept WHERE id <= ?'),
    totals: db.prepare('SELECT events, bytes, pruned FROM kept_totals'),
    count: db.prepare('UPDATE kept_totals SET events = ?, bytes = ?, pruned = ?'),
    page: db.prepare(`SELECT * FROM kept WHERE ${page}`),
    pageOf: db.prepare(`SELECT * FROM kept WHERE reason = ? AND ${page}`),
    addComeback: db.prepare(
      'INSERT INTO comebacks (task, partition, position, watermark) VALUES (?, ?, ?, ?)',
    ),
    pruneComebacks: db.prepare('DELETE FROM comebacks WHERE id <= ?'),
    endComebacks: db.prepare('DELETE FROM comebacks'),
    comebacks: db.prepare('SELECT task, partition, position, watermark FROM comebacks ORDER BY id'),
  };
}

export class Kept {
  readonly #sql: ReturnType<typeof statements>;
  readonly #limits: Limits;

  constructor(db: DatabaseSync, limits: Limits) {
    this.#sql = statements(db);
    this.#limits = limits;
  }

  /** Stores events, then drops the oldest until what is kept is young and small enough. */
  add(task: string, events: readonly KeptEvent[], nowMs: number): void {
    const totals = this.totals();
    for (const { partition, offset, reason, message, arrivalMs, bytes } of events) {
      this.#sql.add.run(task, partition, offset, reason, message, arrivalMs, bytes);
      totals.bytes += bytes.length;
    }
    totals.events += events.length;
    const pruned = this.#prune(totals, nowMs);
    if (events.length > 0 || pruned > 0)
      this.#sql.count.run(totals.events, totals.bytes, totals.pruned);
  }

  #prune(totals: KeptTotals, nowMs: number): number {
    const { keptMs, keptTotalBytes } = this.#limits;
    let pruned = 0;
    let last = 0;
    type Oldest = { id: number; arrival: number; size: number };
    for (const { id, arrival, size } of this.#sql.oldest.iterate() as Iterable<Oldest>) {
      const isSmall = totals.bytes + totals.events * KEPT_ROW_BYTES <= keptTotalBytes;
      if (arrival >= nowMs - keptMs && isSmall) break;
      totals.bytes -= size;
      totals.events--;
      last = id;
      pruned++;
    }
    totals.pruned += pruned;
    if (pruned > 0) this.#sql.prune.run(last);
    return pruned;
  }

  totals(): KeptTotals {
    return { ...(this.#sql.totals.get() as KeptTotals) };
  }

  /** Read row by row, so that large events are not held beyond what the query takes. */
  page(query: RejectedQuery): StoredEvent[] {
    const { reason, before = MAX, fromMs = -MAX, toMs = MAX, limit, maxBytes = MAX } = query;
    const rows =
      reason === undefined
        ? this.#sql.page.iterate(before, fromMs, toMs, limit)
        : this.#sql.pageOf.iterate(reason, before, fromMs, toMs, limit);
    const page: StoredEvent[] = [];
    let bytes = 0;
    for (const { position, arrival, ...row } of rows as Iterable<KeptRow>) {
      page.push({ ...row, offset: position, arrivalMs: arrival });
      bytes += row.bytes.length;
      if (bytes >= maxBytes) break;
    }
    return page;
  }

  addComebacks(task: string, comebacks: readonly Comeback[]): void {
    let newest = 0;
    for (const { partition, offset, watermark } of comebacks)
      newest = Number(
        this.#sql.addComeback.run(task, partition, offset, watermark).lastInsertRowid,
      );
    if (newest > COMEBACK_ROWS) this.#sql.pruneComebacks.run(newest - COMEBACK_ROWS);
  }

  /** Every task ends, and its verdicts with it. */
  endComebacks(): void {
    this.#sql.endComebacks.run();
  }

  /** Oldest first. */
  comebacks(): (Comeback & { task: string })[] {
    type ComebackRow = { task: string; partition: string; position: number; watermark: number };
    return (this.#sql.comebacks.all() as ComebackRow[]).map(({ position, ...row }) => ({
      ...row,
      offset: position,
    }));
  }
}
