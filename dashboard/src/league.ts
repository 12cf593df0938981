/** The league table as figures: which rows, in which order, and which changes are real. */
import { type Counts, threshold, twoProportionP } from './statistics.ts';
import type { Row } from './types.ts';

export const SORT_KEYS = ['product', 'ctr', 'ctr_low', 'change', 'impressions', 'clicks'] as const;
export type SortKey = (typeof SORT_KEYS)[number];
export type Sort = { key: SortKey; descending: boolean };

const COLLATOR = new Intl.Collator('en', { numeric: true });

/** Latest minus previous rate; null where one is missing. */
export function difference({ latest, previous }: Row): number | null {
  if (!latest || !previous || latest.impressions === 0 || previous.impressions === 0) return null;
  return latest.clicks / latest.impressions - previous.clicks / previous.impressions;
}

/** What a row ranks by; few views rank by what is sure of them, the lower end of the interval. */
function rank(row: Row, key: SortKey): number {
  const { latest } = row;
  if (latest === null) return -Infinity;
  if (key === 'change') return difference(row) ?? -Infinity;
  if (key === 'impressions' || key === 'clicks') return latest[key];
  const value = key === 'ctr_low' || latest.few ? latest.ctr_low : latest.ctr;
  return value ?? -Infinity;
}

/** Product ids in the order to show; those without a value come last either way. */
export function ordered(rows: Iterable<Row>, sort: Sort, search: string): string[] {
  const wanted = search.trim().toLowerCase();
  const list: { id: string; value: number }[] = [];
  for (const row of rows)
    if (wanted === '' || row.product_id.toLowerCase().includes(wanted))
      list.push({ id: row.product_id, value: rank(row, sort.key) });
  const sign = sort.descending ? -1 : 1;
  if (sort.key === 'product') list.sort((a, b) => sign * COLLATOR.compare(a.id, b.id));
  else
    list.sort((a, b) => {
      if (a.value === b.value) return a.id < b.id ? -1 : 1;
      if (a.value === -Infinity) return 1;
      if (b.value === -Infinity) return -1;
      return sign * (a.value - b.value);
    });
  return list.map(({ id }) => id);
}

/** P-values up to this are real changes, over the rows shown. */
export function realUpTo(ids: readonly string[], rows: ReadonlyMap<string, Row>): number {
  const pValues: number[] = [];
  for (const id of ids) {
    const p = rows.get(id)?.p_value ?? null;
    if (p !== null) pValues.push(p);
  }
  return threshold(pValues);
}

const SCALES = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1];

/** The end of the bars' scale: the smallest round number that holds the sure rows. */
export function scaleOf(ids: readonly string[], rows: ReadonlyMap<string, Row>): number {
  let most = 0;
  let mostOfFew = 0;
  for (const id of ids) {
    const latest = rows.get(id)?.latest;
    const high = latest?.ctr_high ?? 0;
    if (latest?.few) mostOfFew = Math.max(mostOfFew, high);
    else most = Math.max(most, high);
  }
  const end = most || mostOfFew;
  return SCALES.find((scale) => end <= scale) ?? 1;
}

export type Totals = {
  latest: Counts;
  /** Products with events in the newest window. */
  active: number;
  products: number;
  /** Since the window before, over the products that are in both windows. */
  difference: number | null;
  significant: boolean;
};

/**
 * The newest window over all products, against the window before it. Tasks close a window some time
 * apart, so at first it has some of the products only: no others are compared.
 */
export function totalsOf(
  rows: ReadonlyMap<string, Row>,
  newestStart: number | null,
  windowMs: number,
): Totals {
  const sum = { impressions: 0, clicks: 0 };
  const now = { impressions: 0, clicks: 0 };
  const before = { impressions: 0, clicks: 0 };
  let active = 0;
  const add = (to: Counts, more: Counts) => {
    to.impressions += more.impressions;
    to.clicks += more.clicks;
  };
  if (newestStart !== null)
    for (const { latest, previous } of rows.values()) {
      if (latest?.window_start !== newestStart) continue;
      add(sum, latest);
      active++;
      if (previous?.window_start !== newestStart - windowMs) continue;
      add(now, latest);
      add(before, previous);
    }
  const p = twoProportionP(now, before);
  const both = now.impressions > 0 && before.impressions > 0;
  return {
    latest: sum,
    active,
    products: rows.size,
    difference: both ? now.clicks / now.impressions - before.clicks / before.impressions : null,
    significant: p !== null && p <= 0.05,
  };
}
