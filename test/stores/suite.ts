/** What every store must do: one example a rule. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Comeback, CommitAnswer, Row } from '../../src/stores/store.ts';
import { SimClock } from '../support/sim-clock.ts';
import {
  commitOf,
  contentOf,
  countsOf,
  keptOf,
  resultIn,
  START,
  statusOf,
  windowsOf,
} from './commits.ts';
import { finalExamples } from './final-suite.ts';
import type { Harness, HarnessFactory, HarnessOptions } from './harness.ts';
import { historyExamples } from './history-suite.ts';
import { type Example, owner, pairOf } from './owner.ts';
import { takeOverExamples } from './take-over-suite.ts';

const OK = { answer: 'ok', heldElsewhere: [] };
const DUPLICATE = { answer: 'duplicate', heldElsewhere: [] };
const FENCED = { answer: 'fenced' };

/** An answer, or the code of the error instead of one. */
function said(settled: PromiseSettledResult<CommitAnswer>): CommitAnswer | string {
  return settled.status === 'fulfilled' ? settled.value : settled.reason.code;
}

const FOR_EVER = { windowsMs: Infinity, minutesMs: Infinity, quartersMs: Infinity };

export function storeSuite(name: string, open: HarnessFactory): void {
  /** A test over a fresh store. */
  const example = (
    title: string,
    body: (harness: Harness, clock: SimClock) => Promise<void>,
    options: Partial<HarnessOptions> = {},
  ) =>
    test(title, async () => {
      const clock = new SimClock(START);
      const harness = open({ clock, ...options });
      try {
        await body(harness, clock);
      } finally {
        await harness.close();
      }
    });
  describe(`${name}: fence`, () => fenceExamples(example));
  describe(`${name}: taking over`, () => takeOverExamples(example));
  describe(`${name}: products`, () => productExamples(example));
  describe(`${name}: results`, () => resultExamples(example));
  describe(`${name}: bounds`, () => boundExamples(example));
  describe(`${name}: history`, () => historyExamples(example));
  describe(`${name}: what is not final`, () => finalExamples(example));
  describe(`${name}: reading`, () => readExamples(example));
}

function fenceExamples(example: Example): void {
  example('an unknown task is empty, and its commits are fenced', async ({ store }) => {
    assert.deepEqual(await store.read('a'), { number: 0, status: null, parts: [] });
    const fence = { epoch: 1, token: 'never claimed' };
    assert.deepEqual(await store.commit(commitOf('a', fence, 1)), FENCED);
  });

  example('a claim counts the epoch up and keeps the write number', async (harness) => {
    const first = await owner(harness);
    assert.equal(first.fence.epoch, 1);
    for (let i = 0; i < 3; i++) await first.send();
    const second = await owner(harness);
    assert.equal(second.fence.epoch, 2);
    assert.equal(second.number, 3);
    assert.deepEqual(await second.send(), OK);
    assert.equal((await harness.store.read('a')).number, 4);
  });

  example('only last + 1 is taken', async (harness) => {
    const { fence } = await owner(harness);
    const at = (number: number) => harness.store.commit(commitOf('a', fence, number));
    assert.deepEqual(await at(0), FENCED);
    assert.deepEqual(await at(2), FENCED);
    assert.deepEqual(await at(1), OK);
    assert.deepEqual(await at(3), FENCED);
    assert.deepEqual(await at(2), OK);
    assert.deepEqual(await at(4), FENCED);
    assert.equal((await harness.store.read('a')).number, 2);
  });

  example('the last two commits of an owner may be sent again, no others', async (harness) => {
    await (await owner(harness)).send();
    const { fence } = await owner(harness);
    const at = (number: number) => harness.store.commit(commitOf('a', fence, number));
    assert.deepEqual(await at(2), OK);
    assert.deepEqual(await at(2), DUPLICATE);
    // The one before is the former owner's.
    assert.deepEqual(await at(1), FENCED);
    assert.deepEqual(await at(3), OK);
    assert.deepEqual(await at(2), DUPLICATE);
    assert.deepEqual(await at(4), OK);
    assert.deepEqual(await at(2), FENCED);
    assert.deepEqual([await at(3), await at(4)], [DUPLICATE, DUPLICATE]);
    assert.equal((await harness.store.read('a')).number, 4);
  });

  example('one behind another is taken after it, and not without it', async (harness) => {
    const { store } = harness;
    const a = await owner(harness);
    await a.send({ claims: ['x'] });
    const next = (count: number) => a.build({ results: [resultIn('x', 0, count)] });
    const counted = async () => (await store.load()).rows[0].latest?.impressions;
    const taken = await pairOf(store, next(5), next(6));
    assert.deepEqual(taken.answers.map(said), [OK, OK]);
    assert.equal(await counted(), 6);
    await owner(harness);
    const { isBehind, answers } = await pairOf(store, next(7), next(8));
    assert.deepEqual(answers.map(said), [FENCED, isBehind ? 'store_unavailable' : FENCED]);
    assert.equal(await counted(), 6);
  });

  example('the same commit sent again is a duplicate and changes nothing', async (harness) => {
    const a = await owner(harness);
    const commit = a.build({
      claims: ['x'],
      results: [resultIn('x', 0, 5)],
      kept: [keptOf(1, START)],
      comebacks: [{ partition: 'p', offset: 1, watermark: 2 }],
    });
    assert.deepEqual(await harness.store.commit(commit), OK);
    const before = await contentOf(harness.store, ['a'], ['x']);
    assert.deepEqual(await harness.store.commit(commit), DUPLICATE);
    assert.deepEqual(await contentOf(harness.store, ['a'], ['x']), before);
    await harness.settled();
    assert.equal(harness.changes.length, 1);
  });

  example('an owner without a commit has no duplicates', async (harness) => {
    const first = await owner(harness);
    await first.send({ parts: [{ name: 'p', bytes: Buffer.from('first') }] });
    const second = await owner(harness);
    const sameNumber = commitOf('a', second.fence, 1);
    assert.deepEqual(await harness.store.commit(sameNumber), FENCED);
    assert.deepEqual(await harness.store.commit(second.build()), OK);
  });

  example('a stale owner is fenced, whatever it sends', async (harness) => {
    const stale = await owner(harness);
    const last = stale.build();
    await harness.store.commit(last);
    const now = await owner(harness);
    assert.deepEqual(await harness.store.commit(last), FENCED);
    assert.deepEqual(await stale.send(), FENCED);
    // The right epoch with another token, and the right token with another epoch, do not pass.
    const { epoch, token } = now.fence;
    const forged = commitOf('a', { epoch, token: stale.fence.token }, 2);
    assert.deepEqual(await harness.store.commit(forged), FENCED);
    const older = commitOf('a', { epoch: epoch - 1, token }, 2);
    assert.deepEqual(await harness.store.commit(older), FENCED);
    assert.deepEqual(await now.send(), OK);
  });

  example('a fenced commit writes nothing at all', async (harness) => {
    const a = await owner(harness);
    await a.send({ claims: ['x'], results: [resultIn('x', 0, 1)] });
    const before = await contentOf(harness.store, ['a'], ['x', 'y']);
    const wrong = commitOf('a', a.fence, 5, {
      parts: [{ name: 'n', bytes: Buffer.from('n') }],
      claims: ['y'],
      removals: ['x'],
      results: [resultIn('x', 1, 2)],
      kept: [keptOf(1, START)],
    });
    assert.deepEqual(await harness.store.commit(wrong), FENCED);
    assert.deepEqual(await contentOf(harness.store, ['a'], ['x', 'y']), before);
  });

  for (const commits of [1, 2, 5])
    example(`rolled back by ${commits}: the owner's next commit is fenced`, async (harness) => {
      const a = await owner(harness);
      await a.send();
      const snapshot = await harness.snapshot();
      for (let i = 0; i < commits; i++) await a.send();
      const last = commitOf('a', a.fence, a.number, {});
      await harness.rollback(snapshot);
      assert.deepEqual(await a.send(), FENCED);
      // One commit back, the last one without an answer may still come: it is last + 1.
      assert.deepEqual(await harness.store.commit(last), commits === 1 ? OK : FENCED);
      const next = await owner(harness);
      assert.deepEqual(await next.send(), OK);
    });

  example('rolled back behind the claim: the owner is fenced', async (harness) => {
    const first = await owner(harness);
    await first.send();
    const snapshot = await harness.snapshot();
    const second = await owner(harness);
    await second.send();
    await harness.rollback(snapshot);
    assert.deepEqual(await second.send(), FENCED);
  });
}

function productExamples(example: Example): void {
  example('a product is granted to the first task that asks', async (harness) => {
    const a = await owner(harness, 'a');
    const b = await owner(harness, 'b');
    assert.deepEqual(await a.send({ claims: ['x', 'y'] }), OK);
    assert.deepEqual(await b.send({ claims: ['y', 'z'] }), { answer: 'ok', heldElsewhere: ['y'] });
    assert.deepEqual(await a.send({ claims: ['x', 'z'] }), { answer: 'ok', heldElsewhere: ['z'] });
  });

  example('a duplicate names the products held elsewhere as well', async (harness) => {
    const a = await owner(harness, 'a');
    const b = await owner(harness, 'b');
    await a.send({ claims: ['x'] });
    const commit = b.build({ claims: ['x', 'y'] });
    assert.deepEqual(await harness.store.commit(commit), { answer: 'ok', heldElsewhere: ['x'] });
    assert.deepEqual(await harness.store.commit(commit), {
      answer: 'duplicate',
      heldElsewhere: ['x'],
    });
  });

  example('a new owner of the task owns the products of the former', async (harness) => {
    await (await owner(harness)).send({ claims: ['x'] });
    const next = await owner(harness);
    assert.deepEqual(await next.send({ results: [resultIn('x', 0, 3)] }), OK);
    assert.equal((await harness.store.load()).rows.length, 1);
  });

  example('results of products that are not owned are not written', async (harness) => {
    const a = await owner(harness, 'a');
    const b = await owner(harness, 'b');
    await a.send({ claims: ['x'], results: [resultIn('x', 0, 1)] });
    await b.send({ results: [resultIn('x', 1, 99), resultIn('unknown', 1, 99)] });
    assert.deepEqual((await harness.store.load()).rows, [
      { product: 'x', latest: countsOf(0, 1), previous: null },
    ]);
    assert.deepEqual(await windowsOf(harness.store, 'x', 0, Infinity), [countsOf(0, 1)]);
    assert.deepEqual(await windowsOf(harness.store, 'unknown', 0, Infinity), []);
    await harness.settled();
    assert.equal(harness.changes.length, 1);
  });

  example('only own rows are removed; the claim is free, the history stays', async (harness) => {
    const a = await owner(harness, 'a');
    const b = await owner(harness, 'b');
    await a.send({ claims: ['x'], results: [resultIn('x', 0, 1)] });
    await b.send({ removals: ['x', 'unknown'] });
    assert.equal((await harness.store.load()).rows.length, 1);
    await a.send({ removals: ['x'] });
    await harness.reopen();
    assert.deepEqual((await harness.store.load()).rows, []);
    assert.deepEqual(await windowsOf(harness.store, 'x'), [countsOf(0, 1)]);
    assert.deepEqual(await b.send({ claims: ['x'], results: [resultIn('x', 1, 2)] }), OK);
    assert.deepEqual(await a.send({ claims: ['x'] }), { answer: 'ok', heldElsewhere: ['x'] });
    assert.deepEqual(await windowsOf(harness.store, 'x'), [countsOf(0, 1), countsOf(1, 2)]);
  });

  example(
    'of the products that left some are remembered for their history, the last ones',
    async (harness) => {
      const a = await owner(harness);
      const names = ['x', 'y', 'z'];
      await a.send({ claims: names, results: names.map((name) => resultIn(name, 0, 1)) });
      for (const name of names) await a.send({ removals: [name] });
      const left = await Promise.all(names.map((name) => windowsOf(harness.store, name)));
      assert.deepEqual(
        left.map((windows) => windows.length),
        [0, 1, 1],
      );
      // The one that comes back is new, and the others are not forgotten for it.
      await a.send({ claims: ['x'], results: [resultIn('x', 1, 5)] });
      assert.deepEqual(await windowsOf(harness.store, 'x'), [countsOf(1, 5)]);
      assert.equal((await windowsOf(harness.store, 'y')).length, 1);
    },
    { limits: { historyProducts: 2 } },
  );

  example(
    'a product that left and came back is not forgotten with those that leave after it',
    async (harness) => {
      const a = await owner(harness);
      const names = ['x', 'y', 'z'];
      await a.send({ claims: names, results: names.map((name) => resultIn(name, 0, 1)) });
      await a.send({ removals: ['x'] });
      await a.send({ claims: ['x'] });
      for (const name of ['y', 'z']) await a.send({ removals: [name] });
      await a.send({ results: [resultIn('x', 1, 5)] });
      assert.deepEqual((await harness.store.load()).rows, [
        { product: 'x', latest: countsOf(1, 5), previous: null },
      ]);
      assert.deepEqual(await windowsOf(harness.store, 'x'), [countsOf(0, 1), countsOf(1, 5)]);
    },
    { limits: { historyProducts: 1 } },
  );

  example("what left and is another task's now is not written by the former", async (harness) => {
    const a = await owner(harness, 'a');
    const b = await owner(harness, 'b');
    await a.send({ claims: ['x', 'y'] });
    for (const name of ['x', 'y']) {
      await a.send({ results: ['x', 'y'].map((one) => resultIn(one, 0, 1)) });
      // Also where the commit that removes it was made ready before.
      if (name === 'x') await a.send();
      await a.send({ removals: [name], results: name === 'x' ? [resultIn('y', 1, 1)] : [] });
      await b.send({ claims: [name], results: [resultIn(name, 2, 7)] });
      await a.send({ results: [resultIn(name, 3, 99)] });
    }
    const { rows } = await harness.store.load();
    assert.deepEqual(
      rows.map(({ latest }) => latest),
      [countsOf(2, 7), countsOf(2, 7)],
    );
  });

  example('in one commit a row is removed, then claimed, then written', async (harness) => {
    const a = await owner(harness);
    await a.send({ claims: ['x'], results: [resultIn('x', 0, 1)] });
    const results = [resultIn('x', 3, 7)];
    assert.deepEqual(await a.send({ removals: ['x'], claims: ['x'], results }), OK);
    assert.deepEqual((await harness.store.load()).rows, [
      { product: 'x', latest: countsOf(3, 7), previous: null },
    ]);
    assert.deepEqual(await windowsOf(harness.store, 'x'), [countsOf(0, 1), countsOf(3, 7)]);
    await harness.settled();
    assert.deepEqual(harness.changes[1]?.removals, ['x']);
    assert.equal(harness.changes[1]?.rows.length, 1);
  });

  example('what was rolled back is owned by nobody', async (harness) => {
    const a = await owner(harness, 'a');
    const b = await owner(harness, 'b');
    const snapshot = await harness.snapshot();
    await a.send({ claims: ['x'] });
    await harness.rollback(snapshot);
    assert.deepEqual(await b.send({ claims: ['x'], results: [resultIn('x', 0, 1)] }), OK);
    assert.equal((await harness.store.load()).rows.length, 1);
  });

  const odd = ['', ' ', 'a\0b', '__proto__', 'constructor', 'ü', '😀', '"', "'; --", 'A', 'a'];
  example('products with odd names are told apart', async (harness) => {
    const a = await owner(harness);
    const results = odd.map((product, i) => resultIn(product, 0, i + 1));
    assert.deepEqual(await a.send({ claims: odd, results }), OK);
    await harness.reopen();
    const { rows } = await harness.store.load();
    const found = new Map(rows.map((row) => [row.product, row.latest?.impressions]));
    assert.deepEqual(found, new Map(odd.map((product, i) => [product, i + 1])));
    for (const [i, product] of odd.entries())
      assert.deepEqual(await windowsOf(harness.store, product, 0, Infinity), [countsOf(0, i + 1)]);
  });
}

function resultExamples(example: Example): void {
  example('latest and previous are written blindly', async (harness) => {
    const a = await owner(harness);
    await a.send({ claims: ['x'] });
    const newer = countsOf(9, 10, 2);
    const older = countsOf(4, 3, 1);
    await a.send({ results: [{ product: 'x', latest: newer, previous: older, cells: [] }] });
    assert.deepEqual((await harness.store.load()).rows, [
      { product: 'x', latest: newer, previous: older },
    ]);
    // An older window as latest: the write rule is the owner's, not the store's.
    await a.send({ results: [{ product: 'x', latest: older, previous: null, cells: [] }] });
    assert.deepEqual((await harness.store.load()).rows, [
      { product: 'x', latest: older, previous: null },
    ]);
  });

  example('cells of history carry absolute counts', async (harness) => {
    const a = await owner(harness);
    const cells = [countsOf(0, 5, 1), countsOf(1, 6, 2)];
    await a.send({ claims: ['x'], results: [{ ...resultIn('x', 1, 6), cells }] });
    await a.send({ results: [{ ...resultIn('x', 1, 6), cells: [countsOf(0, 8, 3)] }] });
    const [first, second] = [countsOf(0, 8, 3), countsOf(1, 6, 2)];
    assert.deepEqual(await windowsOf(harness.store, 'x', 0, Infinity), [first, second]);
    assert.deepEqual(await windowsOf(harness.store, 'x', first.start, second.start), [first]);
    assert.deepEqual(await windowsOf(harness.store, 'x', first.start + 1, second.start + 1), [
      second,
    ]);
    assert.deepEqual(await windowsOf(harness.store, 'x', second.start + 1, Infinity), []);
    const span = { fromMs: first.start, toMs: second.start };
    assert.deepEqual(await harness.store.history({ levels: ['window'], products: null, ...span }), [
      [first],
    ]);
  });

  example(
    'counts and times up to the safe integers come back exactly',
    async (harness) => {
      const a = await owner(harness);
      const most = Number.MAX_SAFE_INTEGER;
      const cells = [-most, -1, 0, 127, 128, 16_384, most].map((n, i) => ({
        start: n,
        impressions: [0, 1, 127, 128, 2 ** 32, 2 ** 40, most][i] as number,
        clicks: Math.abs(n),
      }));
      const latest = cells.at(-1)!;
      const results = [{ product: 'x', latest, previous: cells[0]!, cells }];
      await a.send({ claims: ['x'], results });
      await harness.reopen();
      assert.deepEqual(await windowsOf(harness.store, 'x', -Infinity, Infinity), cells);
      assert.deepEqual((await harness.store.load()).rows, [
        { product: 'x', latest, previous: cells[0] },
      ]);
    },
    { limits: { historyKeep: FOR_EVER } },
  );

  example('a closing may be spread over commits', async (harness) => {
    const a = await owner(harness);
    const products = Array.from({ length: 3_000 }, (_, i) => `product-${i}`);
    await a.send({ claims: products });
    for (let from = 0; from < products.length; from += 700) {
      const some = products.slice(from, from + 700);
      assert.deepEqual(await a.send({ results: some.map((name, i) => resultIn(name, 0, i)) }), OK);
      const { rows } = await harness.store.load();
      assert.equal(rows.length, Math.min(3_000, from + 700));
    }
    const impressions = new Map<string, number | undefined>();
    for (const { product, latest } of (await harness.store.load()).rows)
      impressions.set(product, latest?.impressions);
    for (const [i, product] of products.entries()) assert.equal(impressions.get(product), i % 700);
    const [cell] = await windowsOf(harness.store, 'product-2999', 0, Infinity);
    assert.deepEqual(cell, countsOf(0, 2_999 % 700));
  });

  example('parts are put, replaced and removed; the status is the last', async (harness) => {
    const a = await owner(harness);
    const part = (name: string, text: string) => ({ name, bytes: Buffer.from(text) });
    await a.send({ parts: [part('one', '1'), part('two', '2'), part('empty', '')] });
    await a.send({ parts: [part('two', 'II')], removedParts: ['one', 'never there'] });
    const { parts, status, number } = await harness.store.read('a');
    const texts = parts.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()]);
    assert.deepEqual(
      new Map(texts as [string, string][]),
      new Map([
        ['two', 'II'],
        ['empty', ''],
      ]),
    );
    assert.deepEqual(status, statusOf(2));
    assert.equal(number, 2);
    assert.deepEqual(await harness.store.statuses(), new Map([['a', statusOf(2)]]));
  });

  example('tasks share no parts', async (harness) => {
    const a = await owner(harness, 'a');
    const b = await owner(harness, 'b');
    await a.send({ parts: [{ name: 'same', bytes: Buffer.from('of a') }] });
    await b.send({ removedParts: ['same'] });
    assert.equal((await harness.store.read('a')).parts.length, 1);
    assert.equal((await harness.store.read('b')).parts.length, 0);
  });
}

function boundExamples(example: Example): void {
  example(
    'kept events are dropped by age, and counted',
    async (harness, clock) => {
      const a = await owner(harness);
      await a.send({ kept: [keptOf(1, START), keptOf(2, START + 5_000)] });
      clock.advance(10_000);
      await a.send();
      assert.deepEqual(await harness.store.keptTotals(), { events: 2, bytes: 12, pruned: 0 });
      clock.advance(1);
      await a.send();
      assert.deepEqual(await harness.store.keptTotals(), { events: 1, bytes: 6, pruned: 1 });
      const [left] = await harness.store.rejected({ limit: 10 });
      assert.equal(left?.offset, 2);
    },
    { limits: { keptMs: 10_000 } },
  );

  example(
    'kept events are dropped by size, oldest first, and counted',
    async (harness) => {
      const a = await owner(harness);
      for (let n = 0; n < 10; n++) await a.send({ kept: [keptOf(n, START, 'x'.repeat(300))] });
      const offsets = (await harness.store.rejected({ limit: 10 })).map(({ offset }) => offset);
      // Two events of 300 bytes and what each weighs beside them fit 1 000 bytes, three do not.
      assert.deepEqual(offsets, [9, 8]);
      assert.deepEqual(await harness.store.keptTotals(), { events: 2, bytes: 600, pruned: 8 });
    },
    { limits: { keptTotalBytes: 1_000 } },
  );

  example(
    'also events without bytes are limited',
    async (harness) => {
      const a = await owner(harness);
      await a.send({ kept: Array.from({ length: 100 }, (_, n) => keptOf(n, START, '')) });
      const { events, bytes, pruned } = await harness.store.keptTotals();
      assert.equal(bytes, 0);
      assert.equal(events + pruned, 100);
      assert.ok(events > 0 && events < 10, `${events} are kept`);
    },
    { limits: { keptTotalBytes: 1_000 } },
  );

  example('old comebacks go when there are too many', async (harness) => {
    const a = await owner(harness);
    const comebacksFrom = (from: number): Comeback[] =>
      Array.from({ length: 60_000 }, (_, i) => ({
        partition: 'p',
        offset: from + i,
        watermark: i,
      }));
    await a.send({ comebacks: comebacksFrom(0) });
    await a.send({ comebacks: comebacksFrom(60_000) });
    const comebacks = await harness.store.comebacks();
    assert.equal(comebacks.length, 100_000);
    assert.deepEqual(comebacks[0], {
      task: 'a',
      partition: 'p',
      offset: 20_000,
      watermark: 20_000,
    });
    assert.equal(comebacks.at(-1)?.offset, 119_999);
  });
}

function readExamples(example: Example): void {
  example('kept events are read by arrival, and up to so many bytes', async (harness) => {
    const a = await owner(harness, 'a');
    const bytes = Buffer.alloc(100, 'x');
    const kept = [0, 1, 2, 3].map((i) => ({ ...keptOf(i, START + i), bytes }));
    await a.send({ kept });
    const offsets = async (query: object) =>
      (await harness.store.rejected({ limit: 9, ...query })).map(({ offset }) => offset);
    assert.deepEqual(await offsets({ fromMs: START + 1, toMs: START + 3 }), [2, 1]);
    assert.deepEqual(await offsets({ fromMs: START + 3 }), [3]);
    assert.deepEqual(await offsets({ toMs: START + 1 }), [0]);
    // The one that reaches the limit is the last; there is always one.
    assert.deepEqual(await offsets({ maxBytes: 101 }), [3, 2]);
    assert.deepEqual(await offsets({ maxBytes: 100 }), [3]);
    assert.deepEqual(await offsets({ maxBytes: 1 }), [3]);
    assert.deepEqual(await offsets({ toMs: START + 3, maxBytes: 200 }), [2, 1]);
  });

  example('kept events are read newest first, by reason, page by page', async (harness) => {
    const a = await owner(harness, 'a');
    const b = await owner(harness, 'b');
    const late = { ...keptOf(3, START), reason: 'too_late' as const };
    await a.send({ kept: [keptOf(1, START), late] });
    await b.send({ kept: [keptOf(2, START)] });
    const all = await harness.store.rejected({ limit: 10 });
    const brief = all.map(({ task, offset, reason }) => [task, offset, reason]);
    assert.deepEqual(brief, [
      ['b', 2, 'not_json'],
      ['a', 3, 'too_late'],
      ['a', 1, 'not_json'],
    ]);
    assert.deepEqual(await harness.store.rejected({ limit: 2 }), all.slice(0, 2));
    const rest = await harness.store.rejected({ limit: 2, before: all[1]!.id });
    assert.deepEqual(rest, all.slice(2));
    for (const before of [0, 1, all[2]!.id])
      assert.deepEqual(await harness.store.rejected({ limit: 2, before }), [], `before ${before}`);
    assert.deepEqual(await harness.store.rejected({ limit: 9, reason: 'too_late' }), [all[1]]);
    const { bytes, ...event } = all[0]!;
    const { bytes: _, ...expected } = keptOf(2, START);
    assert.deepEqual(event, { ...expected, task: 'b', id: all[0]!.id });
    assert.equal(Buffer.from(bytes).toString(), 'broken');
  });

  example(
    'changes are numbered without a hole, one a commit that changed rows',
    async (harness) => {
      const a = await owner(harness);
      const { incarnation } = await harness.store.load();
      assert.ok(incarnation.length > 0);
      await a.send({ claims: ['x'] });
      await a.send({ results: [resultIn('x', 0, 1)] });
      await a.send();
      await a.send({ kept: [keptOf(1, START)], parts: [{ name: 'n', bytes: Buffer.from('n') }] });
      await harness.reopen();
      await a.send({ results: [resultIn('x', 1, 1)] });
      await a.send({ removals: ['x'] });
      await harness.settled();
      const numbers = harness.changes.map(({ number }) => number);
      assert.deepEqual(numbers, [1, 2, 3]);
      for (const change of harness.changes) assert.equal(change.incarnation, incarnation);
      assert.deepEqual(harness.changes[2], {
        incarnation,
        number: 3,
        windowMs: 10_000,
        rows: [],
        removals: ['x'],
      });
    },
  );

  example('load and follow together miss nothing and show nothing twice', async (harness) => {
    const a = await owner(harness);
    await a.send({ claims: ['x', 'y'], results: [resultIn('x', 0, 1)] });
    const seen: number[] = [];
    const view = new Map<string, Row>();
    const stop = harness.store.follow((change) => {
      seen.push(change.number);
      for (const product of change.removals) view.delete(product);
      for (const row of change.rows) view.set(row.product, row);
    });
    const sending = a.send({ results: [resultIn('y', 0, 1)] });
    const { number, rows } = await harness.store.load();
    await sending;
    for (const row of rows) if (!view.has(row.product)) view.set(row.product, row);
    await a.send({ removals: ['x'] });
    await harness.settled();
    assert.deepEqual(
      seen.filter((n) => n > number),
      range(number + 1, 3),
    );
    assert.deepEqual([...view.values()], (await harness.store.load()).rows);
    stop();
    await a.send({ results: [resultIn('y', 1, 5)] });
    await harness.settled();
    assert.equal(seen.at(-1), 3);
  });

  example('a change is told when the commit can be read', async (harness) => {
    const a = await owner(harness);
    let loading: Promise<{ number: number }> | undefined;
    harness.store.follow(() => {
      loading = harness.store.load();
    });
    await a.send({ claims: ['x'], results: [resultIn('x', 0, 1)] });
    await harness.settled();
    assert.equal((await loading)?.number, 1);
  });

  example('everything is there after opening again', async (harness) => {
    const a = await owner(harness);
    await a.send({
      claims: ['x', 'y'],
      results: [{ ...resultIn('x', 4, 2), previous: countsOf(2, 8, 8) }],
      parts: [{ name: 'n', bytes: Buffer.from('bytes') }],
      kept: [keptOf(7, START)],
      comebacks: [{ partition: 'p', offset: 3, watermark: -5 }],
    });
    const before = await contentOf(harness.store, ['a'], ['x', 'y']);
    await harness.reopen();
    assert.deepEqual(await contentOf(harness.store, ['a'], ['x', 'y']), before);
    assert.deepEqual(await a.send({ results: [resultIn('y', 5, 1)] }), OK);
    assert.equal((await harness.store.load()).rows.length, 2);
  });

  example('a closed store says so', async (harness) => {
    const a = await owner(harness);
    await harness.store.close();
    await assert.rejects(a.send(), { code: 'store_unavailable' });
    await assert.rejects(harness.store.load(), { code: 'store_unavailable' });
  });
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
}
