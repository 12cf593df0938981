/** Figures and times as text. No element is made here, so that tests need no browser. */

/** Between groups of digits, and before units: never the end of a line. */
const GROUP = '\u00a0';
const THIN = '\u202f';
export const DASH = '–';

export function count(n: number): string {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, GROUP);
}

const UNITS: readonly [number, string][] = [
  [1e12, 'tn'],
  [1e9, 'bn'],
  [1e6, 'M'],
];

/** A count where there is little room: exact as far as seven digits go. */
export function short(n: number): string {
  const unit = n < 1e7 ? undefined : UNITS.find(([size]) => n >= size);
  return unit === undefined ? count(n) : `${(n / unit[0]).toPrecision(4)}${GROUP}${unit[1]}`;
}

/** A round count where there is room for six characters, as beside an axis. */
export function axisCount(n: number): string {
  const unit = n < 1e5 ? undefined : [...UNITS, [1e3, 'k'] as const].find(([size]) => n >= size);
  return unit === undefined ? count(n) : `${Number((n / unit[0]).toFixed(2))}${GROUP}${unit[1]}`;
}

/** More clicks by far than impressions: no rate that anybody needs the digits of. */
const NO_RATE = 100;

/** A ratio as percent with two decimals, without the sign. */
export function percent(ratio: number | null): string {
  if (ratio === null) return DASH;
  return ratio < NO_RATE ? (ratio * 100).toFixed(2) : `>${GROUP}${count(NO_RATE * 100 - 1)}`;
}

/** A part of a whole as percent; only what is all of it is told as 100. */
export function share(n: number, of: number): string {
  if (of === 0) return '';
  const hundredths = (n / of) * 100;
  if (hundredths < 0.01) return '< 0.01 %';
  if (hundredths >= 99.95 && n < of) return '> 99.9 %';
  return `${hundredths.toFixed(hundredths < 1 ? 2 : 1)} %`;
}

/** From one ratio to another as percent, without the sign; null: there are none. */
export function percents(low: number | null, high: number | null): string {
  return low === null || high === null ? DASH : `${percent(low)}–${percent(high)}`;
}

/** An end of the scale: `0.5`, `20`, `100`. */
export function scaleText(ratio: number): string {
  return String(Number((ratio * 100).toPrecision(2)));
}

/** A difference of ratios in percentage points with its direction; equal after rounding: `0.00`. */
export function points(difference: number): string {
  return percent(Math.abs(difference));
}

export function rate(perSecond: number): string {
  return perSecond >= 100 || Number.isInteger(perSecond) ? count(perSecond) : perSecond.toFixed(1);
}

/** A duration in milliseconds, in the unit a person would choose. */
export function duration(ms: number): string {
  const s = Math.max(0, ms) / 1_000;
  if (s < 10) return `${s.toFixed(1)}${THIN}s`;
  if (s < 120) return `${Math.round(s)}${THIN}s`;
  if (s < 7_200) return `${Math.round(s / 60)}${THIN}min`;
  if (s < 172_800) return `${Math.round(s / 3_600)}${THIN}h`;
  return `${Math.round(s / 86_400)}${THIN}d`;
}

const CLOCK = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const SHORT_DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** Dates end where the calendar does. */
const CALENDAR_MS = 8.64e15;

/** Time of day in the reader's zone. */
export function clock(ms: number | null): string {
  if (ms === null) return DASH;
  return Math.abs(ms) <= CALENDAR_MS ? CLOCK.format(ms) : String(ms);
}

/** Time of day, with the date when it is not the day of `nowMs`. */
export function moment(ms: number | null, nowMs: number): string {
  if (ms === null) return DASH;
  if (Math.abs(ms) > CALENDAR_MS) return String(ms);
  if (DAY.format(ms) === DAY.format(nowMs)) return CLOCK.format(ms);
  return `${SHORT_DAY.format(ms)} ${CLOCK.format(ms)}`;
}

/** `10:42:10–10:42:20`, with the date where it is another day. */
export function span(startMs: number, endMs: number, nowMs: number): string {
  return `${moment(startMs, nowMs)}–${clock(endMs)}`;
}

/** Names of verdicts and reasons as words. */
export function words(name: string): string {
  return name.replaceAll('_', ' ');
}
