/**
 * Latest and previous of every product: fixed-width numbers, one row of the table for a bucket of
 * products. A closing of 100 000 products writes 400 rows, which takes a tenth of the time that
 * 100 000 rows would.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Counts } from '../../result.ts';
import { rowSum } from '../../seal.ts';

/** Products of a bucket of rows: a write touches three pages. */
export const ROW_PRODUCTS = 256;
/** Start, impressions and clicks of latest, then of previous; a start of NaN: no such window. */
const WIDTH = 6;

type Packed = { bucket: number; rows: Uint8Array };
export type LatestPrevious = { latest: Counts; previous: Counts | null };

function statements(db: DatabaseSync) {
  return {
    get: db.prepare('SELECT bucket, rows FROM rows WHERE bucket = ?'),
    all: db.prepare('SELECT bucket, rows FROM rows'),
    put: db.prepare(
      'INSERT INTO rows VALUES (?, ?, ?) ' +
        'ON CONFLICT (bucket) DO UPDATE SET rows = excluded.rows, crc = excluded.crc',
    ),
    delete: db.prepare('DELETE FROM rows WHERE bucket = ?'),
  };
}

export class Rows {
  readonly #sql: ReturnType<typeof statements>;
  /** Buckets this commit changes. */
  readonly #changed = new Map<number, Float64Array>();

  constructor(db: DatabaseSync) {
    this.#sql = statements(db);
  }

  set(no: number, latest: Counts, previous: Counts | null): void {
    const numbers = this.#bucketOf(no);
    const at = (no % ROW_PRODUCTS) * WIDTH;
    numbers[at] = latest.start;
    numbers[at + 1] = latest.impressions;
    numbers[at + 2] = latest.clicks;
    numbers[at + 3] = previous === null ? Number.NaN : previous.start;
    numbers[at + 4] = previous === null ? 0 : previous.impressions;
    numbers[at + 5] = previous === null ? 0 : previous.clicks;
  }

  clear(no: number): void {
    const at = (no % ROW_PRODUCTS) * WIDTH;
    this.#bucketOf(no).fill(Number.NaN, at, at + WIDTH);
  }

  #bucketOf(no: number): Float64Array {
    const bucket = Math.floor(no / ROW_PRODUCTS);
    let numbers = this.#changed.get(bucket);
    if (numbers === undefined) {
      const stored = this.#sql.get.get(bucket) as Packed | undefined;
      numbers = stored === undefined ? emptyBucket() : unpack(stored.rows);
      this.#changed.set(bucket, numbers);
    }
    return numbers;
  }

  /** Writes what was changed; numbers are not used again, so an empty bucket goes. */
  write(): void {
    for (const [bucket, numbers] of this.#changed) {
      if (isEmpty(numbers)) this.#sql.delete.run(bucket);
      else {
        const rows = new Uint8Array(numbers.buffer);
        this.#sql.put.run(bucket, rows, rowSum(bucket, rows));
      }
    }
    this.#changed.clear();
  }

  /** Forgets changes that were not written. */
  discard(): void {
    this.#changed.clear();
  }

  /** Every row by product number. */
  load(): (no: number) => LatestPrevious | null {
    const buckets = new Map<number, Float64Array>();
    for (const { bucket, rows } of this.#sql.all.iterate() as Iterable<Packed>)
      buckets.set(bucket, unpack(rows));
    return (no) => {
      const numbers = buckets.get(Math.floor(no / ROW_PRODUCTS));
      const at = (no % ROW_PRODUCTS) * WIDTH;
      const latest = numbers === undefined ? null : countsAt(numbers, at);
      if (numbers === undefined || latest === null) return null;
      return { latest, previous: countsAt(numbers, at + 3) };
    };
  }
}

function emptyBucket(): Float64Array {
  return new Float64Array(ROW_PRODUCTS * WIDTH).fill(Number.NaN);
}

function isEmpty(numbers: Float64Array): boolean {
  for (let at = 0; at < numbers.length; at += WIDTH) if (!Number.isNaN(numbers[at])) return false;
  return true;
}

function unpack(rows: Uint8Array): Float64Array {
  const numbers = emptyBucket();
  new Uint8Array(numbers.buffer).set(rows);
  return numbers;
}

function countsAt(numbers: Float64Array, at: number): Counts | null {
  if (Number.isNaN(numbers[at])) return null;
  return { start: numbers[at], impressions: numbers[at + 1], clicks: numbers[at + 2] };
}
