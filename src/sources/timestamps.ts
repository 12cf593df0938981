/** Times in CSV files: ISO 8601 with any number of fraction digits, or epoch milliseconds. */

const DAY = /(\d{4})-(\d\d)-(\d\d)/;
const CLOCK = /([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:[.,](\d+))?)?/;
const ZONE = /\s*(Z|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?/;
const ISO = new RegExp(`^${DAY.source}(?:[T ]${CLOCK.source})?${ZONE.source}$`, 'i');
const EPOCH = /^-?\d{1,16}$/;
const DAY_MS = 86_400_000;
const DAYS_OF_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** From 1 March of the year 0 to 1 January 1970. */
const DAYS_BEFORE_1970 = 719_468;

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
  const dayMs = startOfDay(Number(year), Number(month), Number(day));
  if (dayMs === null) return null;
  const seconds = Number(hour ?? 0) * 3_600 + Number(minute ?? 0) * 60 + Number(second ?? 0);
  // Milliseconds count up from the second, so cutting further digits off is flooring, also before
  // 1970.
  const ms = fraction === undefined ? 0 : Number(fraction.slice(0, 3).padEnd(3, '0'));
  return dayMs + seconds * 1_000 + ms - offsetMs(zone);
}

/** Epoch milliseconds of a day's begin; null when the calendar does not have it. */
function startOfDay(year: number, month: number, day: number): number | null {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && isLeap ? 29 : (DAYS_OF_MONTH[month - 1] ?? 0);
  if (day < 1 || day > days) return null;
  // Years that begin in March have their leap day at the end.
  const y = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays = Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
  return (y * 365 + leapDays + dayOfYear - DAYS_BEFORE_1970) * DAY_MS;
}

function offsetMs(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z' || zone === 'z' || zone === '+00:00') return 0;
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
  return (zone[0] === '-' ? -minutes : minutes) * 60_000;
}
