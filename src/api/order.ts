/** Pages over the products in a chosen order, with cursors that survive changes between pages. */
import { ClickrateError } from '../errors.ts';
import type { Rows } from './rows.ts';
import { wilson } from './statistics.ts';

const SORT_KEYS = ['product_id', 'ctr', 'ctr_low', 'impressions', 'clicks'] as const;
export type SortKey = (typeof SORT_KEYS)[number];
export const SORTS = SORT_KEYS.flatMap((key) => [key, `-${key}`]);

/** Where a page ended: the place itself, not a count, so rows that come or go do not shift it. */
type Place = { value: number; product: string };
export type Page = { slots: number[]; next: string | null };

/** Compares by bytes of UTF-8, which is code point order: surrogates sort above other units. */
export function compareIds(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return unitRank(x) - unitRank(y);
  }
  return a.length - b.length;
}

function unitRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** The latest window's number to sort by; no rate, and no window, come below every number. */
function valueAt(rows: Rows, slot: number, key: SortKey): number {
  if (key === 'product_id') return 0;
  const counts = rows.countsAt(slot, 'latest');
  if (counts === null) return -1;
  if (key === 'ctr') return counts.impressions === 0 ? -1 : counts.clicks / counts.impressions;
  if (key === 'ctr_low') return wilson(counts.impressions, counts.clicks)?.low ?? -1;
  return counts[key];
}

function compare(a: Place, b: Place): number {
  return a.value - b.value || compareIds(a.product, b.product);
}

/** All products sorted, an order a key, made again only when something has changed. */
export class Orders {
  #rows: Rows | null = null;
  readonly #sorted = new Map<SortKey, { version: number; places: Place[] }>();

  /** At most `limit` products after `cursor`; throws `bad_request` on a cursor that is not ours. */
  page(rows: Rows, sort: string, cursor: string | undefined, limit: number): Page {
    const down = sort.startsWith('-');
    const key = (down ? sort.slice(1) : sort) as SortKey;
    const places = this.#places(rows, key);
    const after = cursor === undefined ? null : readCursor(cursor, sort);
    const slots: number[] = [];
    const step = down ? -1 : 1;
    let at = down ? places.length - 1 : 0;
    if (after !== null) at = down ? firstNotBelow(places, after) - 1 : firstAbove(places, after);
    let last: Place | null = null;
    for (; slots.length < limit && at >= 0 && at < places.length; at += step) {
      last = places[at]!;
      slots.push(rows.slotOf(last.product)!);
    }
    const more = at >= 0 && at < places.length;
    return { slots, next: more && last !== null ? writeCursor(sort, last) : null };
  }

  #places(rows: Rows, key: SortKey): Place[] {
    if (rows !== this.#rows) this.#sorted.clear();
    this.#rows = rows;
    const known = this.#sorted.get(key);
    // Counts change with each commit, names do not.
    const version = key === 'product_id' ? rows.members : rows.version;
    if (known?.version === version) return known.places;
    const places: Place[] = [];
    for (let slot = 0; slot < rows.end; slot++) {
      const product = rows.productAt(slot);
      if (product !== undefined) places.push({ value: valueAt(rows, slot, key), product });
    }
    places.sort(compare);
    this.#sorted.set(key, { version, places });
    return places;
  }
}

/** Index of the first place that is not below `place`. */
function firstNotBelow(places: readonly Place[], place: Place): number {
  return firstWhere(places, (other) => compare(other, place) >= 0);
}

function firstAbove(places: readonly Place[], place: Place): number {
  return firstWhere(places, (other) => compare(other, place) > 0);
}

function firstWhere(places: readonly Place[], holds: (place: Place) => boolean): number {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(places[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function writeCursor(sort: string, { value, product }: Place): string {
  return Buffer.from(JSON.stringify([sort, value, product])).toString('base64url');
}

function readCursor(cursor: string, sort: string): Place {
  const [of, value, product] = parsedList(Buffer.from(cursor, 'base64url').toString());
  if (typeof value !== 'number' || typeof product !== 'string')
    throw new ClickrateError('bad_request', 'query parameter cursor is not one of ours');
  if (of !== sort)
    throw new ClickrateError('bad_request', `query parameter cursor belongs to sort=${of}`);
  return { value, product };
}

function parsedList(text: string): unknown[] {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}
