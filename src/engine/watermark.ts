/**
 * Watermarks: of a topic partition, from its own events; of the task, from its partitions and from
 * what the caller knows about idleness. Neither ever goes back.
 */
import type { Settings } from '../config.ts';
import { windowStart } from '../result.ts';

/** Time in one topic partition. `-Infinity` stands for "none yet". */
export type PartitionTime = { maxTs: number; watermark: number; idle: boolean };

export function partitionTime(): PartitionTime {
  return { maxTs: -Infinity, watermark: -Infinity, idle: false };
}

/** What the caller says about one topic partition when a step ends. */
export type Sight = {
  /** No event that is not junk for `idleAfterMs`, up to a log end that was seen. */
  idle: boolean;
  /**
   * A fetch sent after the step's other good records had arrived reached the end, with only junk.
   */
  passed: boolean;
};

/**
 * @property silenceMs from the arrival of the last event that is not junk to the sending of the
 *   empty fetch, when all partitions are idle and passed.
 */
export type Sights = { partitions: readonly Sight[]; silenceMs: number };

/**
 * The task's next watermark: the minimum over the partitions that are not idle; it moves past an
 * idle one only with proof (`passed`). When all are idle time goes on by silence, at most until the
 * newest window is closed for late events, so that a backlog that comes later is not late.
 */
export function taskWatermark(
  current: number,
  times: readonly PartitionTime[],
  sights: Sights,
  settings: Settings,
): number {
  let least = Infinity;
  for (let p = 0; p < times.length; p++) {
    if (!times[p].idle) least = Math.min(least, times[p].watermark);
    else if (!sights.partitions[p].passed) return current;
  }
  if (least !== Infinity) return Math.max(current, least);
  return Math.max(current, silentWatermark(times, sights.silenceMs, settings));
}

function silentWatermark(
  times: readonly PartitionTime[],
  silenceMs: number,
  settings: Settings,
): number {
  const maxTs = Math.max(...times.map((time) => time.maxTs));
  if (maxTs === -Infinity) return -Infinity;
  const newestEnd = windowStart(maxTs, settings.windowMs) + settings.windowMs;
  return Math.min(
    maxTs - settings.watermarkDelayMs + Math.max(0, Math.floor(silenceMs)),
    newestEnd - 1 + settings.allowedLatenessMs,
  );
}
