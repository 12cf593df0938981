/** Sparklines of the last hour, fetched for the rows in view, a few at a time. */
import { historyAddress } from './address.ts';
import type { History } from './types.ts';

/** `rates` null: they could not be had. */
export type Spark = { atMs: number; rates: (number | null)[] | null };

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Fetched again after this long, also where it failed: the newest point is live anyway. */
const FRESH_MS = 60_000;
const AT_ONCE = 3;
const KEPT = 400;

export class Sparks {
  readonly #known = new Map<string, Spark>();
  readonly #wanted: string[] = [];
  readonly #running = new Set<string>();
  readonly #onLoad: () => void;
  readonly #windowMs: number;

  constructor(windowMs: number, onLoad: () => void) {
    this.#windowMs = windowMs;
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
      if (known !== undefined && nowMs - known.atMs < FRESH_MS) continue;
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
    let rates: Spark['rates'];
    try {
      rates = await this.#rates(product);
    } catch {
      // The one before is better than none; the table says when the connection is lost.
      rates = this.get(product)?.rates ?? null;
    }
    this.#known.delete(product);
    this.#known.set(product, { atMs: nowMs, rates });
    if (this.#known.size > KEPT) this.#known.delete(this.#known.keys().next().value as string);
    this.#onLoad();
  }

  async #rates(product: string): Promise<(number | null)[]> {
    const step = MINUTE_MS % this.#windowMs === 0 ? '1m' : 'window';
    const answer = await fetch(historyAddress(product, { step }));
    if (!answer.ok) throw new Error(String(answer.status));
    const { windows } = (await answer.json()) as History;
    return ofLastHour(windows, Math.max(MINUTE_MS, this.#windowMs));
  }
}

type Window = { window_start: number; impressions: number; clicks: number };

/**
 * Rates of the hour up to the newest window, one each `stepMs` (a minute, or a longer window):
 * ratios of sums; null where nothing was.
 */
export function ofLastHour(windows: readonly Window[], stepMs: number): (number | null)[] {
  const newest = windows.reduce((most, w) => Math.max(most, w.window_start), -Infinity);
  const length = Math.ceil(HOUR_MS / stepMs);
  const first = (Math.floor(newest / stepMs) - length + 1) * stepMs;
  const sums = Array.from({ length }, () => ({ impressions: 0, clicks: 0 }));
  for (const { window_start, impressions, clicks } of windows) {
    const sum = sums[Math.floor((window_start - first) / stepMs)];
    if (sum === undefined) continue;
    sum.impressions += impressions;
    sum.clicks += clicks;
  }
  return sums.map(({ impressions, clicks }) => (impressions > 0 ? clicks / impressions : null));
}
