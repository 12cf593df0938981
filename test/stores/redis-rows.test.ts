/** The rows of a commit, read back by what shares no code with their writer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Counts, type ProductResult, resultOf } from '../../src/result.ts';
import { type Fields, RowBytes, rowArguments } from '../../src/stores/redis/rows.ts';
import { anyText } from '../support/any-text.ts';
import { fc } from '../support/fast-check.ts';
import { shareOf } from '../support/random.ts';

const WINDOW_MS = 10_000;
/** Of all runs: nothing of one is in the next. */
const room = new RowBytes();

/** The arguments that a server would read, all bytes of them used. */
function read({ bytes, count }: Fields): string[] {
  const texts: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf('\r\n', at);
    const length = bytes.toString('latin1', at, end);
    assert.match(length, /^\$[1-9][0-9]*$/);
    const start = end + 2;
    const stop = start + Number(length.slice(1));
    texts.push(bytes.toString('utf8', start, stop));
    assert.equal(bytes.toString('latin1', stop, stop + 2), '\r\n');
    at = stop + 2;
  }
  assert.equal(at, bytes.length);
  assert.equal(count, texts.length);
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
    anyText({ minLength: 1, maxLength: 1_000 }),
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
        read(latest),
        results.flatMap((one) => rowOf(one, one.latest)),
      );
      assert.deepEqual(
        read(previous),
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
    { numRuns: shareOf(400) },
  );
});
