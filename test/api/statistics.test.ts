/** The formulas against published values, and against what must hold for any counts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benjaminiHochberg, erfc, twoProportionP, wilson, Z_95 } from '../../src/api/statistics.ts';
import { fc } from '../support/fast-check.ts';

const near = (found: number | null, expected: number, tolerance: number) =>
  assert.ok(
    found !== null && Math.abs(found - expected) <= tolerance,
    `${found} is not ${expected} within ${tolerance}`,
  );

/** Chance that a standard normal number is at most `z`. */
const normalCdf = (z: number) =>
  z < 0 ? erfc(-z * Math.SQRT1_2) / 2 : 1 - erfc(z * Math.SQRT1_2) / 2;

test('the normal distribution equals its tables', () => {
  // Abramowitz and Stegun, table 26.1, 15 decimals.
  near(normalCdf(0), 0.5, 1e-15);
  near(normalCdf(1), 0.841344746068543, 1e-14);
  near(normalCdf(2), 0.977249868051821, 1e-14);
  near(normalCdf(3), 0.99865010196837, 1e-14);
  near(normalCdf(-1), 0.158655253931457, 1e-14);
  near(normalCdf(Z_95), 0.975, 1e-14);
  // Tails keep their digits: 1 - Φ(5) and 1 - Φ(10) of table 26.2.
  near(normalCdf(-5) / 2.8665157187919e-7, 1, 1e-11);
  near(normalCdf(-10) / 7.6198530241605e-24, 1, 1e-11);
});

test('series and continued fraction meet', () => {
  near(erfc(2.5 - 1e-12) / erfc(2.5), 1, 1e-10);
  // Abramowitz and Stegun, table 7.1.
  near(erfc(0.5), 1 - 0.520499877813047, 1e-14);
  near(erfc(2), 1 - 0.995322265018953, 1e-14);
});

test("Wilson's interval equals Newcombe's published examples", () => {
  // R. G. Newcombe, Statistics in Medicine 17 (1998), 857–872, table I, method 3, 95 %.
  const examples = [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ] as const;
  for (const [clicks, impressions, low, high] of examples) {
    const interval = wilson(impressions, clicks);
    near(interval?.low ?? null, low, 0.00005);
    near(interval?.high ?? null, high, 0.00005);
  }
  assert.equal(wilson(20, 0)?.low, 0);
  assert.equal(wilson(20, 20)?.high, 1);
});

test('no interval where there is no binomial rate', () => {
  assert.equal(wilson(0, 0), null);
  assert.equal(wilson(0, 3), null);
  assert.equal(wilson(4, 5), null);
});

test('an interval holds the rate, narrows with the sample and widens with its confidence', () => {
  const sample = fc
    .integer({ min: 1, max: 1_000_000 })
    .chain((n) => fc.tuple(fc.constant(n), fc.integer({ min: 0, max: n })));
  fc.assert(
    fc.property(sample, ([n, clicks]) => {
      const { low, high } = wilson(n, clicks)!;
      assert.ok(0 <= low && low <= clicks / n && clicks / n <= high && high <= 1);
      const larger = wilson(4 * n, 4 * clicks)!;
      assert.ok(larger.high - larger.low < high - low);
      const surer = wilson(n, clicks, 2.58)!;
      assert.ok(surer.low <= low && surer.high >= high);
      if (clicks === n) return;
      const more = wilson(n, clicks + 1)!;
      assert.ok(more.low > low && more.high >= high);
      // Counting what was not clicked mirrors it.
      const mirrored = wilson(n, n - clicks)!;
      near(mirrored.low, 1 - high, 1e-12);
    }),
  );
});

test('two rates are compared as published', () => {
  // Equal to the chi-square of 2 by 2: 15 of 25 against 3 of 25, z = 3.535534 (p = 4.0695e-4).
  near(twoProportionP(25, 15, 25, 3), 4.0695e-4, 5e-9);
  // Physicians' Health Study (N Engl J Med 321 (1989), 129): 104 of 11 037 against 189 of 11 034,
  // chi-square 25.0139 with one degree of freedom.
  near(twoProportionP(11_037, 104, 11_034, 189), 5.692e-7, 5e-10);
  assert.equal(twoProportionP(10, 5, 20, 10), 1);
  assert.equal(twoProportionP(10, 0, 20, 0), 1);
  assert.equal(twoProportionP(10, 10, 20, 20), 1);
});

test('rates that cannot be compared have no p-value', () => {
  assert.equal(twoProportionP(0, 0, 10, 5), null);
  assert.equal(twoProportionP(10, 5, 0, 0), null);
  assert.equal(twoProportionP(10, 11, 10, 5), null);
  assert.equal(twoProportionP(10, 5, 10, 11), null);
});

test('a p-value is a chance, the same in both directions, and falls with the sample', () => {
  const rate = (n: number) => fc.integer({ min: 0, max: n });
  const pair = fc.integer({ min: 1, max: 10_000 }).chain((n) => fc.tuple(fc.constant(n), rate(n)));
  fc.assert(
    fc.property(pair, pair, ([n, a], [m, b]) => {
      const p = twoProportionP(n, a, m, b)!;
      assert.ok(p >= 0 && p <= 1, `${p}`);
      near(twoProportionP(m, b, n, a), p, 1e-12);
      assert.ok(twoProportionP(4 * n, 4 * a, 4 * m, 4 * b)! <= p);
    }),
  );
});

test("Benjamini and Hochberg's own example names four of fifteen", () => {
  const published = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719,
    0.6528, 0.759, 1,
  ];
  const named = benjaminiHochberg(published);
  assert.deepEqual(
    named,
    published.map((_, i) => i < 4),
  );
});

/** The rule as it is written: the largest k with p(k) <= k/m·q; the k smallest are named. */
function naive(pValues: readonly (number | null)[], q: number): boolean[] {
  const known = pValues.filter((p) => p !== null);
  let best = -1;
  for (const p of known) {
    const k = known.filter((other) => other <= p).length;
    if (p <= (q * k) / known.length && p > best) best = p;
  }
  return pValues.map((p) => p !== null && p <= best);
}

test('the step-up rule equals its definition, in any order and with tests left out', () => {
  const p = fc.option(fc.oneof(fc.double({ min: 0, max: 0.1, noNaN: true }), fc.constant(0.05)));
  fc.assert(
    fc.property(fc.array(p, { maxLength: 30 }), fc.constantFrom(0.05, 0.1), (pValues, q) => {
      assert.deepEqual(benjaminiHochberg(pValues, q), naive(pValues, q));
      const reversed = benjaminiHochberg([...pValues].reverse(), q).reverse();
      assert.deepEqual(reversed, benjaminiHochberg(pValues, q));
    }),
  );
});
