/**
 * The short way of `verdict.ts`: events without ids, of an open window whose time has not come, are
 * counted without asking each what such events need not be asked.
 */
import { BLOCK_SHIFT, type EventBatch, SLOT_MASK } from '../decode/columns.ts';
import { COUNTED } from '../event.ts';
import type { TaskCore } from './core.ts';

const NO_CELLS = new Uint32Array(0);

/**
 * Counts the rows from `first` on of topic partition `p` that are usual; returns the first that is
 * not, or `to`. All are of one window: none is too late, since none before it moves time so far.
 */
export function countUsual(
  core: TaskCore,
  p: number,
  events: EventBatch,
  first: number,
  to: number,
): number {
  const { settings, changedBlocks, duplicates } = core;
  const { time, product, kind, reject, hasId } = events;
  const { watermarkDelayMs, allowedLatenessMs } = settings;
  const at = core.times[p];
  const window = core.windows.find(time[first]);
  if (window === undefined || at.idle || watermarkDelayMs + allowedLatenessMs === 0) return first;
  const { start, end } = window;
  if (end - 1 <= core.watermark || end - 1 + allowedLatenessMs <= at.watermark) return first;
  let block = -1;
  let counts: Uint32Array = NO_CELLS;
  let maxTs = at.maxTs;
  let i = first;
  for (; i < to; i++) {
    const ts = time[i];
    if ((reject[i] | hasId[i]) !== 0 || !(ts >= start && ts < end)) break;
    const id = product[i];
    if (id >>> BLOCK_SHIFT !== block) {
      block = id >>> BLOCK_SHIFT;
      counts = window.cells[block]?.counts ?? NO_CELLS;
      changedBlocks[block] = 1;
    }
    const cell = ((id & SLOT_MASK) << 1) | kind[i];
    if (cell >= counts.length) break;
    counts[cell]++;
    if (ts > maxTs) maxTs = ts;
  }
  core.tally.counts[COUNTED] += i - first;
  events.verdict.fill(COUNTED, first, i);
  if (maxTs > at.maxTs) {
    const watermark = Math.max(at.watermark, maxTs - watermarkDelayMs);
    core.times[p] = { watermark, maxTs, idle: false };
    if (watermark >= duplicates.forgetAt[p]) duplicates.forget(p, watermark);
  }
  return i;
}
