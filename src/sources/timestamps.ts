/** Times in CSV files: ISO 8601 with any number of fraction digits, or epoch milliseconds. */
import { dateStart } from '../calendar.ts';

const DAY = /(\d{4})-(\d\d)-(\d\d)/;
const CLOCK = /([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:[.,](\d+))?)?/;
const ZONE = /\s*(Z|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?/;
const ISO = new RegExp(`^${DAY.source}(?:[T ]${CLOCK.source})?${ZONE.source}$`, 'i');
const EPOCH = /^-?\d{1,16}$/;

/**
 * Epoch milliseconds of a time, floored; without an offset it is UTC. Null when it is none.
 * A whole number is taken as it is: the decoder judges its unit.
 */
export function parseTime(text: string): number | null {
  const trimmed = text.trim();
  if (EPOCH.test(trimmed)) {
    const epoch = Number(trimmed);
    return Number.isSafeInteger(epoch) ? epoch : null;
  }
  const match = ISO.exec(trimmed);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  const dayMs = dateStart(Number(year), Number(month), Number(day));
  if (dayMs === null) return null;
  const seconds = Number(hour ?? 0) * 3_600 + Number(minute ?? 0) * 60 + Number(second ?? 0);
  // Milliseconds count up from the second, so cutting further digits off is flooring, also before
  // 1970.
  const ms = fraction === undefined ? 0 : Number(fraction.slice(0, 3).padEnd(3, '0'));
  return dayMs + seconds * 1_000 + ms - offsetMs(zone);
}

function offsetMs(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z' || zone === 'z' || zone === '+00:00') return 0;
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
  return (zone[0] === '-' ? -minutes : minutes) * 60_000;
}
