/** What flows out: the counts of a product in a window, and the rate they make. */

/** Counts of one window `[start, start + windowMs)`; `start` in epoch milliseconds. */
export type Counts = { start: number; impressions: number; clicks: number };

/**
 * What a commit publishes for one product: its two newest windows with events, and the cells
 * (windows) whose counts are new or revised in this commit. All counts are absolute.
 */
export type ProductResult = {
  product: string;
  latest: Counts;
  previous: Counts | null;
  cells: Counts[];
};

/** The result as clients read it, in this key order. Times are epoch milliseconds. */
export type Result = {
  product_id: string;
  ctr: number | null;
  impressions: number;
  clicks: number;
  window_start: number;
  window_end: number;
};

/**
 * Click-through rate to 4 decimals, half up on the exact fraction, in integers:
 * `floor((20000·clicks + impressions) / (2·impressions)) / 10000`. The division is done on
 * BigInt only where `20000·clicks` would leave the safe integers.
 * @returns a number >= 0 (may exceed 1), or null with no impressions.
 */
export function ctr(impressions: number, clicks: number): number | null {
  if (impressions === 0) return null;
  const numerator = 20_000 * clicks + impressions;
  const divisor = 2 * impressions;
  if (Number.isSafeInteger(numerator))
    return (numerator - (numerator % divisor)) / divisor / 10_000;
  const exact = (20_000n * BigInt(clicks) + BigInt(impressions)) / BigInt(divisor);
  return Number(exact) / 10_000;
}

/** A result in the original's form: `ctr` is 0 where there are no impressions. */
export function resultOf(product: string, counts: Counts, windowMs: number): Result {
  return {
    product_id: product,
    ctr: ctr(counts.impressions, counts.clicks) ?? 0,
    impressions: counts.impressions,
    clicks: counts.clicks,
    window_start: counts.start,
    window_end: counts.start + windowMs,
  };
}

/** The start of the half-open window that holds time `ts`; exact for negative times too. */
export function windowStart(ts: number, windowMs: number): number {
  const rest = ts % windowMs;
  return rest < 0 ? ts - rest - windowMs : ts - rest;
}
