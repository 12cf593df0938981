/**
 * The names of the levels of history. Every window's counts are in exactly one level: in the finest
 * while they are young, later in a period of a coarser one.
 */

/** A level's name: `window`, `1m`, `15m`, or `1d` and a time zone. */
export type Level = string;

export const WINDOW: Level = 'window';
export const MINUTE: Level = '1m';
export const QUARTER: Level = '15m';
const DAY = '1d ';

/** The level of a time zone's days. */
export function dayLevel(zone: string): Level {
  return DAY + zone;
}

/** The time zone of a level of days; null: it is another. */
export function zoneOf(level: Level): string | null {
  return level.startsWith(DAY) ? level.slice(DAY.length) : null;
}
