/** The real API and the built page over a store changed by hand: any number of products. */
import { createServer } from '../../src/api/server.ts';
import { type Clock, systemClock } from '../../src/clock.ts';
import type { Counts } from '../../src/result.ts';
import type { OpenCounts, Status, TaskHealth } from '../../src/status.ts';
import { counts, FakeReader, healthOf, partsWith } from '../api/fake-reader.ts';
import { builtPage } from './built.ts';
import { edgeRows, rejectedEvents, Shop, shopStatus, WINDOW_MS } from './shop.ts';

export type Scene = {
  products: number;
  /** Windows in each history, for the first 200 products. */
  past?: number;
  /** Adds the rows of `edgeRows`. */
  edges?: boolean;
  /** How long ago the newest window was published, in milliseconds. */
  ageMs?: number;
  /** No events come, where they would grow with time. */
  quiet?: boolean;
};

/** Starts the API of a scene; the caller closes it. */
export async function startFixture({ products, past = 120, edges, ageMs = 0, quiet }: Scene) {
  const reader = new FakeReader();
  const shop = new Shop(products);
  let backMs = ageMs;
  const clock: Clock = { ...systemClock, wallMs: () => Date.now() - backMs };
  let at = Math.floor(clock.wallMs() / WINDOW_MS) * WINDOW_MS - WINDOW_MS;
  const rest = shopStatus(at, false);
  const status = () => (quiet ? rest : shopStatus(at, ageMs > 0));
  let trouble: string | null = null;
  const { parts, pushed } = partsWith(reader, {
    trouble: () => trouble,
    clock,
    page: builtPage(),
    owner: 'process 4711 on shop-1',
    health: () => (products === 0 ? [] : [shopHealth(status())]),
    open: () => [openCounts(shop, at + WINDOW_MS)],
  });
  const app = await createServer(parts);
  const pastOf = (name: string) => reader.histories.get(name)?.at(-1) ?? null;
  const closeWindow = (from: number, to: number) => {
    const rows = shop.names.slice(from, to).map((name, i) => {
      const closed = shop.rowOf(from + i, at, reader.rows.get(name)?.latest ?? pastOf(name));
      reader.histories.get(name)?.push(closed.latest as Counts);
      return closed;
    });
    reader.publish(rows);
  };
  if (products > 0) {
    for (const [i, name] of shop.names.slice(0, 200).entries())
      reader.histories.set(name, shop.past(i, at - WINDOW_MS, past));
    closeWindow(0, products);
    if (edges) reader.publish(edgeRows(at));
    reader.kept.push(...rejectedEvents(at));
    reader.statusMap.set('0', status());
  }
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  // What came so far was published then; from here on the clock is right.
  backMs = 0;
  return {
    url,
    reader,
    shop,
    pushed,
    /** Closes the next window of products `from` to `to`, or of all. */
    next(from = 0, to = products): void {
      if (from === 0) at += WINDOW_MS;
      reader.statusMap.set('0', status());
      closeWindow(from, to);
    },
    /** What troubles the process beside its tasks from now on. */
    setTrouble(why: string | null): void {
      trouble = why;
    },
    close: () => app.close(),
  };
}

export type Fixture = Awaited<ReturnType<typeof startFixture>>;

function shopHealth(live: Status): TaskHealth {
  const sights = live.partitions.map(({ position }) => ({ end: position + 3, quietMs: 40 }));
  return healthOf({ live, sights, commitAgeMs: Date.now() % 1_000 });
}

/** A third of a window, of the fifty most active. */
function openCounts(shop: Shop, start: number): OpenCounts {
  const some = shop.names.slice(0, 50).map((product, i) => {
    const { impressions, clicks } = shop.countsOf(i, start);
    const third = (n: number) => Math.round(n / 3);
    return { product, start, impressions: third(impressions), clicks: third(clicks) };
  });
  const sum = (of: 'impressions' | 'clicks') => some.reduce((total, p) => total + p[of], 0);
  const windows = some.length === 0 ? [] : [counts(start, sum('impressions'), sum('clicks'))];
  return { windows, products: some };
}
