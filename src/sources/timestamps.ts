/** Times in CSV files: ISO 8601 with any number of fraction digits, or epoch milliseconds. */

const DAY = /(\d{4})-(\d\d)-(\d\d)/;
const CLOCK = /(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?/;
const ZONE = /\s*(Z|[+-]\d\d(?::?\d\d)?)?/;
const ISO = new RegExp(`^${DAY.source}(?:[T ]${CLOCK.source})?${ZONE.source}$`, 'i');
const EPOCH = /^-?\d{1,16}$/;

/**
 * Epoch milliseconds of a time, floored; without an offset it is UTC. Null when it is none.
 * A whole number is taken as it is: the decoder judges its unit.
 */
export function parseTime(text: string): number | null {
  const trimmed = text.trim();
  if (EPOCH.test(trimmed)) return Number(trimmed);
  const match = ISO.exec(trimmed);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  const parts = [year, month, day, hour, minute, second].map((part) => Number(part ?? 0));
  const date = new Date(0);
  date.setUTCFullYear(parts[0], parts[1] - 1, parts[2]);
  date.setUTCHours(parts[3], parts[4], parts[5], 0);
  const isReal =
    date.getUTCMonth() === parts[1] - 1 &&
    date.getUTCDate() === parts[2] &&
    parts[3] < 24 &&
    parts[4] < 60 &&
    parts[5] < 60;
  if (!isReal) return null;
  // Milliseconds count up from the second, so cutting further digits off is flooring, also before
  // 1970.
  const ms = Number((fraction ?? '').padEnd(3, '0').slice(0, 3));
  return date.getTime() + ms - offsetMs(zone);
}

function offsetMs(zone: string | undefined): number {
  if (zone === undefined || zone.toUpperCase() === 'Z') return 0;
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
  return (zone[0] === '-' ? -minutes : minutes) * 60_000;
}
