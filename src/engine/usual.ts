/**
 * The short ways of `verdict.ts`, without and with ids: events of an open window whose time has not
 * come are counted without asking each what such events need not be asked.
 */
import { BLOCK_SHIFT, type EventBatch, SLOT_MASK } from '../decode/columns.ts';
import { COUNTED, DUPLICATE } from '../event.ts';
import type { TaskCore } from './core.ts';
import type { Cells, Window } from './windows.ts';

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
  const window = usualWindow(core, p, events.time[first]);
  if (window === undefined) return first;
  const next = countPlain(core, p, events, window, first, to);
  if (next === to || events.hasId[next] === 0) return next;
  return countIdentified(core, p, events, window, next, to);
}

/** As long as they have no ids. */
function countPlain(
  core: TaskCore,
  p: number,
  events: EventBatch,
  window: Window,
  first: number,
  to: number,
): number {
  const { changedBlocks } = core;
  const { time, product, kind, reject, hasId } = events;
  const { start, end } = window;
  let block = -1;
  let counts: Uint32Array = NO_CELLS;
  let maxTs = core.times[p].maxTs;
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
  moveTime(core, p, maxTs);
  return i;
}

/** With ids or without. */
function countIdentified(
  core: TaskCore,
  p: number,
  events: EventBatch,
  window: Window,
  first: number,
  to: number,
): number {
  const last = usualUntil(core, p, events, window, first, to);
  if (last === first) return first;
  if (!core.duplicates.judge(events, p, window.end, first, last)) return first;
  const { changedBlocks } = core;
  const { time, product, kind, verdict } = events;
  let { maxTs } = core.times[p];
  let counted = 0;
  for (let i = first; i < last; i++) {
    if (time[i] > maxTs) maxTs = time[i];
    if (verdict[i] === DUPLICATE) continue;
    const block = product[i] >>> BLOCK_SHIFT;
    changedBlocks[block] = 1;
    const { counts } = window.cells[block] as Cells;
    counts[((product[i] & SLOT_MASK) << 1) | kind[i]]++;
    counted++;
  }
  core.tally.counts[COUNTED] += counted;
  core.tally.counts[DUPLICATE] += last - first - counted;
  moveTime(core, p, maxTs);
  return last;
}

/** The first row from `first` on that must be asked more than whether its id was seen, or `to`. */
function usualUntil(
  core: TaskCore,
  p: number,
  { time, product, kind, reject }: EventBatch,
  { start, end, cells }: Window,
  first: number,
  to: number,
): number {
  // The event whose time lets ids go is left out: those behind it must not find them.
  const forgetTs = core.duplicates.forgetAt[p] + core.settings.watermarkDelayMs;
  const before = Math.min(end, forgetTs);
  let block = -1;
  let known = 0;
  let i = first;
  for (; i < to; i++) {
    if (reject[i] !== 0 || !(time[i] >= start && time[i] < before)) break;
    const id = product[i];
    if (id >>> BLOCK_SHIFT !== block) {
      block = id >>> BLOCK_SHIFT;
      known = cells[block]?.counts.length ?? 0;
    }
    if ((((id & SLOT_MASK) << 1) | kind[i]) >= known) break;
  }
  return i;
}

/** The open window of such a time, unless what is counted in it must be asked more. */
function usualWindow(core: TaskCore, p: number, ts: number): Window | undefined {
  const { watermarkDelayMs, allowedLatenessMs } = core.settings;
  const { idle, watermark } = core.times[p];
  const window = core.windows.find(ts);
  if (window === undefined || idle || watermarkDelayMs + allowedLatenessMs === 0) return undefined;
  const { end } = window;
  const isUsual = end - 1 > core.watermark && end - 1 + allowedLatenessMs > watermark;
  return isUsual ? window : undefined;
}

/** Takes the largest time that was seen. */
function moveTime(core: TaskCore, p: number, maxTs: number): void {
  const at = core.times[p];
  if (!(maxTs > at.maxTs)) return;
  const watermark = Math.max(at.watermark, maxTs - core.settings.watermarkDelayMs);
  core.times[p] = { watermark, maxTs, idle: false };
  if (watermark >= core.duplicates.forgetAt[p]) core.duplicates.forget(p, watermark);
}
