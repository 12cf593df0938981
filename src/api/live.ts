/** A result under /v1: its rate, what that rests on, how sure it is, whether it may change. */
import { ClickrateError } from '../errors.ts';
import { type Counts, ctr } from '../result.ts';
import { pieceOf, TextBytes } from '../text-bytes.ts';
import type { Rows } from './rows.ts';
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

const RATE = pieceOf('"ctr":');
const IMPRESSIONS = pieceOf(',"impressions":');
const CLICKS = pieceOf(',"clicks":');
const START = pieceOf(',"window_start":');
const END = pieceOf(',"window_end":');
const EXCEEDS = pieceOf(',"clicks_exceed_impressions":true');
const EXCEEDS_NOT = pieceOf(',"clicks_exceed_impressions":false');
const LOW = pieceOf(',"ctr_low":');
const HIGH = pieceOf(',"ctr_high":');
const FEW = pieceOf(',"few":true');
const MANY = pieceOf(',"few":false');
const FINAL = pieceOf(',"status":"final"');
const PROVISIONAL = pieceOf(',"status":"provisional"');
const NULL = pieceOf('null');
/** More than all of these with their numbers, and more than what a row has beside two results. */
const LONGEST_LIVE = 512;
const TEXT_BYTES = 1_024;

/** How what is said of a product begins. */
export function headOf(product: string): string {
  return `{"product_id":${JSON.stringify(product)},`;
}

/** What `add` writes, as text. */
export function textOf(add: (bytes: TextBytes) => void): string {
  const bytes = new TextBytes(TEXT_BYTES);
  add(bytes);
  return bytes.done().toString();
}

/**
 * Writes counts of `windowMs` milliseconds as JSON. Built by hand: key order is part of the
 * contract, no product id can collide with a property, and a closing makes one for each product.
 * `head` is what stands before the rate, from its brace on; `more` are members to add, with their
 * comma.
 */
export function addLive(
  bytes: TextBytes,
  head: string,
  counts: Counts,
  windowMs: number,
  { finalBefore, minSample }: Yardstick,
  more = '',
): void {
  const { start, impressions, clicks } = counts;
  const ends = endsOf(impressions, clicks);
  bytes.any(head);
  bytes.reserve(LONGEST_LIVE);
  bytes.piece(RATE);
  addShare(bytes, ctr(impressions, clicks));
  bytes.piece(IMPRESSIONS);
  bytes.number(impressions);
  bytes.piece(CLICKS);
  bytes.number(clicks);
  bytes.piece(START);
  bytes.integer(start);
  bytes.piece(END);
  bytes.integer(start + windowMs);
  bytes.piece(clicks > impressions ? EXCEEDS : EXCEEDS_NOT);
  bytes.piece(LOW);
  addShare(bytes, ends?.low ?? null);
  bytes.piece(HIGH);
  addShare(bytes, ends?.high ?? null);
  bytes.piece(impressions < minSample ? FEW : MANY);
  bytes.piece(finalBefore !== null && start < finalBefore ? FINAL : PROVISIONAL);
  bytes.any(`${more}}`);
}

function addShare(bytes: TextBytes, share: number | null): void {
  if (share === null) bytes.piece(NULL);
  else bytes.share(share);
}

/** A product's latest and previous window. */
export type Pair = { product: string; latest: Counts | null; previous: Counts | null };

/** Both windows of a product; throws `not_found` when it has neither. */
export function pairOf(rows: Rows, product: string): Pair {
  const slot = rows.slotOf(product);
  const pair = slot === undefined ? null : pairAt(rows, slot);
  if (pair === null || (pair.latest === null && pair.previous === null)) throw noResult(product);
  return pair;
}

export function noResult(product: string): ClickrateError {
  return new ClickrateError('not_found', `no result of product ${JSON.stringify(product)}`);
}

export function pairAt(rows: Rows, slot: number): Pair {
  return {
    product: rows.productAt(slot)!,
    latest: rows.countsAt(slot, 'latest'),
    previous: rows.countsAt(slot, 'previous'),
  };
}

/** The p-value of "the rate is the same in both"; null where they cannot be compared. */
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

const LATEST = pieceOf('"latest":');
const PREVIOUS = pieceOf(',"previous":');
const P_VALUE = pieceOf(',"p_value":');

/** Writes a row as JSON; `more` are members to add, with their comma. */
export function addRow(
  bytes: TextBytes,
  pair: Pair,
  windowMs: number,
  yardstick: Yardstick,
  p = pOf(pair),
  more = '',
): void {
  const head = headOf(pair.product);
  const add = (counts: Counts | null) => {
    if (counts === null) bytes.piece(NULL);
    else addLive(bytes, head, counts, windowMs, yardstick);
  };
  bytes.any(head);
  bytes.reserve(LONGEST_LIVE);
  bytes.piece(LATEST);
  add(pair.latest);
  bytes.reserve(LONGEST_LIVE);
  bytes.piece(PREVIOUS);
  add(pair.previous);
  bytes.reserve(LONGEST_LIVE);
  bytes.piece(P_VALUE);
  bytes.text(String(p));
  bytes.any(`${more}}`);
}

/** What changed between the two windows, as JSON; null where they cannot be compared. */
export function changeText(pair: Pair, p: number | null, significant: boolean): string {
  if (p === null || pair.latest === null || pair.previous === null) return 'null';
  const rate = ({ impressions, clicks }: Counts) => clicks / impressions;
  const difference = Number((rate(pair.latest) - rate(pair.previous)).toFixed(6));
  return JSON.stringify({ difference, p_value: p, significant });
}
