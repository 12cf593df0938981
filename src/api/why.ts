/**
 * "Why is it not closed?": one sentence that names what holds the watermark of a task back, or what
 * took it too far, and what would release it.
 */
import { windowStart } from '../result.ts';
import type { PartitionStatus, Status, TaskHealth } from '../status.ts';

/** `holds`: index of the topic partition that holds time back; null when none does. */
export type Held = { why: string | null; holds: number | null };

/** A partition this much behind the furthest one, in event time, is said to hold time back. */
const BEHIND_MS = 1_000;
/** More records than this to read are worth a word. */
const MANY_RECORDS = 10_000;

const NOTHING: Held = { why: null, holds: null };

/**
 * What holds back the watermark of the task with this status. `health` is null where the task runs
 * in another process; then trouble and lag are not known here. `nowMs` is the wall clock.
 */
export function whyHeld(status: Status | null, health: TaskHealth | null, nowMs: number): Held {
  if (health !== null && !health.ready && health.reasons.length > 0)
    return { why: `${health.reasons[0]}; nothing closes until that is over`, holds: null };
  if (status === null)
    return { why: 'the task has not been claimed yet; it is about to be', holds: null };
  const { partitions } = status;
  if (partitions.every(({ maxTs }) => maxTs === null))
    return { why: 'no event has come yet; the first one sets the watermark', holds: null };
  const ahead = aheadOfClock(status, nowMs);
  if (ahead !== null) return ahead;
  const speaking = partitions.filter(({ idle }) => !idle);
  if (speaking.length === 0) return silent(status, health);
  const least = speaking.reduce((a, b) => (timeOf(a) <= timeOf(b) ? a : b));
  const furthest = Math.max(...partitions.map(timeOf));
  const behindMs = furthest - timeOf(least);
  if (behindMs >= BEHIND_MS) return behind(status, health, least, behindMs);
  const waiting = awaitingProof(status, health, timeOf(least));
  if (waiting !== null) return waiting;
  return readingLate(status, health, nowMs);
}

function timeOf({ watermark }: PartitionStatus): number {
  return watermark ?? -Infinity;
}

/** Further than events that are not from the future, and silence after them, may take it. */
function aheadOfClock({ watermark, settings }: Status, nowMs: number): Held | null {
  const { futureMs, windowMs, allowedLatenessMs } = settings;
  const aheadMs = (watermark ?? nowMs) - nowMs;
  if (aheadMs <= futureMs + windowMs + allowedLatenessMs) return null;
  const why =
    `the task's time is ${seconds(aheadMs)} ahead of the clock, which was set back or had stood ` +
    'ahead: events are too late until the clock is there';
  return { why, holds: null };
}

/** Records of partition `p` that wait to be read, where that is known. */
function lagOf(status: Status, health: TaskHealth | null, p: number): number | null {
  const end = health?.sights?.[p]?.end ?? null;
  return end === null ? null : Math.max(0, end - status.partitions[p].position);
}

/** Neither events nor quiet release a partition while records wait there to be committed. */
function openAt(health: TaskHealth | null, p: number): string | null {
  const waiting = health?.sights?.[p]?.uncommitted ?? 0;
  if (waiting === 0) return null;
  return `${waiting} records wait for the end of an open transaction; that releases it`;
}

function behind(
  status: Status,
  health: TaskHealth | null,
  least: PartitionStatus,
  behindMs: number,
): Held {
  const holds = status.partitions.indexOf(least);
  const lag = lagOf(status, health, holds);
  const { idleAfterMs } = status.settings;
  const release =
    lag !== null && lag > 0
      ? `reading its ${lag} waiting records releases it`
      : (openAt(health, holds) ??
        `its next events release it, or ${seconds(idleAfterMs)} without any`);
  const where =
    least.watermark === null
      ? `${least.name} has had no event yet and is not idle`
      : `${least.name} is ${seconds(behindMs)} of event time behind the furthest partition and ` +
        'holds the watermark back';
  return { why: `${where}; ${release}`, holds };
}

/** Time may pass an idle partition only with proof that it has nothing to say. */
function awaitingProof(status: Status, health: TaskHealth | null, leastMs: number): Held | null {
  const holds = status.partitions.findIndex(({ idle }) => idle);
  if (holds < 0 || (status.watermark ?? -Infinity) > leastMs - BEHIND_MS) return null;
  const open = idleAndOpen(status, health);
  if (open !== null) return open;
  const { name } = status.partitions[holds];
  const why =
    `${name} is idle, and time has to wait until a read of it, sent after the newest events of ` +
    'the others, reaches its end and finds nothing';
  return { why, holds };
}

function idleAndOpen({ partitions }: Status, health: TaskHealth | null): Held | null {
  const holds = partitions.findIndex(({ idle }, p) => idle && openAt(health, p) !== null);
  if (holds < 0) return null;
  const { name } = partitions[holds];
  return { why: `${name} is idle, but time may not go past it; ${openAt(health, holds)}`, holds };
}

/** Nothing but its own backlog delays it. */
function readingLate(status: Status, health: TaskHealth | null, nowMs: number): Held {
  const lags = status.partitions.map((_, p) => lagOf(status, health, p) ?? 0);
  const lag = lags.reduce((sum, records) => sum + records, 0);
  if (lag < MANY_RECORDS) return NOTHING;
  const lateMs = nowMs - (status.watermark ?? nowMs);
  const holds = lags.indexOf(Math.max(...lags));
  const why =
    `${lag} records wait to be read, so the watermark is ${seconds(lateMs)} behind the clock; ` +
    'reading them releases it';
  return { why, holds };
}

/** All partitions are idle: time goes on by silence until every window is closed. */
function silent(status: Status, health: TaskHealth | null): Held {
  const { windowMs, allowedLatenessMs } = status.settings;
  const maxTs = Math.max(...status.partitions.map((partition) => partition.maxTs ?? -Infinity));
  const closedAt = windowStart(maxTs, windowMs) + windowMs - 1 + allowedLatenessMs;
  const leftMs = closedAt - (status.watermark ?? maxTs);
  if (leftMs <= 0) return NOTHING;
  const open = idleAndOpen(status, health);
  if (open !== null) return open;
  const quietMs = Math.min(...(health?.sights ?? []).map((sight) => sight.quietMs));
  const since = Number.isFinite(quietMs) ? ` for ${seconds(quietMs)}` : '';
  const why =
    `no events come${since}: time goes on by silence, and the newest window is final in ` +
    `${seconds(leftMs)}`;
  return { why, holds: null };
}

function seconds(ms: number): string {
  return Number.isFinite(ms) ? `${(ms / 1_000).toFixed(1)} s` : 'an unknown time';
}
