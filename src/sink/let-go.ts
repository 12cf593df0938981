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

/** Newest windows of a product, oldest first, and what was let go of. */
export type Remembered = {
  cells: Cell[];
  /** By partition: windows of it that start at or before this were counted and let go. */
  floors: number[];
  /**
   * By partition: as of when nothing may go, which then holds for all that is told at that time.
   * While a job catches up each window would be held against all the others.
   */
  stuck: { nowS: number; watermark: number }[];
};
type LetGoOptions = { windowMs: number; latenessMs: number; keptWindows: number };

/** Of the oldest windows of a partition that told one more just now, where there are too many. */
export function letGo(
  { cells, floors, stuck }: Remembered,
  { from, toldS: nowS }: Cell,
  { windowMs, latenessMs, keptWindows }: LetGoOptions,
  watermark: number,
): void {
  const since = stuck[from];
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
      stuck[from] = { nowS, watermark };
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
