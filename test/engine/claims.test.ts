/** A closing of new products: claims go ahead in order, and results follow them at once. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { awake, Bench, names } from '../support/rows.ts';

const LIMIT = 500;

/** The closing of a window of so many new products. */
function closing(products: number): Bench {
  const bench = new Bench();
  const rows = Array.from({ length: products }, (_, product) => ({ ts: 5, product }));
  bench.apply([...rows, { ts: 13_000 }]);
  return bench;
}

suite('the first closing of new products', () => {
  test('claims from the front; every commit but the first has results', () => {
    const commits = closing(20_000).settle(awake, LIMIT);
    assert.equal(commits.length, 41);
    assert.deepEqual(
      commits.map(({ claims }) => claims),
      [
        ...Array.from({ length: 40 }, (_, n) =>
          Array.from({ length: LIMIT }, (_, i) => n * LIMIT + i),
        ),
        [],
      ],
    );
    assert.deepEqual(
      commits.map(({ results }) => results.length),
      [0, ...Array<number>(40).fill(LIMIT)],
    );
  });

  test('is one commit longer where the next is built before the last is answered', () => {
    const bench = closing(20_000);
    const { task } = bench;
    task.advance(awake);
    const results: number[] = [];
    let inFlight: number[] = [];
    while (task.due() === 'now') {
      const collected = task.collect(names, LIMIT);
      task.answer(inFlight, new Set());
      inFlight = collected.claims;
      results.push(collected.results.length);
    }
    assert.deepEqual(results, [0, 0, ...Array<number>(40).fill(LIMIT)]);
  });

  test('writes the part of a block again only where something of it moved', () => {
    const [first, ...others] = closing(20_000).settle(awake, LIMIT);
    assert.equal(first.parts.filter(({ name }) => name.startsWith('block/')).length, 20);
    for (const { parts } of others)
      assert.ok(parts.length <= 3, parts.map(({ name }) => name).join());
  });
});

test('a window that is never published takes no room in a commit', () => {
  const bench = closing(5_000);
  bench.settle(awake, LIMIT);
  bench.task.raiseFloor(10_000);
  const rows = Array.from({ length: 5_000 }, (_, product) => ({ ts: 13_000, product }));
  bench.apply([...rows, { ts: 23_000 }]);
  const commits = bench.settle(awake, LIMIT);
  assert.deepEqual(
    commits.map(({ results }) => results.length),
    [0],
  );
});
