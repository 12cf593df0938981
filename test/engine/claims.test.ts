/** A closing of new products: claims go ahead in order, and results follow them at once. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { awake, Bench, names } from '../support/rows.ts';

const MINUTE = 60_000;

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
    assert.equal(first.parts.filter(({ name }) => name.startsWith('block/')).length, 40);
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

suite('products that another task owns', () => {
  /** An event of each product every 10 s of `minutes`; what the commits asked for and published. */
  function goOn(bench: Bench, world: { at: number; owned: Set<number> }, minutes: number) {
    const seen = { asked: [] as number[], results: [] as number[], most: 0 };
    for (const end = world.at + minutes * MINUTE; world.at < end; world.at += 10_000) {
      bench.apply([0, 1, 2].map((product) => ({ ts: world.at, product })));
      bench.task.advance(awake);
      const { claims, results } = bench.task.collect(names, 2);
      bench.task.answer(claims, new Set(claims.filter((product) => world.owned.has(product))));
      seen.asked.push(...claims);
      seen.results.push(...results.flatMap(({ cells }) => cells.map(({ start }) => start)));
      seen.most = Math.max(seen.most, claims.length);
    }
    return seen;
  }

  test('are asked for again every five minutes, as many as fit, and taken when they are free', () => {
    const bench = new Bench();
    const world = { at: 0, owned: new Set([0, 1, 2]) };
    const first = goOn(bench, world, 16);
    assert.deepEqual([first.results.length, first.most], [0, 2]);
    assert.equal(first.asked.length, 3 * 4);
    assert.equal(bench.task.status([0]).heldElsewhere, 3);
    world.owned.delete(1);
    const freeAt = world.at;
    const then = goOn(bench, world, 6);
    assert.equal(bench.task.status([0]).heldElsewhere, 2);
    assert.ok(then.results.length >= 5, `${then.results.length} windows`);
    assert.ok(then.results.every((start) => start > freeAt));
    assert.equal(new Set(then.results).size, then.results.length);
    assert.ok(goOn(bench, world, 30).asked.every((product) => product !== 1));
  });

  test('of which nothing is open are not asked for: they leave', () => {
    const bench = new Bench();
    goOn(bench, { at: 0, owned: new Set([0, 1, 2]) }, 1);
    bench.apply([{ ts: 10 * MINUTE, product: 3 }]);
    bench.task.advance(awake);
    const { claims } = bench.task.collect(names, 10);
    assert.deepEqual(claims, [3]);
    bench.task.answer(claims, new Set());
    bench.apply([{ ts: 70 * MINUTE, product: 3 }]);
    bench.settle();
    assert.equal(bench.task.status([0]).heldElsewhere, 0);
  });
});
