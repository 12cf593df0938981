/** The rows of a commit, read back by what shares no code with their writer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Counts, type ProductResult, resultOf } from '../../src/result.ts';
import { RowBytes, rowArguments } from '../../src/stores/redis/rows.ts';
import { anyText } from '../support/any-text.ts';

const WINDOW_MS = 10_000;
/** Of all runs: nothing of one is in the next. */
const room = new RowBytes();

/** The strings of a list in MessagePack, all bytes of it used. */
function unpacked(list: Buffer): string[] {
  assert.equal(list[0], 0xdd);
  const texts: string[] = [];
  let at = 5;
  while (at < list.length) {
    assert.ok(list[at] === 0xd9 || list[at] === 0xda, `head ${list[at]} at ${at}`);
    const isShort = list[at] === 0xd9;
    const length = isShort ? list[at + 1] : list.readUInt16BE(at + 1);
    const start = at + (isShort ? 2 : 3);
    texts.push(list.toString('utf8', start, start + length));
    at = start + length;
  }
  assert.equal(at, list.length);
  assert.equal(list.readUInt32BE(1), texts.length);
  return texts;
}

const counts: fc.Arbitrary<Counts> = fc.record({
  start: fc.integer({ min: -(2 ** 40), max: 2 ** 43 }).map((n) => n * WINDOW_MS),
  impressions: fc.oneof(fc.nat(20), fc.nat(20_000), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
  clicks: fc.oneof(fc.nat(20), fc.nat(20_000), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
});
const result: fc.Arbitrary<ProductResult> = fc.record({
  product: fc.oneof(
    fc.string({ minLength: 1, unit: 'grapheme-ascii' }),
    anyText({ minLength: 1, maxLength: 300 }),
  ),
  latest: counts,
  previous: fc.option(counts),
  cells: fc.constant([]),
});

test('rows say what `resultOf` says, in the same bytes', () => {
  fc.assert(
    fc.property(fc.array(result, { maxLength: 40 }), (results) => {
      const { latest, previous, without, packed } = rowArguments(results, WINDOW_MS, room);
      const rowOf = ({ product }: ProductResult, of: Counts) => [
        product,
        JSON.stringify(resultOf(product, of, WINDOW_MS)),
      ];
      assert.deepEqual(
        unpacked(latest),
        results.flatMap((one) => rowOf(one, one.latest)),
      );
      assert.deepEqual(
        unpacked(previous),
        results.flatMap((one) => (one.previous === null ? [] : rowOf(one, one.previous))),
      );
      assert.deepEqual(
        without,
        results.filter((one) => one.previous === null).map(({ product }) => product),
      );
      const numbers = (of: Counts | null) =>
        of === null ? [] : [of.start, of.impressions, of.clicks];
      assert.equal(
        packed.toString(),
        JSON.stringify(
          results.map((one) => [one.product, ...numbers(one.latest), ...numbers(one.previous)]),
        ),
      );
    }),
    { numRuns: 400 },
  );
});
