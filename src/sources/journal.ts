/**
 * The journal: HTTP ingest's records, on disk before they are acknowledged, read again from any
 * position that was not acknowledged by a commit. One topic partition in the embedded database.
 */
import { randomUUID } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Clock } from '../clock.ts';
import type { Limits } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import { type RecordBatch, type RecordSlices, recordBatch } from '../event.ts';
import { getMeta, setMeta, transaction, translated } from '../sqlite.ts';
import type { Fetch, Opened, Position, Source } from './source.ts';

export const JOURNAL_PARTITION = 'journal-0';

/** Rows of the newest records stay in memory too: the reader mostly wants exactly these. */
const TAIL_BYTES = 4_194_304;
/** An append group this large is written without waiting for more. */
const GROUP_BYTES = 1_048_576;
/** Bytes that a record costs beside its own, so that empty records are limited too. */
const RECORD_OVERHEAD = 8;

type Appended = { offset: number; arrivalMs: number };
type Waiting = {
  rows: Row[];
  size: number;
  resolve(appended: Appended): void;
  reject(error: unknown): void;
};
/** Records that lie in one row of the table: lengths as 32-bit words, then bytes. */
type Row = {
  first: number;
  count: number;
  arrivalMs: number;
  lengths: Uint32Array;
  bytes: Uint8Array;
};

export class Journal implements Source {
  readonly partitions = [JOURNAL_PARTITION];
  readonly #db: DatabaseSync;
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #topicId: string;
  readonly #insert: StatementSync;
  readonly #select: StatementSync;
  readonly #delete: StatementSync;
  #nextOffset: number;
  #arrivalMs: number;
  #backlogBytes: number;
  #acknowledged = 0;
  /** Sizes of the rows on disk, oldest first, to know what acknowledging frees. */
  #sizes: { end: number; size: number }[];
  #tail: Row[] = [];
  #tailBytes = 0;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #position = 0;
  #wake: (() => void) | null = null;
  #closed = false;

  constructor(db: DatabaseSync, parts: { clock: Clock; limits: Limits }) {
    this.#db = db;
    this.#clock = parts.clock;
    this.#limits = parts.limits;
    this.#insert = db.prepare('INSERT INTO journal VALUES (?, ?, ?, ?, ?)');
    this.#select = db.prepare(
      'SELECT * FROM journal WHERE first + count > ? ORDER BY first LIMIT 1',
    );
    this.#delete = db.prepare('DELETE FROM journal WHERE first + count <= ?');
    if (getMeta(db, 'journal') === undefined)
      transaction(db, () => setMeta(db, 'journal', randomUUID()));
    this.#topicId = String(getMeta(db, 'journal'));
    // Stored apart from the rows: both must survive pruning everything.
    this.#nextOffset = Number(getMeta(db, 'nextOffset') ?? 0);
    this.#arrivalMs = Number(getMeta(db, 'arrival') ?? -Infinity);
    const rows = db
      .prepare(
        'SELECT first + count AS end, count, length(bytes) AS size FROM journal ORDER BY first',
      )
      .all() as { end: number; count: number; size: number }[];
    this.#sizes = rows.map(({ end, count, size }) => ({
      end,
      size: size + count * RECORD_OVERHEAD,
    }));
    this.#backlogBytes = this.#sizes.reduce((sum, { size }) => sum + size, 0);
  }

  /** Offset that the next record will get. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** Bytes on disk that no commit has made superfluous. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  /**
   * Appends records, all or none. Resolves when they are on disk; rejects with `journal_full`
   * before anything is written, with `store_full` or `store_unavailable` when writing failed.
   */
  append(records: RecordSlices): Promise<Appended> {
    if (this.#closed)
      return Promise.reject(new ClickrateError('stopping', 'the journal is closed'));
    const rows = rowsOf(records, this.#limits);
    const size = rows.reduce((sum, row) => sum + sizeOf(row), 0);
    if (this.#backlogBytes + this.#waitingBytes + size > this.#limits.journalBytes)
      return Promise.reject(
        new ClickrateError(
          'journal_full',
          `${this.#backlogBytes + this.#waitingBytes} bytes wait to be counted, at most ${this.#limits.journalBytes} may`,
        ),
      );
    return new Promise((resolve, reject) => {
      this.#waiting.push({ rows, size, resolve, reject });
      this.#waitingBytes += size;
      if (this.#waitingBytes >= GROUP_BYTES) this.#writeGroup();
      else this.#timer ??= setTimeout(() => this.#writeGroup(), this.#limits.journalGroupMs);
    });
  }

  /** Writes all waiting appends in one transaction. */
  #writeGroup(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const group = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (group.length === 0) return;
    const arrivalMs = Math.max(this.#arrivalMs, this.#clock.wallMs());
    const first = this.#nextOffset;
    let next = first;
    for (const { rows } of group) {
      for (const row of rows) {
        row.first = next;
        row.arrivalMs = arrivalMs;
        next += row.count;
      }
    }
    try {
      transaction(this.#db, () => {
        for (const { rows } of group) for (const row of rows) this.#insertRow(row);
        setMeta(this.#db, 'nextOffset', next);
        setMeta(this.#db, 'arrival', arrivalMs);
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    this.#nextOffset = next;
    this.#arrivalMs = arrivalMs;
    for (const { rows, size, resolve } of group) {
      for (const row of rows) this.#written(row);
      this.#backlogBytes += size;
      resolve({ offset: rows[0]?.first ?? next, arrivalMs });
    }
    this.#wake?.();
  }

  #insertRow({ first, count, arrivalMs, lengths, bytes }: Row): void {
    const words = new Uint8Array(lengths.buffer, lengths.byteOffset, lengths.byteLength);
    this.#insert.run(first, count, arrivalMs, words, bytes);
  }

  #written(row: Row): void {
    this.#sizes.push({ end: row.first + row.count, size: sizeOf(row) });
    this.#tail.push(row);
    this.#tailBytes += sizeOf(row);
    while (this.#tailBytes > TAIL_BYTES) this.#tailBytes -= sizeOf(this.#tail.shift() as Row);
  }

  async open([position]: readonly Position[]): Promise<Opened[]> {
    const oldest = translated('the journal', () => this.#rowAfter(-1))?.first ?? this.#nextOffset;
    const isOurs = position.topicId === this.#topicId;
    const offset = isOurs ? (position.offset ?? oldest) : oldest;
    // A row is pruned whole: its oldest record may lie before the checkpoint's position.
    if (offset < oldest || offset > this.#nextOffset)
      throw new ClickrateError(
        'source_gap',
        `the checkpoint stands at ${offset}, the journal holds ${oldest} to ${this.#nextOffset}; restore journal and store from one backup`,
      );
    this.#position = offset;
    return [{ topicId: this.#topicId, offset, floorMs: null, missed: 0 }];
  }

  async read([wanted]: readonly boolean[], waitMs: number): Promise<Fetch[]> {
    if (!wanted) return [];
    const sentAtMs = this.#clock.monotonicMs();
    if (this.#position >= this.#nextOffset && waitMs > 0) await this.#appendOr(waitMs);
    if (this.#position < this.#nextOffset) return [this.#fetch(sentAtMs)];
    // Nothing came: the proof is as young as this look at the end.
    return [this.#fetch(this.#clock.monotonicMs())];
  }

  async probe([wanted]: readonly boolean[]): Promise<Fetch[]> {
    return wanted ? [this.#fetch(this.#clock.monotonicMs())] : [];
  }

  /** Resolves at the next append, or after `waitMs`. */
  async #appendOr(waitMs: number): Promise<void> {
    const abort = new AbortController();
    this.#wake = () => abort.abort();
    await this.#clock.sleep(waitMs, abort.signal);
    this.#wake = null;
  }

  #fetch(sentAtMs: number): Fetch {
    const row =
      this.#position < this.#nextOffset
        ? translated('the journal', () => this.#rowAfter(this.#position))
        : undefined;
    const records =
      row === undefined ? recordBatch(new Uint8Array(0), 0) : batchOf(row, this.#position);
    if (row !== undefined) this.#position = row.first + row.count;
    return {
      partition: 0,
      records,
      next: this.#position,
      sentAtMs,
      arrivedAtMs: this.#clock.monotonicMs(),
      end: this.#position >= this.#nextOffset,
    };
  }

  /** The row that holds the record at `offset`, or the first one behind it. */
  #rowAfter(offset: number): Row | undefined {
    const inTail = this.#tail.length > 0 && this.#tail[0].first <= offset;
    if (inTail) return this.#tail.find((row) => row.first + row.count > offset);
    const row = this.#select.get(offset);
    if (row === undefined) return undefined;
    const { first, count, arrival, lengths, bytes } = row as Record<string, number> & {
      lengths: Uint8Array;
      bytes: Uint8Array;
    };
    const words = new Uint32Array(lengths.slice().buffer);
    return { first, count, arrivalMs: arrival, lengths: words, bytes };
  }

  /** Forgets rows wholly before the position, at most once a second, and what they took. */
  async acknowledge([offset]: readonly number[]): Promise<void> {
    const isAny = this.#sizes.length > 0 && this.#sizes[0].end <= offset;
    if (!isAny || this.#clock.monotonicMs() - this.#acknowledged < this.#limits.commitMinMs) return;
    transaction(this.#db, () => this.#delete.run(offset));
    this.#acknowledged = this.#clock.monotonicMs();
    let gone = 0;
    while (gone < this.#sizes.length && this.#sizes[gone].end <= offset)
      this.#backlogBytes -= this.#sizes[gone++].size;
    this.#sizes.splice(0, gone);
    while (this.#tail.length > 0 && this.#tail[0].first + this.#tail[0].count <= offset)
      this.#tailBytes -= sizeOf(this.#tail.shift() as Row);
  }

  /** Writes what waits. */
  flush(): void {
    this.#writeGroup();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#writeGroup();
    this.#wake?.();
  }
}

function sizeOf(row: Row): number {
  return row.bytes.length + row.count * RECORD_OVERHEAD;
}

/** Records as rows of at most a batch each; a record larger than that has a row of its own. */
function rowsOf(records: RecordSlices, limits: Limits): Row[] {
  const rows: Row[] = [];
  for (let i = 0; i < records.count; ) {
    let size = records.ends[i] - records.starts[i];
    let to = i + 1;
    while (to < records.count && to - i < limits.batchRecords) {
      const more = records.ends[to] - records.starts[to];
      if (size + more > limits.batchBytes) break;
      size += more;
      to++;
    }
    rows.push(rowOf(records, i, to, size));
    i = to;
  }
  return rows;
}

function rowOf(records: RecordSlices, from: number, to: number, size: number): Row {
  const lengths = new Uint32Array(to - from);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (let i = from; i < to; i++) {
    const length = records.ends[i] - records.starts[i];
    bytes.set(records.bytes.subarray(records.starts[i], records.ends[i]), at);
    lengths[i - from] = length;
    at += length;
  }
  return { first: 0, count: to - from, arrivalMs: 0, lengths, bytes };
}

/** The records of a row from `offset` on. */
function batchOf(row: Row, offset: number): RecordBatch {
  const batch = recordBatch(row.bytes, row.count);
  let at = 0;
  for (let n = 0; n < row.count; n++) {
    const start = at;
    at += row.lengths[n];
    if (row.first + n < offset) continue;
    const i = batch.count++;
    batch.starts[i] = start;
    batch.ends[i] = at;
    batch.arrivals[i] = row.arrivalMs;
    batch.offsets[i] = row.first + n;
  }
  return batch;
}
