/**
 * The open window: counts of windows that are not closed yet, for the most active products. They
 * are provisional, never mixed into `latest`, and at most a second old.
 */
import type { Counts } from '../result.ts';
import type { OpenCounts } from '../status.ts';
import type { ApiParts } from './handed.ts';

type OpenProduct = OpenCounts['products'][number];

/** Where the API does not run beside an engine nobody can tell. */
const ELSEWHERE = 'open windows are known only to the process that counts them, and not on Flink';

export class OpenWindows {
  readonly #parts: ApiParts;
  #counts: OpenCounts = { windows: [], products: [] };
  #atMs = 0;
  #lookedAtMs = -Infinity;
  #text = '';

  constructor(parts: ApiParts) {
    this.#parts = parts;
  }

  get available(): boolean {
    return this.#parts.open !== undefined;
  }

  /** The answer of `GET /v1/open`; made again when it is a second old. */
  text(filter: ReadonlySet<string> | null = null): string {
    this.#look();
    return filter === null ? this.#text : this.#textOf((product) => filter.has(product));
  }

  /** The open windows of one product as JSON; null where it is not among the most active. */
  productText(product: string): string {
    this.#look();
    const found = this.#counts.products.filter((open) => open.product === product);
    if (found.length === 0) return 'null';
    const windows = found.map((open) => windowOf(open, this.#parts.settings.windowMs));
    return JSON.stringify({ status: 'provisional', at: this.#atMs, windows });
  }

  #look(): void {
    const { clock, limits } = this.#parts;
    const nowMs = clock.monotonicMs();
    // A little less than the interval of those who ask each second, so that they see the newest.
    if (nowMs - this.#lookedAtMs < limits.statusMs * 0.9) return;
    this.#lookedAtMs = nowMs;
    this.#atMs = clock.wallMs();
    this.#counts = merged(this.#parts.open?.(limits.openProducts) ?? [], limits.openProducts);
    this.#text = this.#textOf(() => true);
  }

  #textOf(isShown: (product: string) => boolean): string {
    const { windows, products } = this.#counts;
    return JSON.stringify({
      status: 'provisional',
      at: this.#atMs,
      available: this.available,
      ...(this.available ? {} : { why: ELSEWHERE }),
      windows: windows.map((window) => windowOf(window, this.#parts.settings.windowMs)),
      products: products
        .filter(({ product }) => isShown(product))
        .map(({ product, start, impressions, clicks }) => ({
          product_id: product,
          window_start: start,
          impressions,
          clicks,
        })),
    });
  }
}

function windowOf({ start, impressions, clicks }: Counts, windowMs: number) {
  return { window_start: start, window_end: start + windowMs, impressions, clicks };
}

/** Tasks share no product, but their windows are the same. */
function merged(all: readonly OpenCounts[], limit: number): OpenCounts {
  const windows = new Map<number, Counts>();
  for (const { start, impressions, clicks } of all.flatMap((counts) => counts.windows)) {
    const sum = windows.get(start) ?? { start, impressions: 0, clicks: 0 };
    sum.impressions += impressions;
    sum.clicks += clicks;
    windows.set(start, sum);
  }
  const products = all.flatMap((counts) => counts.products).sort(byActivity);
  return {
    windows: [...windows.values()].sort((a, b) => a.start - b.start),
    products: products.slice(0, limit),
  };
}

function byActivity(a: OpenProduct, b: OpenProduct): number {
  return b.impressions + b.clicks - (a.impressions + a.clicks) || b.start - a.start;
}
