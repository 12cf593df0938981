/** The texts of history: logs of cells `slot:impressions:clicks;`, see `history.ts`. */
import type { Counts } from '../../result.ts';

/** Of the counts. */
export const BASE = 36;

export type Cells = Map<number, { impressions: number; clicks: number }>;

/** The cells of a log by slot. */
export function parseLog(log: string): Cells {
  const cells: Cells = new Map();
  for (const text of log.split(';')) {
    if (text === '') continue;
    const [slot, impressions, clicks] = text.split(':');
    cells.set(Number(slot), {
      impressions: Number.parseInt(impressions, BASE),
      clicks: Number.parseInt(clicks, BASE),
    });
  }
  return cells;
}

export function writeLog(cells: Cells): string {
  let log = '';
  for (const [slot, { impressions, clicks }] of cells)
    log += `${slot}:${impressions.toString(BASE)}:${clicks.toString(BASE)};`;
  return log;
}

/** The last cell of `slot`, or null. */
export function lastOf(log: string, slot: number): Omit<Counts, 'start'> | null {
  const at = `;${log}`.lastIndexOf(`;${slot}:`);
  if (at === -1) return null;
  const [, impressions, clicks] = log.slice(at, log.indexOf(';', at)).split(':');
  return { impressions: Number.parseInt(impressions, BASE), clicks: Number.parseInt(clicks, BASE) };
}
