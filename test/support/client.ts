/**
 * A producer that knows what must be counted: it posts batches over HTTP, keeps what was
 * acknowledged, and (with ids) sends again what was not.
 */
import { createHash } from 'node:crypto';

export type Cell = { impressions: number; clicks: number };
/** Counts by `product|window start`. */
export type Counted = Map<string, Cell>;

export type ClientEvent = {
  product_id: string;
  timestamp: number;
  event_type: 'impression' | 'click';
  event_id?: string;
};

export function tally(events: Iterable<ClientEvent>, windowMs: number): Counted {
  const cells: Counted = new Map();
  for (const event of events) {
    const start = Math.floor(event.timestamp / windowMs) * windowMs;
    const key = `${event.product_id}|${start}`;
    const cell = cells.get(key) ?? { impressions: 0, clicks: 0 };
    if (event.event_type === 'click') cell.clicks++;
    else cell.impressions++;
    cells.set(key, cell);
  }
  return cells;
}

/**
 * Posts events as NDJSON; true when they were acknowledged, false when nobody answered or 429/503.
 */
export async function post(url: string, events: readonly ClientEvent[]): Promise<boolean> {
  try {
    const response = await fetch(`${url}/v1/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: events.map((event) => `${JSON.stringify(event)}\n`).join(''),
      signal: AbortSignal.timeout(5_000),
    });
    await response.arrayBuffer();
    if (response.status === 202) return true;
    if (response.status === 429 || response.status === 503) return false;
    throw new Error(`unexpected answer ${response.status}`);
  } catch (error) {
    // Refused or cut off: the process was killed.
    if (error instanceof TypeError || (error as Error).name === 'TimeoutError') return false;
    throw error;
  }
}

/** `count` events at time `ts`, some products, a click for every third; ids are unique. */
export function eventsAt(ts: number, count: number, salt: string): ClientEvent[] {
  return Array.from({ length: count }, (_, n) => ({
    product_id: `product${(n % 5) + 1}`,
    timestamp: ts,
    event_type: n % 3 === 0 ? 'click' : 'impression',
    event_id: createHash('md5').update(`${salt}/${ts}/${n}`).digest('hex'),
  }));
}

/** The published counts of products, as the API's history has them. */
export async function historyOf(url: string, products: readonly string[]): Promise<Counted> {
  const cells: Counted = new Map();
  for (const product of products) {
    const range = 'from=0&to=9000000000000000';
    const response = await fetch(`${url}/v1/products/${product}/history?${range}`);
    if (response.status === 404) continue;
    const { windows } = (await response.json()) as { windows: Result[] };
    for (const { window_start, impressions, clicks } of windows)
      cells.set(`${product}|${window_start}`, { impressions, clicks });
  }
  return cells;
}

export function sorted(cells: Counted): [string, Cell][] {
  return [...cells].sort(([a], [b]) => (a < b ? -1 : 1));
}

type Result = Cell & { window_start: number };

/** Watches `/ctr/latest`: published counts never shrink, and latest never goes back. */
export class Watch {
  readonly #seen = new Map<string, Cell>();
  readonly #latest = new Map<string, number>();
  readonly faults: string[] = [];
  looks = 0;

  async look(url: string): Promise<void> {
    let rows: Record<string, Result>;
    try {
      const response = await fetch(`${url}/ctr/latest`, { signal: AbortSignal.timeout(2_000) });
      if (response.status !== 200) return;
      rows = (await response.json()) as Record<string, Result>;
    } catch {
      return;
    }
    this.looks++;
    for (const [product, row] of Object.entries(rows)) this.#compare(product, row);
    for (const product of this.#latest.keys())
      if (rows[product] === undefined) this.faults.push(`${product} vanished`);
  }

  #compare(product: string, row: Result): void {
    const key = `${product}|${row.window_start}`;
    const before = this.#seen.get(key);
    if (
      before !== undefined &&
      (before.impressions > row.impressions || before.clicks > row.clicks)
    )
      this.faults.push(`${key} shrank from ${JSON.stringify(before)} to ${JSON.stringify(row)}`);
    const newest = this.#latest.get(product) ?? -Infinity;
    if (row.window_start < newest) this.faults.push(`${product} went back to ${row.window_start}`);
    this.#latest.set(product, row.window_start);
    this.#seen.set(key, { impressions: row.impressions, clicks: row.clicks });
  }
}
