/**
 * The journal's rows on disk. An offset is never used twice and the receive time never goes back,
 * because both are stored beside the rows, in the same transaction.
 */
import type { DatabaseSync } from 'node:sqlite';
import { ClickrateError } from '../../errors.ts';
import { rowSum, WAY_OUT } from '../../seal.ts';
import { reading, transaction } from '../../sqlite.ts';
import { holds, type JournalRow, sizeOf } from './row.ts';

export type Head = { topicId: string; next: number; arrivalMs: number };

type StoredRow = {
  first: number;
  count: number;
  arrival: number;
  size: number;
  ends: Uint8Array;
  bytes: Uint8Array;
  crc: number;
};

function statements(db: DatabaseSync) {
  return {
    head: db.prepare('SELECT topic, next, arrival FROM journal_head'),
    advance: db.prepare(
      'UPDATE journal_head SET next = ?1, arrival = ?2, crc = row_sum(topic, ?1, ?2)',
    ),
    append: db.prepare('INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?)'),
    rowAt: db.prepare(
      'SELECT first, count, arrival, size, ends, bytes, crc FROM journal ' +
        'WHERE first <= ? ORDER BY first DESC LIMIT 1',
    ),
    first: db.prepare('SELECT first, arrival FROM journal ORDER BY first LIMIT 1'),
    size: db.prepare('SELECT coalesce(sum(size), 0) AS size FROM journal'),
    sizeBefore: db.prepare(
      'SELECT coalesce(sum(size), 0) AS size FROM journal WHERE first < ?1 AND first + count <= ?1',
    ),
    holes: db.prepare(
      'SELECT coalesce(sum(count), 0) AS count, max(arrival) AS arrival FROM journal ' +
        'WHERE first >= ? AND size = 0 AND length(ends) = 0',
    ),
    prune: db.prepare('DELETE FROM journal WHERE first < ?1 AND first + count <= ?1'),
  };
}

export class JournalTable {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof statements>;
  /** The row read last: a batch often begins where another ended, in the middle of it. */
  #last: JournalRow | null = null;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = reading(db, () => statements(db));
  }

  head(): Head {
    type HeadRow = { topic: string; next: number; arrival: number };
    const row = reading(this.#db, () => this.#sql.head.get()) as HeadRow;
    return { topicId: row.topic, next: row.next, arrivalMs: row.arrival };
  }

  /** Bytes stored, as `sizeOf` counts them. */
  size(): number {
    return (reading(this.#db, () => this.#sql.size.get()) as { size: number }).size;
  }

  /** Offset and receive time of the oldest row; null: none is stored. */
  first(): { offset: number; arrivalMs: number } | null {
    const row = reading(this.#db, () => this.#sql.first.get());
    if (row === undefined) return null;
    return { offset: Number(row.first), arrivalMs: Number(row.arrival) };
  }

  /** Records from `offset` on that are in holes, and the newest receive time of one. */
  missing(offset: number): { count: number; arrivalMs: number | null } {
    const row = reading(this.#db, () => this.#sql.holes.get(offset));
    return { count: Number(row?.count), arrivalMs: row?.arrival as number | null };
  }

  append(rows: readonly JournalRow[], next: number, arrivalMs: number): void {
    transaction(this.#db, () => {
      for (const row of rows) {
        const { first, count, ends, bytes } = row;
        const packed = new Uint8Array(ends.buffer, ends.byteOffset, ends.byteLength);
        const values = [first, count, row.arrivalMs, sizeOf(row), packed, bytes] as const;
        this.#sql.append.run(...values, rowSum(...values));
      }
      this.#sql.advance.run(next, arrivalMs);
    });
  }

  /** The row that holds `offset`, or null. */
  rowAt(offset: number): JournalRow | null {
    const isLast = this.#last !== null && holds(this.#last, offset);
    if (!isLast) this.#last = this.#read(offset);
    return this.#last;
  }

  #read(offset: number): JournalRow | null {
    const stored = reading(this.#db, () => this.#sql.rowAt.get(offset)) as StoredRow | undefined;
    if (stored === undefined) return null;
    const { first, count, arrival, size, bytes } = stored;
    const isWhole = rowSum(first, count, arrival, size, stored.ends, bytes) === stored.crc;
    const isFull = stored.ends.length === count * Uint32Array.BYTES_PER_ELEMENT;
    if (!isWhole || !(isFull || stored.ends.length === 0))
      throw new ClickrateError(
        'journal_damaged',
        `${this.#db.location()}: the journal's row at offset ${first} is damaged; ${WAY_OUT}`,
      );
    const ends = new Uint32Array(new Uint8Array(stored.ends).buffer);
    const row = { first, count, arrivalMs: stored.arrival, ends, bytes };
    return holds(row, offset) ? row : null;
  }

  /** Drops the rows wholly before `offset`; answers the bytes that makes free. */
  prune(offset: number): number {
    return transaction(this.#db, () => {
      const { size } = this.#sql.sizeBefore.get(offset) as { size: number };
      if (size > 0) this.#sql.prune.run(offset);
      return size;
    });
  }
}
