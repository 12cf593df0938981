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

type Compare = (a: Place, b: Place) => number;
const UP: Compare = (a, b) => a.value - b.value || compareIds(a.product, b.product);
const DOWN: Compare = (a, b) => UP(b, a);

/** Pages of one version that are remembered: most who ask want the first of a few orders. */
const PAGES = 16;

/**
 * Names are sorted as a whole, when one came or left. Numbers change with each commit, so of those
 * a page's are chosen: to sort all would hold others up.
 */
export class Orders {
  #rows: Rows | null = null;
  #byName: { members: number; places: Place[] } | null = null;
  #chosen: { version: number; pages: Map<string, Page> } | null = null;

  /** At most `limit` products after `cursor`; throws `bad_request` on a cursor that is not ours. */
  page(rows: Rows, sort: string, cursor: string | undefined, limit: number): Page {
    const down = sort.startsWith('-');
    const key = (down ? sort.slice(1) : sort) as SortKey;
    const after = cursor === undefined ? null : readCursor(cursor, sort);
    if (rows !== this.#rows) [this.#rows, this.#byName, this.#chosen] = [rows, null, null];
    if (key === 'product_id')
      return pageOf(rows, sort, limit, following(this.#names(rows), down, after, limit + 1));
    if (this.#chosen?.version !== rows.version || this.#chosen.pages.size >= PAGES)
      this.#chosen = { version: rows.version, pages: new Map() };
    const { pages } = this.#chosen;
    const asked = JSON.stringify([sort, after, limit]);
    const page =
      pages.get(asked) ??
      pageOf(rows, sort, limit, chosen(rows, key, down ? DOWN : UP, after, limit + 1));
    pages.set(asked, page);
    return page;
  }

  #names(rows: Rows): readonly Place[] {
    if (this.#byName?.members !== rows.members) {
      const places = Array.from(placesIn(rows, 'product_id'));
      this.#byName = { members: rows.members, places: places.sort(UP) };
    }
    return this.#byName.places;
  }
}

/** `places` has one more than `limit` where there is a next page. */
function pageOf(rows: Rows, sort: string, limit: number, places: readonly Place[]): Page {
  const shown = places.slice(0, limit);
  const isMore = places.length > limit;
  return {
    slots: shown.map(({ product }) => rows.slotOf(product)!),
    next: isMore ? writeCursor(sort, shown.at(-1)!) : null,
  };
}

function* placesIn(rows: Rows, key: SortKey): Generator<Place> {
  for (let slot = 0; slot < rows.end; slot++) {
    const product = rows.productAt(slot);
    if (product !== undefined) yield { value: valueAt(rows, slot, key), product };
  }
}

/** The first `count` after a place, of all that are sorted upwards. */
function following(
  places: readonly Place[],
  down: boolean,
  after: Place | null,
  count: number,
): Place[] {
  if (!down) {
    const from = after === null ? 0 : firstWhere(places, (place) => UP(place, after) > 0);
    return places.slice(from, from + count);
  }
  const to = after === null ? places.length : firstWhere(places, (place) => UP(place, after) >= 0);
  return places.slice(Math.max(0, to - count), to).reverse();
}

/** The first `count` after a place, of all in any order: one look at each, and few are sorted. */
function chosen(
  rows: Rows,
  key: SortKey,
  compare: Compare,
  after: Place | null,
  count: number,
): Place[] {
  const found: Place[] = [];
  let last: Place | null = null;
  const keep = () => {
    found.sort(compare).splice(count);
    last = found.at(count - 1) ?? null;
  };
  for (const place of placesIn(rows, key)) {
    if (after !== null && compare(place, after) <= 0) continue;
    if (last !== null && compare(place, last) >= 0) continue;
    if (found.push(place) >= 2 * count) keep();
  }
  keep();
  return found;
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
