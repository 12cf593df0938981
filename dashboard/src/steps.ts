/** Ranges of time to look at, and the steps they may be looked at in. */

export type Range = '1h' | '24h' | '7d' | '90d';
export type Step = 'window' | '1m' | '15m' | '1d';

const HOUR_MS = 3_600_000;
export const RANGES: Record<Range, { ms: number; text: string; steps: Step[] }> = {
  '1h': { ms: HOUR_MS, text: '1 h', steps: ['window', '1m'] },
  '24h': { ms: 24 * HOUR_MS, text: '24 h', steps: ['1m', '15m', 'window'] },
  '7d': { ms: 7 * 24 * HOUR_MS, text: '7 d', steps: ['15m', '1d'] },
  '90d': { ms: 90 * 24 * HOUR_MS, text: '90 d', steps: ['1d', '15m'] },
};

/** The server puts the days of any zone together from quarters of an hour, which go back so far. */
const ANY_ZONE_MS = 35 * 24 * HOUR_MS;

/**
 * The zone whose days to ask for: the reader's own where the server can tell them; null: the
 * server's, the only one of which it keeps days for ever.
 */
export function zoneFor(range: Range, own: string): string | null {
  return RANGES[range].ms > ANY_ZONE_MS ? null : own;
}

const STEP_MS: Record<Step, number> = {
  window: 0,
  '1m': 60_000,
  '15m': 900_000,
  '1d': 24 * HOUR_MS,
};
/** The server tells at most so many periods at once. */
const MOST_PERIODS = 10_000;

/**
 * Steps to choose from, the usual one first: those that windows add up to (a day is made of its
 * hours), and the windows themselves where those of an hour can be told at once.
 */
export function stepsOf(range: Range, windowMs: number): Step[] {
  const { steps } = RANGES[range];
  const fit = steps.filter((step) =>
    step === 'window'
      ? HOUR_MS / windowMs <= MOST_PERIODS
      : Math.min(STEP_MS[step], HOUR_MS) % windowMs === 0,
  );
  return fit.length > 0 ? fit : ['window'];
}

export const STEPS: Record<Step, string> = {
  window: 'each window',
  '1m': '1 minute',
  '15m': '15 minutes',
  '1d': '1 day',
};
