/** A result under /v1: its rate, what that rests on, how sure it is, whether it may change. */
import { ClickrateError } from '../errors.ts';
import { type Counts, ctr } from '../result.ts';
import { type Rows, spanText } from './rows.ts';
import { twoProportionP, wilson } from './statistics.ts';

/** What a result is judged by. */
export type Yardstick = {
  /** Every window that starts before this is final; null: none is known to be. */
  finalBefore: number | null;
  /** Fewer impressions than this are few. */
  minSample: number;
};

/** Decimals of an interval's ends, which are rounded away from the rate. */
const ENDS = 1e6;
const P_DIGITS = 6;

/** The ends of the rate's interval, as they are told; null where there is no rate. */
export function endsOf(impressions: number, clicks: number): { low: number; high: number } | null {
  const interval = wilson(impressions, clicks);
  if (interval === null) return null;
  const high = Math.min(1, Math.ceil(interval.high * ENDS) / ENDS);
  return { low: Math.floor(interval.low * ENDS) / ENDS, high };
}

/**
 * Counts of `windowMs` milliseconds as JSON. Built by hand: key order is part of the contract, and
 * no product id can collide with a property. `more` are members to add, with their comma.
 */
export function liveText(
  quoted: string,
  counts: Counts,
  windowMs: number,
  { finalBefore, minSample }: Yardstick,
  more = '',
): string {
  const { start, impressions, clicks } = counts;
  const ends = endsOf(impressions, clicks);
  const status = finalBefore !== null && start < finalBefore ? 'final' : 'provisional';
  return (
    `{"product_id":${quoted},"ctr":${ctr(impressions, clicks)},"impressions":${impressions},` +
    `"clicks":${clicks},${spanText(start, windowMs)},` +
    `"clicks_exceed_impressions":${clicks > impressions},"ctr_low":${ends?.low ?? null},` +
    `"ctr_high":${ends?.high ?? null},` +
    `"few":${impressions < minSample},"status":"${status}"${more}}`
  );
}

/** A product's latest and previous window, and the p-value of "the rate is the same". */
export type Pair = { product: string; latest: Counts | null; previous: Counts | null };

/** Both windows of a product; throws `not_found` when it has neither. */
export function pairOf(rows: Rows, product: string): Pair {
  const slot = rows.slotOf(product);
  const pair = slot === undefined ? null : pairAt(rows, slot);
  if (pair === null || (pair.latest === null && pair.previous === null))
    throw new ClickrateError('not_found', `no result of product ${JSON.stringify(product)}`);
  return pair;
}

export function pairAt(rows: Rows, slot: number): Pair {
  return {
    product: rows.productAt(slot)!,
    latest: rows.countsAt(slot, 'latest'),
    previous: rows.countsAt(slot, 'previous'),
  };
}

export function pOf({ latest, previous }: Pair): number | null {
  if (latest === null || previous === null) return null;
  const p = twoProportionP(
    latest.impressions,
    latest.clicks,
    previous.impressions,
    previous.clicks,
  );
  return p === null ? null : Number(p.toPrecision(P_DIGITS));
}

/** A row as JSON; `more` are members to add, with their comma. */
export function rowText(
  pair: Pair,
  windowMs: number,
  yardstick: Yardstick,
  p = pOf(pair),
  more = '',
): string {
  const quoted = JSON.stringify(pair.product);
  const text = (counts: Counts | null) =>
    counts === null ? 'null' : liveText(quoted, counts, windowMs, yardstick);
  return (
    `{"product_id":${quoted},"latest":${text(pair.latest)},"previous":${text(pair.previous)},` +
    `"p_value":${p}${more}}`
  );
}

/** What changed between the two windows, as JSON; null where they cannot be compared. */
export function changeText(pair: Pair, p: number | null, significant: boolean): string {
  if (p === null || pair.latest === null || pair.previous === null) return 'null';
  const rate = ({ impressions, clicks }: Counts) => clicks / impressions;
  const difference = Number((rate(pair.latest) - rate(pair.previous)).toFixed(6));
  return JSON.stringify({ difference, p_value: p, significant });
}
