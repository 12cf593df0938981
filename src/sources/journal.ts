/**
 * The source of the embedded size: events taken over HTTP, durable before they are acknowledged,
 * read by the task from here. One partition; it shares its database with the store.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../clock.ts';
import { type Limits, SETTINGS } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import type { RecordSlices } from '../event.ts';
import { JOURNAL_PARTITION } from '../sqlite.ts';
import { BatchBuilder } from './journal/batch.ts';
import { type Appended, type Group, newGroup } from './journal/group.ts';
import { behindHoles, rowsFrom } from './journal/reading.ts';
import { type JournalRow, sizeOf, sizeOfRecords } from './journal/row.ts';
import { JournalTable } from './journal/table.ts';
import { Tail } from './journal/tail.ts';
import type { Fetch, Opened, Position, Source } from './source.ts';

/** `futureMs`: how far an event may be ahead of its arrival. */
export type JournalOptions = { limits: Limits; clock: Clock; futureMs?: number };

/** Newest rows held in memory. */
const TAIL_BYTES = 4_194_304;
/** Acknowledged rows are dropped at most this often, unless room is needed. */
const PRUNE_MS = 1_000;

export class Journal implements Source {
  readonly partitions = [JOURNAL_PARTITION];
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #futureMs: number;
  readonly #table: JournalTable;
  readonly #tail = new Tail(TAIL_BYTES);
  readonly #batches: BatchBuilder;
  readonly #topicId: string;
  #group: Group;
  #isGroupDue = false;
  /** Aborted when the journal is closed: ends the wait of a group. */
  readonly #closing = new AbortController();
  /** Next offset, and newest receive time, on disk. */
  #next: number;
  #arrivalMs: number;
  #storedBytes: number;
  #acknowledged: number;
  #prunedAtMs = -Infinity;
  /** Offset of the next record to read. */
  #position = 0;
  /** Ends the wait of the read under way. */
  #wake: AbortController | null = null;

  constructor(db: DatabaseSync, { limits, clock, futureMs }: JournalOptions) {
    this.#futureMs = futureMs ?? SETTINGS.futureMs;
    this.#limits = limits;
    this.#clock = clock;
    this.#table = new JournalTable(db);
    this.#batches = new BatchBuilder(limits);
    this.#group = newGroup(this.#limits);
    const head = this.#table.head();
    this.#topicId = head.topicId;
    this.#next = head.next;
    this.#arrivalMs = head.arrivalMs;
    this.#storedBytes = this.#table.size();
    this.#acknowledged = this.#table.first()?.offset ?? head.next;
  }

  get ends(): number[] {
    return [this.nextOffset];
  }

  /** Offset of the next record that becomes durable. */
  get nextOffset(): number {
    return this.#next;
  }

  /** Receive time of a record that would become durable now; it never goes back. */
  get nextArrivalMs(): number {
    return Math.max(this.#arrivalMs, Math.floor(this.#clock.wallMs()));
  }

  /** Bytes not yet forgotten, those under way included. */
  get backlogBytes() {
    return this.#storedBytes + this.#group.packer.size;
  }

  /** Durable events that no commit has covered. */
  get backlogEvents(): number {
    return this.#next - this.#acknowledged;
  }

  /**
   * Resolves when the records are on disk, all of them. Rejects with `journal_full`, `store_full`,
   * `store_unavailable` or `stopping` when none of them is. The bytes are copied at once.
   */
  append(records: RecordSlices): Promise<Appended> {
    return new Promise((resolve, reject) => {
      if (this.#closing.signal.aborted)
        throw new ClickrateError('stopping', 'the journal takes no more events');
      const size = sizeOfRecords(records);
      this.#mustHaveRoom(size);
      const { packer, waiting } = this.#group;
      waiting.push({ index: packer.count, resolve, reject });
      packer.add(records, size);
      if (packer.size >= this.#limits.batchBytes) this.#writeGroup();
      else if (!this.#isGroupDue) void this.#writeSoon();
    });
  }

  #mustHaveRoom(size: number): void {
    const isFull = () =>
      this.backlogBytes > 0 && this.backlogBytes + size > this.#limits.journalBytes;
    if (isFull()) this.#prune();
    if (isFull())
      throw new ClickrateError(
        'journal_full',
        `${this.backlogEvents} events (${this.backlogBytes} bytes) wait to be counted; send later`,
      );
  }

  async #writeSoon(): Promise<void> {
    this.#isGroupDue = true;
    await this.#clock.sleep(this.#limits.journalGroupMs, this.#closing.signal);
    this.#isGroupDue = false;
    this.#writeGroup();
  }

  /** Never throws: those who wait are told. */
  #writeGroup(): void {
    const { packer, waiting } = this.#group;
    if (waiting.length === 0) return;
    this.#group = newGroup(this.#limits);
    const first = this.#next;
    const arrivalMs = this.nextArrivalMs;
    try {
      const rows = packer.finish(first, arrivalMs);
      this.#table.append(rows, first + packer.count, arrivalMs);
      this.#written(rows, first + packer.count, arrivalMs);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
      return;
    }
    for (const { index, resolve } of waiting) resolve({ offset: first + index, arrivalMs });
  }

  #written(rows: readonly JournalRow[], next: number, arrivalMs: number): void {
    this.#next = next;
    this.#arrivalMs = arrivalMs;
    for (const row of rows) {
      this.#storedBytes += sizeOf(row);
      this.#tail.push(row);
    }
    this.#wake?.abort();
  }

  /** Makes appends that wait for others durable now; those who wait are told how it went. */
  async flush(): Promise<void> {
    this.#writeGroup();
  }

  async open(positions: readonly Position[]): Promise<Opened[]> {
    const { offset, topicId } = positions[0];
    const isOurs = topicId === this.#topicId;
    const opened = isOurs && offset !== null ? this.#openAt(offset) : this.#openAtBegin();
    this.#acknowledged = this.#position = opened.offset;
    return [opened];
  }

  #openAt(offset: number): Opened {
    const first = this.#table.first()?.offset ?? this.#next;
    if (offset < first || offset > this.#next)
      throw new ClickrateError(
        'source_gap',
        `the checkpoint stands at offset ${offset}, but the journal holds ${first} to ` +
          `${this.#next}: journal and checkpoint are not of the same time`,
      );
    return { topicId: this.#topicId, offset, floorMs: null, missed: 0 };
  }

  /** Where something was pruned already, or is a hole, windows of that time would lack events. */
  #openAtBegin(): Opened {
    const first = this.#table.first() ?? { offset: this.#next, arrivalMs: this.#arrivalMs };
    const holes = this.#table.missing(first.offset);
    const sinceMs = first.offset === 0 ? holes.arrivalMs : (holes.arrivalMs ?? first.arrivalMs);
    const floorMs = sinceMs === null ? null : sinceMs + this.#futureMs;
    return { topicId: this.#topicId, offset: first.offset, floorMs, missed: holes.count };
  }

  async read(wanted: readonly boolean[], waitMs: number): Promise<Fetch[]> {
    if (!wanted[0]) return [];
    if (this.#position >= this.#next && waitMs > 0 && !this.#closing.signal.aborted) {
      this.#wake = new AbortController();
      await this.#clock.sleep(waitMs, this.#wake.signal);
      this.#wake = null;
    }
    if (this.#closing.signal.aborted)
      throw new ClickrateError('source_unavailable', 'the journal is closed');
    // An empty answer proves the end as of this look, which takes no time of its own.
    const sentAtMs = this.#clock.monotonicMs();
    const from = behindHoles(this.#rowAt, this.#position, this.#next);
    const rows = rowsFrom(this.#rowAt, from, this.#next, this.#limits);
    const records = this.#batches.build(rows, from);
    this.#position = from + records.count;
    const next = this.#position;
    const arrivedAtMs = this.#clock.monotonicMs();
    return [{ partition: 0, records, next, sentAtMs, arrivedAtMs, end: next >= this.#next }];
  }

  probe(wanted: readonly boolean[]): Promise<Fetch[]> {
    return this.read(wanted, 0);
  }

  readonly #rowAt = (offset: number): JournalRow => {
    const row = this.#tail.rowAt(offset) ?? this.#table.rowAt(offset);
    if (row !== null) return row;
    throw new ClickrateError('source_gap', `the journal holds no record at offset ${offset}`);
  };

  /** Rows wholly before the offset are dropped, now or together with later ones. */
  async acknowledge([offset]: readonly number[]): Promise<void> {
    if (offset > this.#acknowledged) this.#acknowledged = Math.min(offset, this.#next);
    if (this.#clock.monotonicMs() - this.#prunedAtMs >= PRUNE_MS) this.#prune();
  }

  #prune(): void {
    this.#prunedAtMs = this.#clock.monotonicMs();
    this.#storedBytes -= this.#table.prune(this.#acknowledged);
  }

  /** Takes nothing more; what waits becomes durable first. The database stays open. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#writeGroup();
    this.#wake?.abort();
  }
}
