/** What is told of a product, put together by hand, is what `JSON.stringify` would make of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addRow, endsOf, pOf, textOf, type Yardstick } from '../../src/api/live.ts';
import { type Counts, ctr } from '../../src/result.ts';
import { TextBytes } from '../../src/text-bytes.ts';
import { fc } from '../support/fast-check.ts';
import { shareOf } from '../support/random.ts';

const texts = fc.string({ unit: fc.constantFrom('a', '"', '\\', '\n', 'é', '水', '😀', '\ud800') });
const amounts = fc.oneof(fc.nat(20), fc.nat(30_000), fc.nat(2 ** 32 - 1));
const counts: fc.Arbitrary<Counts> = fc.record({
  start: fc.integer({ min: -20_000, max: 2_000_000_000_000 }),
  impressions: amounts,
  clicks: amounts,
});
const yardsticks: fc.Arbitrary<Yardstick> = fc.record({
  finalBefore: fc.option(fc.integer({ min: 0, max: 2_000_000_000_000 })),
  minSample: fc.nat(30_000),
});

function told(product: string, counts: Counts, windowMs: number, yardstick: Yardstick) {
  const { start, impressions, clicks } = counts;
  const ends = endsOf(impressions, clicks);
  const { finalBefore, minSample } = yardstick;
  return {
    product_id: product,
    ctr: ctr(impressions, clicks),
    impressions,
    clicks,
    window_start: start,
    window_end: start + windowMs,
    clicks_exceed_impressions: clicks > impressions,
    ctr_low: ends?.low ?? null,
    ctr_high: ends?.high ?? null,
    few: impressions < minSample,
    status: finalBefore !== null && start < finalBefore ? 'final' : 'provisional',
  };
}

test('a row is its JSON, whatever the product id and the counts', () => {
  const pairs = fc.record({ product: texts, latest: counts, previous: fc.option(counts) });
  fc.assert(
    fc.property(pairs, fc.nat(86_400_000), yardsticks, (pair, windowMs, yardstick) => {
      const tell = (one: Counts | null) =>
        one === null ? null : told(pair.product, one, windowMs, yardstick);
      const row = {
        product_id: pair.product,
        latest: tell(pair.latest),
        previous: tell(pair.previous),
        p_value: pOf(pair),
      };
      const text = textOf((bytes) => addRow(bytes, pair, windowMs, yardstick));
      assert.equal(text, JSON.stringify(row));
    }),
    { numRuns: shareOf(1_000) },
  );
});

test('text of any kind is its UTF-8, one behind the other, and what was taken stays', () => {
  fc.assert(
    fc.property(fc.array(texts), fc.array(texts), (first, second) => {
      const bytes = new TextBytes(1);
      const takenOf = (all: readonly string[]) => {
        for (const text of all) bytes.any(text);
        return bytes.take();
      };
      const [taken, next] = [takenOf(first), takenOf(second)];
      const utf8 = (all: readonly string[]) => Buffer.concat(all.map((text) => Buffer.from(text)));
      assert.deepEqual([taken, next], [utf8(first), utf8(second)]);
    }),
  );
});

test('memory for text is used again, but not kept for ever where much was needed once', () => {
  const bytes = new TextBytes(1_000);
  bytes.any('a'.repeat(900_000));
  assert.ok(bytes.room > 1_048_576);
  assert.equal(bytes.take().length, 900_000);
  assert.ok(bytes.room < 1_000, String(bytes.room));
  bytes.any('b');
  assert.equal(bytes.take().toString(), 'b');
});
