/** Folding keeps up with what is written, and never takes a count away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Limits, type Settings, settingsWith } from '../../src/config.ts';
import { SimClock } from '../support/sim-clock.ts';
import { commitOf, countsOf, resultIn, START, statusOf } from './commits.ts';
import { MemoryHarness, SqliteHarness, type TestedStore } from './harness.ts';
import { LEVELS } from './zone.ts';

const SPAN = { fromMs: -Infinity, toMs: Infinity };

function harnessOf(t: { after(fn: () => void): void }, limits: Partial<Limits>): SqliteHarness {
  const harness = new SqliteHarness({ clock: new SimClock(START), limits }, ':memory:');
  t.after(() => harness.close());
  return harness;
}

function statusWith(settings: Partial<Settings>) {
  return { ...statusOf(1), settings: settingsWith(settings) };
}

async function impressionsIn(store: TestedStore, levels: readonly string[]): Promise<number> {
  const found = await store.history({ levels, products: null, ...SPAN });
  return found.flat().reduce((sum, { impressions }) => sum + impressions, 0);
}

test('folding keeps up with commits of many windows that are nearly empty', async (t) => {
  const keep = { windowsMs: 0, minutesMs: 3_600_000, quartersMs: 86_400_000 };
  const { store, db } = harnessOf(t, { historyKeep: keep });
  const fence = await store.claim('a', 'token');
  await store.commit(commitOf('a', fence, 1, { claims: ['x'] }));
  const [commits, windows] = [20, 200];
  for (let n = 0; n < commits; n++) {
    const cells = Array.from({ length: windows }, (_, i) => countsOf((n * windows + i) * 180, 1));
    const latest = cells.at(-1)!;
    const results = [{ product: 'x', latest, previous: cells.at(-2)!, cells }];
    await store.commit(commitOf('a', fence, n + 2, { results }));
  }
  const rows = db.prepare('SELECT level, count(*) AS n FROM cells GROUP BY level').all();
  // Half an hour apart: the newest window, an hour's minutes, a day's quarters, and days.
  for (const [level, most] of Object.entries({ window: 1, '1m': 3, '15m': 49 })) {
    const found = Number(rows.find((row) => row.level === level)?.n);
    assert.ok(found <= most, `${found} rows of ${level}`);
  }
  assert.equal(await impressionsIn(store, LEVELS), commits * windows);
});

const HOUR = 360;

for (const windowMs of [7_000, 60_000, 900_000])
  for (const Kind of [MemoryHarness, SqliteHarness])
    test(`no count vanishes when windows become ${windowMs} ms: ${Kind.name}`, async () => {
      const keep = { windowsMs: 30_000, minutesMs: 600_000, quartersMs: 3_600_000 };
      const options = { clock: new SimClock(START), limits: { historyKeep: keep } };
      const harness = new Kind(options, ':memory:');
      const { store } = harness;
      const fence = await store.claim('a', 'token');
      await store.commit(commitOf('a', fence, 1, { claims: ['x'] }));
      for (let n = 2; n < 40; n++)
        await store.commit(commitOf('a', fence, n, { results: [resultIn('x', n * 12, 1)] }));
      const { levels } = await store.historyHeld();
      for (const { level, cells } of levels.slice(0, 3)) assert.ok(cells > 0, level);
      // Not longer than windows of 7 s are kept, which are folded into nothing.
      for (let n = 40; n < 60; n++) {
        const start = Math.floor((START + n * 120_000) / windowMs) * windowMs;
        const latest = { start, impressions: 1, clicks: 0 };
        const results = [{ product: 'x', latest, previous: null, cells: [latest] }];
        await store.commit(commitOf('a', fence, n, { results, status: statusWith({ windowMs }) }));
      }
      const rest = (await store.historyHeld()).levels.map(({ level }) => level);
      const written = windowMs === 900_000 ? 38 + 3 : 38 + 20;
      assert.equal(await impressionsIn(store, [...new Set([...LEVELS, ...rest])]), written);
      await harness.close();
    });

for (const historyCells of [1_000, 1])
  test(`a window stays while it may be revised, with ${historyCells} cells at most`, async (t) => {
    const keep = { windowsMs: 30_000, minutesMs: Infinity, quartersMs: Infinity };
    const limits = { historyKeep: keep, historyKeepAtLeast: keep, historyCells };
    const status = statusWith({
      allowedLatenessMs: 3_600_000,
      idMemoryMs: 3_600_000,
      expiryMs: 7_200_000,
    });
    for (const { store } of [
      harnessOf(t, limits),
      new MemoryHarness({ clock: new SimClock(START), limits }),
    ]) {
      const fence = await store.claim('a', 'token');
      await store.commit(commitOf('a', fence, 1, { status, claims: ['x'] }));
      const send = (number: number, results: object[]) =>
        store.commit(commitOf('a', fence, number, { status, results: results as never }));
      await send(2, [resultIn('x', 0, 1)]);
      await send(3, [resultIn('x', HOUR, 1)]);
      await send(4, [{ ...resultIn('x', HOUR, 1), cells: [countsOf(0, 5)] }]);
      assert.equal(await impressionsIn(store, ['window']), 6);
      await send(5, [resultIn('x', HOUR + 2, 1)]);
      assert.equal(await impressionsIn(store, ['window']), 2);
      assert.equal(await impressionsIn(store, LEVELS), 7);
      assert.equal((await store.historyHeld()).skipped, 0);
    }
  });
