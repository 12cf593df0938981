import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MostActive } from '../../src/engine/most-active.ts';
import { fc } from '../support/fast-check.ts';
import { Bench, names } from '../support/rows.ts';

test('open windows show what is counted and not closed, most active first', () => {
  const bench = new Bench();
  bench.apply([
    { ts: 1_000 },
    { ts: 11_000, product: 1 },
    { ts: 11_500, product: 1, kind: 1 },
    { ts: 12_000, product: 1_500 },
    { ts: 14_000, product: 1 },
  ]);
  bench.settle();
  // [0, 10 000) closed at 10 999, so it is not open although it still takes late events.
  const open = bench.task.openCounts(names, 10);
  assert.deepEqual(open.windows, [{ start: 10_000, impressions: 3, clicks: 1 }]);
  assert.deepEqual(open.products, [
    { product: 'p1', start: 10_000, impressions: 2, clicks: 1 },
    { product: 'p1500', start: 10_000, impressions: 1, clicks: 0 },
  ]);
  const first = bench.task.openCounts(names, 1);
  assert.deepEqual(first.products, open.products.slice(0, 1));
  assert.deepEqual(first.windows, open.windows);
  assert.deepEqual(bench.task.openCounts(names, 0).products, []);
  // Looking changed nothing.
  assert.deepEqual(bench.task.openCounts(names, 10), open);
});

test('windows that will never be published are not shown', () => {
  const bench = new Bench();
  bench.apply([{ ts: 11_000 }, { ts: 12_000 }, { ts: 21_000 }]);
  bench.task.raiseFloor(10_000);
  const { windows } = bench.task.openCounts(names, 10);
  assert.deepEqual(
    windows.map(({ start }) => start),
    [20_000],
  );
});

test('a task without windows shows none', () => {
  assert.deepEqual(new Bench().task.openCounts(names, 10), { windows: [], products: [] });
});

test('the most active are those that sorting finds', () => {
  const offers = fc.array(fc.nat(20), { maxLength: 60 });
  fc.assert(
    fc.property(offers, fc.nat(12), (events, limit) => {
      const most = new MostActive(limit);
      for (const [product, count] of events.entries()) most.offer(count, product, 0);
      const found = most.inOrder().map(([product]) => events[product]);
      const sorted = [...events].sort((a, b) => b - a).slice(0, limit);
      assert.deepEqual(found, sorted);
    }),
  );
});
