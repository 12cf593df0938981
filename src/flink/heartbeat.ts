/**
 * The rule of heartbeats: which event time they carry, and when they pause. Pure; who reads the
 * data topics and sends is `src/sink/heartbeats.ts`. Times are epoch milliseconds.
 */
import type { Settings } from '../config.ts';
import { windowStart } from '../result.ts';

/** The newest event that a data topic told: its event time, and when it was appended. */
export type Newest = { time: number; arrivalMs: number };

/** Heartbeats are ahead of the events that may be on their way. */
const LEAD_MS = 2_000;
/** The job's committed offsets may be this old: it commits them with its checkpoints. */
export const BEHIND_MS = 10_000;
/** So rare may checkpoints be; the rest is for taking one. */
export const MOST_CHECKPOINT_MS = BEHIND_MS / 2;

type HeartbeatSettings = Pick<Settings, 'windowMs' | 'watermarkDelayMs' | 'allowedLatenessMs'>;

/**
 * The event time of the next heartbeat: the newest event's, and what has passed since it came; but
 * never further than what makes the newest window final. Null: no event is known. Never before
 * `last`.
 */
export function heartbeatTime(
  newest: Newest | null,
  nowMs: number,
  last: number | null,
  settings: HeartbeatSettings,
): number | null {
  if (newest === null) return null;
  const { windowMs, watermarkDelayMs, allowedLatenessMs } = settings;
  const waitedMs = Math.max(0, nowMs - newest.arrivalMs);
  const end = windowStart(newest.time, windowMs) + windowMs;
  const cap = end - 1 + allowedLatenessMs + watermarkDelayMs;
  return Math.max(last ?? -Infinity, Math.min(newest.time + waitedMs + LEAD_MS, cap));
}

/** The value of a heartbeat's record. */
export function heartbeatRecord(timestamp: number): Buffer {
  return Buffer.from(JSON.stringify({ timestamp }));
}

/** What is known of a data partition. */
export type DataPartition = {
  name: string;
  /** First offset of its log, and the one behind its last record: now, and `BEHIND_MS` ago. */
  first: number;
  end: number;
  endThen: number;
  /** What the job has read, as of its newest checkpoint; null: it has committed nothing. */
  committed: number | null;
};

/**
 * Why no heartbeat may be sent now: it would make events late that the job has not read, whose
 * group is `group`.
 */
export function pauseReason(partitions: readonly DataPartition[], group: string): string | null {
  for (const { name, first, end, endThen, committed } of partitions) {
    if (end <= first) continue;
    if (committed === null)
      return `no job has read ${name} yet: group ${group} has committed nothing`;
    if (committed < endThen && endThen > first)
      return `the job is behind: it has read ${name} to ${committed}, not to ${endThen}`;
  }
  return null;
}
