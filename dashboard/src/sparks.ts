/** Sparklines of the last hour, fetched for the rows in view, a few at a time. */
import type { History } from './types.ts';

export type Spark = { atMs: number; rates: (number | null)[] };

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Fetched again after this long: the newest point is live anyway. */
const FRESH_MS = 60_000;
const AT_ONCE = 3;
const KEPT = 400;

export class Sparks {
  readonly #known = new Map<string, Spark | null>();
  readonly #wanted: string[] = [];
  readonly #running = new Set<string>();
  readonly #onLoad: () => void;
  /** Whole minutes once an answer has told that the server rolls up, else its windows. */
  #query = '';

  constructor(onLoad: () => void) {
    this.#onLoad = onLoad;
  }

  get(product: string): Spark | null {
    return this.#known.get(product) ?? null;
  }

  /** What is in view now; what was asked for before and has left is forgotten. */
  want(products: readonly string[], nowMs: number): void {
    this.#wanted.length = 0;
    for (const product of products) {
      const known = this.#known.get(product);
      if (known !== undefined && nowMs - (known?.atMs ?? nowMs) < FRESH_MS) continue;
      if (!this.#running.has(product)) this.#wanted.push(product);
    }
    this.#go();
  }

  #go(): void {
    while (this.#running.size < AT_ONCE) {
      const product = this.#wanted.shift();
      if (product === undefined) return;
      this.#running.add(product);
      void this.#load(product).finally(() => {
        this.#running.delete(product);
        this.#go();
      });
    }
  }

  async #load(product: string): Promise<void> {
    const nowMs = Date.now();
    let spark: Spark | null = null;
    try {
      spark = { atMs: nowMs, rates: await this.#rates(product) };
    } catch {
      // A sparkline that cannot be had is left out; the table says when the connection is lost.
    }
    this.#known.delete(product);
    this.#known.set(product, spark);
    if (this.#known.size > KEPT) this.#known.delete(this.#known.keys().next().value as string);
    this.#onLoad();
  }

  async #rates(product: string): Promise<(number | null)[]> {
    const path = `/v1/products/${encodeURIComponent(product)}/history`;
    const answer = await fetch(path + this.#query);
    if (!answer.ok) throw new Error(String(answer.status));
    const { windows, step } = (await answer.json()) as History;
    if (step !== undefined) this.#query = '?step=1m';
    return byMinute(windows);
  }
}

type Window = { window_start: number; impressions: number; clicks: number };

/** Sixty rates, one a minute up to the newest window: ratios of sums; null where nothing was. */
export function byMinute(windows: readonly Window[]): (number | null)[] {
  const newest = windows.reduce((most, w) => Math.max(most, w.window_start), -Infinity);
  const first = Math.floor(newest / MINUTE_MS) * MINUTE_MS - HOUR_MS + MINUTE_MS;
  const sums = Array.from({ length: 60 }, () => ({ impressions: 0, clicks: 0 }));
  for (const { window_start, impressions, clicks } of windows) {
    const sum = sums[Math.floor((window_start - first) / MINUTE_MS)];
    if (sum === undefined) continue;
    sum.impressions += impressions;
    sum.clicks += clicks;
  }
  return sums.map(({ impressions, clicks }) => (impressions > 0 ? clicks / impressions : null));
}
