/**
 * The contract of a source: it gives the records of one task, topic partition by topic partition,
 * in offset order, again and again from any position it has not been allowed to forget.
 *
 * Order of calls: `open` with the positions of the checkpoint, and again after the task was claimed
 * anew; then `read` and `probe` in any order, never two at a time; `acknowledge` whenever a commit
 * has made a position durable, also during a read; `close`.
 */
import type { RecordBatch } from '../event.ts';

/** One answer of one topic partition. */
export type Fetch = {
  /** Index into `partitions`. */
  partition: number;
  records: RecordBatch;
  /** Position after the last record of this answer. */
  next: number;
  /** Monotonic milliseconds when the fetch was sent, and when its answer had arrived. */
  sentAtMs: number;
  arrivedAtMs: number;
  /** The answer reached the end of the log as it stood while the fetch was under way. */
  end: boolean;
  /** Since when the partition can be read again that could not be; absent: all the time. */
  reachableSinceMs?: number;
};

/** Where a task stands in one topic partition. */
export type Position = {
  /** Offset of the next record to read; null at the first start. */
  offset: number | null;
  /** Identity of the topic the offset belongs to; null at the first start. */
  topicId: string | null;
};

/** What a source says of a partition when it is opened. */
export type Opened = {
  topicId: string;
  /** Where reading begins. */
  offset: number;
  /**
   * null when reading begins at the checkpoint's position or at the log's true beginning; else the
   * publish floor in epoch milliseconds: windows that start at or before it may lack events.
   */
  floorMs: number | null;
  /** Offsets skipped since the checkpoint (`--on-gap skip`), shown in the ledger as missed. */
  missed: number;
};

export interface Source {
  /** Names of the topic partitions of this task, in a fixed order. */
  readonly partitions: readonly string[];
  /** Why some of them cannot be read for now, while the others go on; null when all can. */
  readonly trouble?: string | null;
  /** Reads that failed and are made again, beside those that `read` and `probe` reject with. */
  readonly retries?: number;
  /** Offset after the newest record of each that may be read, as last seen; null: not known. */
  readonly ends?: readonly (number | null)[];
  /** Records behind it that may not be read before an open transaction is over; absent: none. */
  readonly uncommitted?: readonly number[];
  /** Takes a position a partition; throws `source_gap` or `source_foreign` when it cannot. */
  open(positions: readonly Position[]): Promise<Opened[]>;
  /**
   * The next records of the partitions in `wanted`; waits up to `waitMs` when there are none, and
   * answers an empty fetch for each partition it has seen the end of. Throws retryable errors.
   */
  read(wanted: readonly boolean[], waitMs: number): Promise<Fetch[]>;
  /**
   * Like `read`, sent now and without waiting: what lies beyond what was read, or proof of the end.
   */
  probe(wanted: readonly boolean[]): Promise<Fetch[]>;
  /** All records before these offsets are in a commit: they may be forgotten. */
  acknowledge(offsets: readonly number[]): Promise<void>;
  close(): Promise<void>;
}
