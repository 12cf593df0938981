/** The state of a task as the readable part of its checkpoint tells it. */
import { windowStart } from '../result.ts';
import type { PartitionStatus, Status } from '../status.ts';
import type { TaskCore } from './core.ts';

/** Everything that the core alone knows. */
export function statusOf(core: TaskCore): Omit<Status, 'version' | 'partitions' | 'idKey'> {
  return {
    watermark: finite(core.watermark),
    finalBefore: finalBefore(core),
    comebacks: [...core.comebacks],
    ledger: core.tally.ledger(),
    settings: core.settings,
    publishFloor: finite(core.publishFloor),
    heldElsewhere: core.heldElsewhere,
    droppedIds: core.duplicates.dropped,
  };
}

/** Time in each topic partition; `positions` are the offsets of the next records. */
export function partitionsOf(
  core: TaskCore,
  places: readonly { topicId: string }[],
  positions: readonly number[],
): PartitionStatus[] {
  return core.times.map((time, p) => ({
    name: core.names[p],
    topicId: places[p].topicId,
    position: positions[p],
    maxTs: finite(time.maxTs),
    watermark: finite(time.watermark),
    idle: time.idle,
  }));
}

/** Every window that starts before this is closed for good. */
function finalBefore({ watermark, settings, windows }: TaskCore): number | null {
  if (watermark === -Infinity) return null;
  let before = windowStart(watermark - settings.allowedLatenessMs + 1, settings.windowMs);
  for (const window of windows.values()) before = Math.min(before, window.start);
  return before;
}

function finite(time: number): number | null {
  return Number.isFinite(time) ? time : null;
}
