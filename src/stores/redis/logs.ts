/** The texts of history: logs of cells `slot:impressions:clicks;`, see `history.ts`. */
import type { Counts } from '../../result.ts';
import { LONGEST_NUMBER, type TextBytes } from '../../text-bytes.ts';

/** Of the counts. */
const BASE = 36;
/** Texts of small counts, two digits long at most: most are, and each would be made anew. */
const SMALL = Array.from({ length: BASE * BASE }, (_, n) => n.toString(BASE));

function inBase(count: number): string {
  return count < SMALL.length ? SMALL[count] : count.toString(BASE);
}

const [COLON, SEMICOLON] = Buffer.from(':;');
const LONGEST_CELL = 3 * LONGEST_NUMBER;

/** A cell at the end of a log; without its slot where that is not known yet. */
export function writeCell(
  log: TextBytes,
  slot: number | null,
  impressions: number,
  clicks: number,
): void {
  log.reserve(LONGEST_CELL);
  if (slot !== null) log.number(slot);
  log.byte(COLON);
  log.text(inBase(impressions));
  log.byte(COLON);
  log.text(inBase(clicks));
  log.byte(SEMICOLON);
}

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
    log += `${slot}:${inBase(impressions)}:${inBase(clicks)};`;
  return log;
}

/** The last cell of `slot`, or null. */
export function lastOf(log: string, slot: number): Omit<Counts, 'start'> | null {
  const at = `;${log}`.lastIndexOf(`;${slot}:`);
  if (at === -1) return null;
  const [, impressions, clicks] = log.slice(at, log.indexOf(';', at)).split(':');
  return { impressions: Number.parseInt(impressions, BASE), clicks: Number.parseInt(clicks, BASE) };
}
