/**
 * Dates of UTC, and days of a time zone by the data that comes with Node (`Intl`). A day begins
 * with the first instant of its date: days have 23, 24 or 25 hours where clocks change.
 */
import { ClickrateError } from './errors.ts';

/** Offsets from UTC are multiples of this everywhere, and have been since 1973. */
export const QUARTER_MS = 900_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Days outside of 1973 to 9999 are those of UTC: offsets were no quarters, or are not known. */
const FIRST_MS = Date.UTC(1973, 0);
const LAST_MS = 253_402_300_800_000;
/** Days remembered: a query of a year asks for each many times. */
const REMEMBERED = 400;
const DAYS_OF_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** From 1 March of the year 0 to 1 January 1970. */
const DAYS_BEFORE_1970 = 719_468;

/** Epoch milliseconds of a date's start in UTC; null when the calendar does not have the date. */
export function dateStart(year: number, month: number, day: number): number | null {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && isLeap ? 29 : (DAYS_OF_MONTH[month - 1] ?? 0);
  if (day < 1 || day > days) return null;
  // Years that begin in March have their leap day at the end.
  const y = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays = Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
  return (y * 365 + leapDays + dayOfYear - DAYS_BEFORE_1970) * DAY_MS;
}

export class Calendar {
  /** The zone's name as it was given. */
  readonly zone: string;
  readonly #format: Intl.DateTimeFormat;
  /** Start and end of days found before, by the day of UTC they were asked for in. */
  readonly #known = new Map<number, { start: number; end: number }[]>();

  /** @param zone an IANA name, as `Europe/Berlin`, or `UTC`; throws `config_invalid` */
  constructor(zone: string) {
    this.zone = zone;
    try {
      this.#format = new Intl.DateTimeFormat('en-CA', {
        timeZone: zone,
        hourCycle: 'h23',
        hour: '2-digit',
        minute: '2-digit',
        year: 'numeric',
        month: '2-digit',
        day: '2-digit',
      });
    } catch {
      throw new ClickrateError(
        'config_invalid',
        `"${zone}" is no time zone; names are those of the IANA list, as Europe/Berlin`,
      );
    }
  }

  /** Start of the day that holds `ms`, both in epoch milliseconds. */
  dayStart(ms: number): number {
    return this.#day(ms).start;
  }

  /** Start of the day after the one that holds `ms`. */
  nextDayStart(ms: number): number {
    return this.#day(ms).end;
  }

  #day(ms: number): { start: number; end: number } {
    const key = Math.floor(ms / DAY_MS);
    if (ms < FIRST_MS || ms >= LAST_MS) return { start: key * DAY_MS, end: (key + 1) * DAY_MS };
    const known = this.#known.get(key) ?? [];
    const found = known.find(({ start, end }) => ms >= start && ms < end);
    if (found !== undefined) return found;
    const date = this.#dateOf(ms);
    const day = {
      start: Math.max(FIRST_MS, this.#firstOf(date, ms)),
      end: Math.min(LAST_MS, this.#firstAfter(date, ms)),
    };
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(key, [...known, day]);
    return day;
  }

  /** The first quarter of an hour of a date, going back from a time in it. */
  #firstOf(date: string, ms: number): number {
    let start = Math.floor(ms / QUARTER_MS) * QUARTER_MS;
    for (const stepMs of [HOUR_MS, QUARTER_MS])
      while (this.#dateOf(start - stepMs) === date) start -= stepMs;
    return start;
  }

  #firstAfter(date: string, ms: number): number {
    let last = Math.floor(ms / QUARTER_MS) * QUARTER_MS;
    for (const stepMs of [HOUR_MS, QUARTER_MS])
      while (this.#dateOf(last + stepMs) === date) last += stepMs;
    return last + QUARTER_MS;
  }

  /** Year, month and day there. */
  #dateOf(ms: number): string {
    return this.#format.format(ms).slice(0, 10);
  }
}
