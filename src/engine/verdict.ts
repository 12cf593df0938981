/**
 * The verdict of each event, in the order of docs/semantics.md, then the watermark, event by event:
 * so the way records are cut into batches changes nothing. Rejections were found by decode; here an
 * event is too late, a duplicate, or counted.
 */
import { BLOCK_SHIFT, type EventBatch, SLOT_MASK } from '../decode/columns.ts';
import { COUNTED, DUPLICATE, type RecordBatch, TOO_LATE } from '../event.ts';
import { windowStart } from '../result.ts';
import type { TaskCore } from './core.ts';
import { MOST_ROWS } from './duplicates.ts';
import { countUsual } from './usual.ts';
import type { Cells, Window } from './windows.ts';

/** What `judge` did: how far it came, and how many events were neither rejected nor too late. */
export type Judged = { next: number; good: number };

/**
 * Judges the rows `[from, events.to)` of topic partition `p` and counts them. Stops early, before
 * a row, when a buffer is full (kept events, open cells); at least one row is always judged.
 */
export function judge(
  core: TaskCore,
  p: number,
  records: RecordBatch,
  events: EventBatch,
  from: number,
): Judged {
  let good = 0;
  for (let i = from; i < events.to; ) {
    const to = Math.min(i + MOST_ROWS, events.to);
    const unusual = countUsual(core, p, events, i, to);
    good += unusual - i;
    if (unusual < to && core.duplicates.size > 0) core.duplicates.touch(events, p, unusual, to);
    const judged = judgeRows(core, p, records, events, from, unusual, to);
    good += judged.good;
    i = judged.next;
    if (i < to) return { next: i, good };
  }
  return { next: events.to, good };
}

/** Judges rows `[first, to)`; row `from` is judged whatever is full. */
function judgeRows(
  core: TaskCore,
  p: number,
  records: RecordBatch,
  events: EventBatch,
  from: number,
  first: number,
  to: number,
): Judged {
  const { settings, windows, tally, duplicates, changedBlocks } = core;
  const { time, product, kind, reject, hasId, verdict } = events;
  const { watermarkDelayMs } = settings;
  const { counts } = tally;
  const lateAfterEnd = settings.allowedLatenessMs - 1;
  let { watermark, maxTs, idle } = core.times[p];
  let window: Window | null = null;
  let start = Infinity;
  let end = -Infinity;
  /** The window's time has come: whoever publishes it next must know which counts are new. */
  let isDue = false;
  /** The cells of the last event's block: those of few products are mostly the next one's too. */
  let block = -1;
  let cells: Cells | undefined;
  let counted = 0;
  let good = 0;
  let i = first;
  for (; i < to; i++) {
    const rejected = reject[i];
    if (rejected !== 0) {
      if (i > from && core.keptFull()) break;
      setAside(core, p, records, events, i, rejected);
      continue;
    }
    const ts = time[i];
    if (idle) {
      // A comeback is written down only for an event that is judged now.
      if (i > from && (core.keptFull() || core.cellsFull())) break;
      watermark = core.comeback(p, records.offsets[i], watermark);
    }
    if (ts < start || ts >= end) {
      // Opened only when an event is counted: a late event must not bring a closed window back.
      window = null;
      block = -1;
      start = windowStart(ts, settings.windowMs);
      end = start + settings.windowMs;
      isDue = end - 1 <= core.watermark;
    }
    if (end + lateAfterEnd <= watermark) {
      if (i > from && core.keptFull()) break;
      setAside(core, p, records, events, i, TOO_LATE);
      if (ts > maxTs) maxTs = ts;
      continue;
    }
    const id = product[i];
    if (hasId[i] === 1 && duplicates.seen(events.id, i, p, id, kind[i])) {
      verdict[i] = DUPLICATE;
      counts[DUPLICATE]++;
    } else {
      const slot = id & SLOT_MASK;
      if (window === null) window = windows.at(ts);
      if (id >>> BLOCK_SHIFT !== block) {
        block = id >>> BLOCK_SHIFT;
        cells = window.cells[block];
        changedBlocks[block] = 1;
      }
      if (cells === undefined || slot * 2 >= cells.counts.length) {
        if (i > from && core.cellsFull()) {
          windows.drop(window);
          break;
        }
        cells = windows.cellsFor(window, id);
      }
      cells.counts[(slot << 1) | kind[i]]++;
      if (isDue) cells.unpublished.add(slot);
      if (hasId[i] === 1) duplicates.remember(p, end);
      verdict[i] = COUNTED;
      counted++;
    }
    good++;
    idle = false;
    if (ts > maxTs) {
      maxTs = ts;
      if (ts - watermarkDelayMs > watermark) {
        watermark = ts - watermarkDelayMs;
        if (watermark >= duplicates.forgetAt[p]) duplicates.forget(p, watermark);
      }
    }
  }
  counts[COUNTED] += counted;
  core.times[p] = { watermark, maxTs, idle };
  return { next: i, good };
}

/** Not counted, and kept. */
function setAside(
  core: TaskCore,
  p: number,
  records: RecordBatch,
  events: EventBatch,
  i: number,
  code: number,
): void {
  core.keep(p, records, i, code);
  events.verdict[i] = code;
  core.tally.counts[code]++;
}
