/** Folding keeps up with what is written, and never takes a count away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Limits } from '../../src/config.ts';
import { SimClock } from '../support/sim-clock.ts';
import { commitOf, resultIn, START } from './commits.ts';
import { SqliteHarness, type TestedStore } from './harness.ts';
import { LEVELS } from './zone.ts';

const SPAN = { fromMs: -Infinity, toMs: Infinity };

function harnessOf(t: { after(fn: () => void): void }, limits: Partial<Limits>): SqliteHarness {
  const harness = new SqliteHarness({ clock: new SimClock(START), limits }, ':memory:');
  t.after(() => harness.close());
  return harness;
}

async function impressionsIn(store: TestedStore, levels: readonly string[]): Promise<number> {
  const found = await store.history({ levels, products: null, ...SPAN });
  return found.flat().reduce((sum, { impressions }) => sum + impressions, 0);
}

test('folding keeps up with windows that are nearly empty, in many buckets', async (t) => {
  const keep = { windowsMs: 0, minutesMs: 3_600_000, quartersMs: 86_400_000 };
  const { store, db } = harnessOf(t, { historyFolds: 1, historyKeep: keep });
  const fence = await store.claim('a', 'token');
  const claims = Array.from({ length: 4 * 1_024 }, (_, n) => `product-${n}`);
  await store.commit(commitOf('a', fence, 1, { claims }));
  const ones = claims.filter((_, n) => n % 1_024 === 500);
  for (let n = 2; n < 302; n++) {
    const results = ones.map((name) => resultIn(name, n * 180, 1));
    await store.commit(commitOf('a', fence, n, { results }));
  }
  const rows = db.prepare('SELECT level, count(*) AS n FROM cells GROUP BY level').all();
  // Half an hour apart: the newest window, an hour's minutes, a day's quarters, and days.
  const most = { window: 4 * 2, '1m': 4 * 4, '15m': 4 * 50 };
  for (const [level, limit] of Object.entries(most)) {
    const found = Number(rows.find((row) => row.level === level)?.n);
    assert.ok(found <= limit, `${found} rows of ${level}`);
  }
  assert.equal(await impressionsIn(store, LEVELS), 300 * ones.length);
});
