/**
 * What a task hands over to be kept: the parts of its checkpoint, the readable status beside them,
 * the events it did not count.
 */
import type { Settings } from './config.ts';
import type { Reason, Verdict } from './event.ts';
import type { Histogram } from './histogram.ts';
import type { Counts } from './result.ts';

/** Owners commit every 5 s at least: one that has not for this long is taken for dead. */
export const SILENT_MS = 15_000;

/** The order of tasks, and of a checkpoint's parts, by their names: 2 comes before 10. */
export function compareNames(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** Named bytes of a checkpoint, opaque to a store. */
export type Part = { name: string; bytes: Uint8Array };

/** An event that was not counted, with its original bytes. */
export type KeptEvent = {
  /** Topic partition name and offset it came from. */
  partition: string;
  offset: number;
  reason: Reason;
  /** One sentence for a person. */
  message: string;
  arrivalMs: number;
  bytes: Uint8Array;
  /** How many bytes it had, where those kept are only its first ones. */
  cutFrom?: number;
  /** The record's key, where the source has keys; stores do not keep it. */
  key?: Uint8Array;
};

/** An idle partition that took a larger watermark before the event at `offset` was judged. */
export type Comeback = { partition: string; offset: number; watermark: number };

export type PartitionStatus = {
  name: string;
  topicId: string;
  /** Offset of the next record. */
  position: number;
  /** Largest event time of an event that was not rejected; null before the first. */
  maxTs: number | null;
  watermark: number | null;
  idle: boolean;
};

/**
 * Counts since `since` (offset by partition): `received` is the sum of all columns of `verdicts`.
 */
export type Ledger = {
  received: number;
  verdicts: Record<Verdict, number>;
  since: Record<string, number>;
  /** Offsets skipped because they were gone (never received). */
  missed: number;
};

export type Status = {
  /** Version of the checkpoint's form. */
  version: number;
  partitions: PartitionStatus[];
  /** The task's watermark; null before the first. */
  watermark: number | null;
  /** Every window that starts before this is final; null before the first watermark. */
  finalBefore: number | null;
  comebacks: Comeback[];
  ledger: Ledger;
  settings: Settings;
  /** Windows that start at or before it are counted, never published; null without one. */
  publishFloor: number | null;
  /** Key of the id hash, 8 hexadecimal digits a word, 4 words. */
  idKey: string;
  /** Products this task met that another task owns. */
  heldElsewhere: number;
  /** Ids forgotten because the limit of ids was reached. */
  droppedIds: number;
};

/**
 * No events come to the task, and every window it has is final: it waits for nothing and nobody
 * for it. Also a task that has seen no event.
 */
export function isAtRest({ partitions, finalBefore }: Status): boolean {
  return partitions.every(
    ({ idle, maxTs }) => idle && (maxTs === null || maxTs < (finalBefore ?? -Infinity)),
  );
}

/** What of it needs attention though the task goes on, one sentence each. */
export function concernsOf({ heldElsewhere, droppedIds }: Status): string[] {
  const concerns: string[] = [];
  if (heldElsewhere > 0)
    concerns.push(`${heldElsewhere} products are owned by another task; key by product_id`);
  if (droppedIds > 0)
    concerns.push(`${droppedIds} event ids were forgotten early: limit maxIds reached`);
  return concerns;
}

/** What a running pipeline knows of a topic partition beside its status. */
export type PartitionSight = {
  /** Offset after the newest record of the log, as last seen; null where the source cannot say. */
  end: number | null;
  /** Records behind `end` that wait for the end of an open transaction; absent: none. */
  uncommitted?: number;
  /** Milliseconds since the last event that was neither rejected nor too late, or the start. */
  quietMs: number;
};

/** Windows that are not closed yet: the sums of each, and the most active products. */
export type OpenCounts = {
  windows: Counts[];
  products: (Counts & { product: string })[];
};

/** What a running pipeline tells about itself, at once and without I/O. */
export type TaskHealth = {
  task: string;
  /** True while records are read and commits succeed. */
  ready: boolean;
  /** Why not ready, or what needs attention, one sentence each. */
  reasons: string[];
  /** `standby`: another process owns the task, and this one would take over. */
  state: 'starting' | 'standby' | 'running' | 'retrying' | 'stopping' | 'stopped' | 'failed';
  /**
   * The uncommitted present: same form as what the next commit would write. Null before a claim.
   */
  live: Status | null;
  /** By topic partition, in the order of the status; absent before a claim. */
  sights?: PartitionSight[];
  /** The sink: records of the job's topics that wait to be read. */
  lagRecords?: number;
  /** The sink that owns the results: whether its heartbeats pause; absent where none are due. */
  heartbeatsPause?: boolean;
  /** Monotonic milliseconds since the last successful commit; null before the first. */
  commitAgeMs: number | null;
  /** How long the last commit took, and how many bytes its parts had. */
  commitMs: number;
  commitBytes: number;
  commits: number;
  fenced: number;
  retries: number;
  /** How long each commit took, in seconds; absent where another process commits. */
  commitSeconds?: Histogram;
  /** Published windows that were published again with more counts, since the process began. */
  revisions?: number;
};
