/** Counts by upper bound, cheap enough to add to for every request and every commit. */

export class Histogram {
  /** Upper bounds, rising; what is above the last one counts as well. */
  readonly bounds: readonly number[];
  /** Values by bucket, the last one without an upper bound. */
  readonly buckets: Float64Array;
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.buckets = new Float64Array(bounds.length + 1);
  }

  add(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > this.bounds[bucket]) bucket++;
    this.buckets[bucket]++;
    this.sum += value;
    this.count++;
  }
}

/** A histogram as the metrics library writes it: buckets that add up, the sum, the count. */
export function histogramValues(
  name: string,
  labels: Record<string, string>,
  { bounds, buckets, sum, count }: Histogram,
) {
  let upTo = 0;
  const values: { metricName: string; labels: Record<string, unknown>; value: number }[] = [];
  for (const [i, le] of [...bounds, '+Inf'].entries()) {
    upTo += buckets[i];
    values.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: upTo });
  }
  values.push({ metricName: `${name}_sum`, labels, value: sum });
  values.push({ metricName: `${name}_count`, labels, value: count });
  return values;
}
