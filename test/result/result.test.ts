import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ctr, resultOf, windowStart } from '../../src/result.ts';
import { fc } from '../support/fast-check.ts';
import { shareOf } from '../support/random.ts';

test('the rate has 4 decimals, half up on the exact fraction', () => {
  const counts = fc.tuple(
    fc.integer({ min: 1, max: 2 ** 45 }),
    fc.integer({ min: 0, max: 2 ** 45 }),
  );
  fc.assert(
    fc.property(counts, ([impressions, clicks]) => {
      // Half up in exact arithmetic: floor(x + 1/2) of x = 10 000 · clicks / impressions.
      const n = BigInt(impressions);
      const exact = (2n * 10_000n * BigInt(clicks) + n) / (2n * n);
      assert.equal(ctr(impressions, clicks), Number(exact) / 10_000);
    }),
    { numRuns: shareOf(5_000) },
  );
});

test('known rates, and none without impressions', () => {
  assert.equal(ctr(3, 1), 0.3333);
  assert.equal(ctr(3, 2), 0.6667);
  assert.equal(ctr(20_000, 1), 0.0001, 'half goes up');
  assert.equal(ctr(20_001, 1), 0);
  assert.equal(ctr(2, 3), 1.5, 'may exceed 1');
  assert.equal(ctr(0, 5), null);
  // Floating-point rounding would say 0.0143.
  assert.equal(ctr(20_000, 285), 0.0143);
  assert.equal(resultOf('a', { start: 0, impressions: 0, clicks: 2 }, 10_000).ctr, 0);
});

test('a result has the keys of the original, in its order', () => {
  const result = resultOf('a', { start: 10_000, impressions: 4, clicks: 1 }, 10_000);
  assert.equal(
    JSON.stringify(result),
    '{"product_id":"a","ctr":0.25,"impressions":4,"clicks":1,"window_start":10000,"window_end":20000}',
  );
});

test('every time is in exactly one half-open window, also before 1970', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.integer({ min: 1, max: 3_600_000 }), (ts, windowMs) => {
      fc.pre(Math.abs(ts) < Number.MAX_SAFE_INTEGER - windowMs);
      const start = windowStart(ts, windowMs);
      assert.ok(start <= ts && ts < start + windowMs);
      assert.equal(Math.abs(start % windowMs), 0);
    }),
  );
  assert.equal(windowStart(-1, 10_000), -10_000);
  assert.equal(windowStart(-10_000, 10_000), -10_000);
});
