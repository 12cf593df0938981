/**
 * Times as Flink's JSON format writes them. Its years have four digits, or more with a sign, where
 * those of JavaScript then have six: `Date.parse` does not know `-4368-01-01T00:00:00Z`.
 */
import { dateStart } from '../calendar.ts';

const TIME = /^([+-]?\d{4,6})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?Z$/;

/** Epoch milliseconds; NaN: it is no time, or one that no integer tells exactly. */
export function parseFlinkTime(text: unknown): number {
  const found = typeof text === 'string' ? TIME.exec(text) : null;
  if (found === null) return Number.NaN;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((part) => +(part ?? 0));
  const dayMs = dateStart(year, month, day);
  if (dayMs === null || hour > 23 || minute > 59 || second > 59) return Number.NaN;
  const ofDay = (hour * 60 + minute) * 60_000 + second * 1_000 + millisecondsOf(found[7]);
  return Number.isSafeInteger(dayMs + ofDay) ? dayMs + ofDay : Number.NaN;
}

/** Of a fraction, whatever its length. */
function millisecondsOf(digits = ''): number {
  return Number(digits.padEnd(3, '0').slice(0, 3));
}
