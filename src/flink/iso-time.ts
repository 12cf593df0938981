/**
 * Times as Flink's JSON format writes them. Its years have four digits, or more with a sign, where
 * those of JavaScript then have six: `Date.parse` does not know `-4368-01-01T00:00:00Z`.
 */
const TIME = /^([+-]?\d{4,6})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?Z$/;

const DAY_MS = 86_400_000;
/** Of the calendar's cycle of 400 years; and from its 0000-03-01 to 1970-01-01. */
const CYCLE_DAYS = 146_097;
const EPOCH_DAY = 719_468;

/** Epoch milliseconds; NaN: it is no time, or one that no integer tells exactly. */
export function parseFlinkTime(text: unknown): number {
  const found = typeof text === 'string' ? TIME.exec(text) : null;
  if (found === null) return Number.NaN;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((part) => +(part ?? 0));
  const isDate = month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month);
  if (!isDate || hour > 23 || minute > 59 || second > 59) return Number.NaN;
  const ofDay = (hour * 60 + minute) * 60_000 + second * 1_000 + millisecondsOf(found[7]);
  const ms = dayNumber(year, month, day) * DAY_MS + ofDay;
  return Number.isSafeInteger(ms) ? ms : Number.NaN;
}

/** Of a fraction, whatever its length. */
function millisecondsOf(digits = ''): number {
  return Number(digits.padEnd(3, '0').slice(0, 3));
}

function daysOf(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (month === 2) return isLeap ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** Days since 1970-01-01. A year is taken to begin in March: so its leap day is the last one. */
function dayNumber(year: number, month: number, day: number): number {
  const from = month > 2 ? year : year - 1;
  const cycle = Math.floor(from / 400);
  const inCycle = from - cycle * 400;
  const ofYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays = Math.floor(inCycle / 4) - Math.floor(inCycle / 100);
  return cycle * CYCLE_DAYS + inCycle * 365 + leapDays + ofYear - EPOCH_DAY;
}
