/** How sure a rate is, and whether two rates differ: plain functions over counts. */

/** Two-sided 95 % of the standard normal distribution: its 0.975 quantile. */
export const Z_95 = 1.959963984540054;

const SQRT_PI = Math.sqrt(Math.PI);
/** From here on the continued fraction is quicker than the series, and as exact. */
const SERIES_BELOW = 2.5;
const FRACTION_TERMS = 80;

export type Interval = { low: number; high: number };

/**
 * Wilson's score interval of a rate, `z` standard deviations wide on each side.
 * E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
 * Journal of the American Statistical Association 22 (1927), 209–212.
 * @returns null without impressions, or with more clicks than impressions: no binomial rate.
 */
export function wilson(impressions: number, clicks: number, z = Z_95): Interval | null {
  if (impressions === 0 || clicks > impressions) return null;
  const rate = clicks / impressions;
  const share = (z * z) / impressions;
  const centre = rate + share / 2;
  const half = z * Math.sqrt((rate * (1 - rate)) / impressions + share / (4 * impressions));
  // At the ends the formula gives 0 and 1 exactly; rounding must not say otherwise.
  const low = clicks === 0 ? 0 : Math.max(0, (centre - half) / (1 + share));
  const high = clicks === impressions ? 1 : Math.min(1, (centre + half) / (1 + share));
  return { low: Math.min(low, rate), high: Math.max(high, rate) };
}

/**
 * Two-sided p-value of "both rates are the same": z-test of two proportions with pooled variance.
 * J. L. Fleiss, B. Levin, M. C. Paik, "Statistical Methods for Rates and Proportions", 3rd edition
 * (2003), section 3.1, without continuity correction.
 * @returns null where a side has no impressions, or more clicks than impressions.
 */
export function twoProportionP(
  impressionsA: number,
  clicksA: number,
  impressionsB: number,
  clicksB: number,
): number | null {
  if (impressionsA === 0 || impressionsB === 0) return null;
  if (clicksA > impressionsA || clicksB > impressionsB) return null;
  const difference = clicksA / impressionsA - clicksB / impressionsB;
  if (difference === 0) return 1;
  const pooled = (clicksA + clicksB) / (impressionsA + impressionsB);
  const variance = pooled * (1 - pooled) * (1 / impressionsA + 1 / impressionsB);
  return erfc(Math.abs(difference) / Math.sqrt(2 * variance));
}

/**
 * Complementary error function for `x` >= 0, to about 1e-15 of its value.
 * M. Abramowitz, I. A. Stegun, "Handbook of Mathematical Functions" (1964): the series 7.1.6, whose
 * terms are all positive, and the continued fraction 7.1.14.
 */
export function erfc(x: number): number {
  if (x < SERIES_BELOW) {
    let term = x;
    let sum = x;
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return 1 - (2 / SQRT_PI) * Math.exp(-x * x) * sum;
  }
  let fraction = x;
  for (let k = FRACTION_TERMS; k >= 1; k--) fraction = x + k / 2 / fraction;
  return Math.exp(-x * x) / (SQRT_PI * fraction);
}

/**
 * Which of many tests are significant when at most the share `rate` of those named may be wrong:
 * the step-up rule of Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", Journal of
 * the Royal Statistical Society B 57 (1995), 289–300. A test without p-value takes no part.
 * @returns one flag a test, in the order given.
 */
export function benjaminiHochberg(pValues: readonly (number | null)[], rate = 0.05): boolean[] {
  const sorted = pValues.filter((p) => p !== null).sort((a, b) => a - b);
  let largest = -1;
  for (let i = sorted.length - 1; i >= 0 && largest < 0; i--)
    if (sorted[i] <= (rate * (i + 1)) / sorted.length) largest = sorted[i];
  return pValues.map((p) => p !== null && p <= largest);
}
