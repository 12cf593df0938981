/** Whether rates differ: the tests of the API, for what only the page adds up. */

/** Upper tail of the standard normal: Abramowitz and Stegun 26.2.17, error under 7.5e-8. */
function upperTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * z);
  const poly =
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * poly;
}

export type Counts = { impressions: number; clicks: number };

/** Two-sided two-proportion z-test with pooled variance; null where it does not apply. */
export function twoProportionP(a: Counts, b: Counts): number | null {
  if (a.impressions <= 0 || b.impressions <= 0) return null;
  if (a.clicks > a.impressions || b.clicks > b.impressions) return null;
  const pooled = (a.clicks + b.clicks) / (a.impressions + b.impressions);
  const variance = pooled * (1 - pooled) * (1 / a.impressions + 1 / b.impressions);
  if (variance === 0) return 1;
  const z = Math.abs(a.clicks / a.impressions - b.clicks / b.impressions) / Math.sqrt(variance);
  return Math.min(1, 2 * upperTail(z));
}

/** False discovery rate at which a change is called real. */
const FDR = 0.05;

/**
 * The largest p-value that Benjamini and Hochberg (1995) reject; −1 when there is none.
 * Values up to it are significant.
 */
export function threshold(pValues: readonly number[]): number {
  const sorted = Float64Array.from(pValues).sort();
  for (let k = sorted.length; k > 0; k--)
    if (sorted[k - 1]! <= (k / sorted.length) * FDR) return sorted[k - 1]!;
  return -1;
}
