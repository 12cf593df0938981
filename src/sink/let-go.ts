/** When the sink lets go of a product's older windows: what comes of them then is a repeat. */
import type { Counts } from '../result.ts';

/**
 * Counts of a window, the partition that tells them (always the same for a window), and when it
 * did: append time in seconds, which are cheaper to keep.
 */
export type Cell = Counts & { from: number; toldS: number };
/** As if a window had been told after all others: of a restored one it is not known when. */
export const UNKNOWN_S = 2 ** 31 - 1;

/**
 * The job fires a product's windows in order, but writes what it fired at once in any order, which
 * catching up can be very many. Kafka has taken them all within this time, or the job has failed.
 */
const UNORDERED_S = 120;

type Remembered = { cells: Cell[]; floors: number[] };
type LetGoOptions = { windowMs: number; latenessMs: number; keptWindows: number };

/**
 * By partition: as of when nothing may go, which then holds for all that is told at that time.
 * While a job catches up each window would be held against all the others.
 */
const stuck = new WeakMap<Remembered, { nowS: number; watermark: number }[]>();

/** Of the oldest windows of a partition that told one more just now, where there are too many. */
export function letGo(
  remembered: Remembered,
  { from, toldS: nowS }: Cell,
  { windowMs, latenessMs, keptWindows }: LetGoOptions,
  watermark: number,
): void {
  const { cells, floors } = remembered;
  const since = stuck.get(remembered)?.[from];
  if (since?.nowS === nowS && since.watermark === watermark) return;
  let surplus = -keptWindows;
  let isOrdered = false;
  for (const cell of cells) {
    if (cell.from !== from) continue;
    surplus++;
    if (cell.toldS + UNORDERED_S <= nowS) isOrdered = true;
  }
  for (; surplus > 0; surplus--) {
    const oldest = cells.findIndex((cell) => cell.from === from);
    const { start } = cells[oldest];
    const isFinal = start + windowMs + latenessMs <= watermark;
    // Else older ones may be on their way.
    if (!isOrdered && !isFinal) {
      const all = stuck.get(remembered) ?? [];
      all[from] = { nowS, watermark };
      stuck.set(remembered, all);
      return;
    }
    while (floors.length <= from) floors.push(-Infinity);
    floors[from] = start;
    cells.splice(oldest, 1);
  }
}

/** Windows of that partition that start at or before this were let go. */
export function floorOf({ floors }: Pick<Remembered, 'floors'>, from: number): number {
  return floors[from] ?? -Infinity;
}
