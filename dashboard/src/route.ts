/**
 * What is looked at, as the part of the page's address behind `#`: so that a reload, the way back
 * and a shared link lead there, and the server needs to know none of it.
 */
import { SORT_KEYS, type Sort, type SortKey } from './league.ts';
import { RANGES, type Range, STEPS, type Step } from './steps.ts';

export type League = { view: 'league'; sort: Sort; search: string };
/** `reason`: of the rejected events that are listed; empty: any. */
export type Pipeline = { view: 'pipeline'; reason: string };
/** `step`: null for the one that is usual for the range. */
export type Product = { view: 'product'; product: string; range: Range; step: Step | null };
export type Route = League | Pipeline | Product;

const START: League = { view: 'league', sort: { key: 'ctr', descending: true }, search: '' };

/** Whatever is no address of the page leads to its start; what a view cannot show to its usual. */
export function routeOf(hash: string): Route {
  const [, path = '', query = ''] = /^#([^?]*)\??(.*)$/s.exec(hash) ?? [];
  const asked = new URLSearchParams(query);
  if (path === '/pipeline') return { view: 'pipeline', reason: asked.get('reason') ?? '' };
  const product = /^\/product\/(.+)$/s.exec(path)?.[1];
  try {
    if (product !== undefined) return productOf(decodeURIComponent(product), asked);
  } catch {
    return START;
  }
  return { ...START, sort: sortOf(asked.get('sort')), search: asked.get('search') ?? '' };
}

function productOf(product: string, asked: URLSearchParams): Product {
  const range = asked.get('range') ?? '';
  const step = asked.get('step') ?? '';
  return {
    view: 'product',
    product,
    range: Object.hasOwn(RANGES, range) ? (range as Range) : '1h',
    step: Object.hasOwn(STEPS, step) ? (step as Step) : null,
  };
}

/** As the API sorts: `-clicks` has the most clicks first. */
function sortOf(text: string | null): Sort {
  const key = text?.replace(/^-/, '');
  if (!SORT_KEYS.includes(key as SortKey)) return START.sort;
  return { key: key as SortKey, descending: text !== key };
}

/** What is usual is left out. */
export function hashOf(route: Route): string {
  const query = new URLSearchParams();
  let path = '/';
  if (route.view === 'pipeline') {
    path = '/pipeline';
    if (route.reason !== '') query.set('reason', route.reason);
  } else if (route.view === 'product') {
    path = `/product/${encodeURIComponent(route.product)}`;
    if (route.range !== '1h') query.set('range', route.range);
    if (route.step !== null) query.set('step', route.step);
  } else {
    const { sort, search } = route;
    const text = `${sort.descending ? '-' : ''}${sort.key}`;
    if (text !== '-ctr') query.set('sort', text);
    if (search !== '') query.set('search', search);
  }
  return query.size === 0 ? `#${path}` : `#${path}?${query}`;
}

export function productHash(product: string): string {
  return hashOf({ view: 'product', product, range: '1h', step: null });
}
