import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { SerialisedBody } from '../../src/api/bodies.ts';
import { Results } from '../../src/api/results.ts';
import type { Clock } from '../../src/clock.ts';
import { LIMITS } from '../../src/config.ts';
import { ClickrateError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { resultOf } from '../../src/result.ts';
import type { Row } from '../../src/stores/store.ts';
import { fc } from '../support/fast-check.ts';
import { shareOf } from '../support/random.ts';
import { counts, FakeReader, row, START, WINDOW_MS } from './fake-reader.ts';

/** Sleeps last until the test ends them. */
function handClock() {
  const sleepers: (() => void)[] = [];
  const waitsMs: number[] = [];
  const clock: Clock = {
    wallMs: () => START,
    monotonicMs: () => 0,
    after: () => () => {},
    sleep: (ms) => {
      waitsMs.push(ms);
      return new Promise((resolve) => sleepers.push(resolve));
    },
  };
  const wake = async () => {
    for (const resolve of sleepers.splice(0)) resolve();
    for (let i = 0; i < 5; i++) await turn();
  };
  return { clock, wake, sleepers, waitsMs };
}

function resultsOver(reader: FakeReader, clock: Clock = handClock().clock) {
  return new Results({ reader, windowMs: WINDOW_MS, limits: LIMITS, clock, log: silentLog });
}

async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
}

const bytesOf = (body: SerialisedBody) => Buffer.concat([...body.get().pieces]);
/** Parsed entry by entry, so that a product called `__proto__` is seen. */
const parsed = (body: SerialisedBody) =>
  new Map(Object.entries(JSON.parse(bytesOf(body).toString())));

function expected(rows: Iterable<Row>, which: 'latest' | 'previous') {
  const entries: [string, unknown][] = [];
  for (const found of rows) {
    const window = found[which];
    if (window !== null) entries.push([found.product, resultOf(found.product, window, WINDOW_MS)]);
  }
  return new Map(entries);
}

function assertSame(results: Results, reader: FakeReader): void {
  assert.deepEqual(parsed(results.latest), expected(reader.rows.values(), 'latest'));
  assert.deepEqual(parsed(results.previous), expected(reader.rows.values(), 'previous'));
}

test('rows are loaded once, then changed as the store says', async () => {
  const reader = new FakeReader();
  reader.publish([row('a', counts(START, 10, 5)), row('b', counts(START, 3, 1))]);
  const results = resultsOver(reader);
  await results.start();
  assertSame(results, reader);
  reader.publish([row('a', counts(START + 10_000, 1, 0), counts(START, 10, 5))], ['b']);
  assertSame(results, reader);
  assert.equal(reader.loads, 1);
  assert.equal(results.size, 1);
  // A revision of an older window is not the newest.
  reader.publish([row('b', counts(START, 3, 1))]);
  assert.equal(results.newestStart, START + 10_000);
});

test('changes during the load are neither lost nor applied twice', async () => {
  const reader = new FakeReader();
  reader.publish([row('a', counts(START, 1, 0))]);
  reader.duringLoad = () => {
    // One that the load already has, and two that it has not.
    reader.tell(reader.change([row('a', counts(START, 999, 0))]));
    reader.publish([row('b', counts(START, 2, 0))]);
    reader.publish([row('a', counts(START, 3, 1))]);
  };
  const results = resultsOver(reader);
  await results.start();
  assertSame(results, reader);
  assert.equal(reader.loads, 1);
});

test('products that come and go take no more room than there are at once', async () => {
  const reader = new FakeReader();
  const results = resultsOver(reader);
  await results.start();
  for (let n = 0; n < 300; n++)
    reader.publish([row(`p${n}`, counts(START, n, 0))], n < 3 ? [] : [`p${n - 3}`]);
  assertSame(results, reader);
  assert.deepEqual([results.rows.size, results.rows.end], [3, 3]);
});

test('more changes during the load than are held back: it is done again, and nothing is missing', async () => {
  const reader = new FakeReader();
  reader.publish([row('a', counts(START, 0, 0))]);
  reader.duringLoad = () => {
    for (let n = 1; n <= 10_001; n++) reader.publish([row('a', counts(START, n, 0))]);
  };
  const { clock, wake } = handClock();
  const results = resultsOver(reader, clock);
  await results.start();
  await settled();
  await wake();
  assertSame(results, reader);
  assert.equal(reader.loads, 2);
});

test('a gap in the numbers, another incarnation or window size: all is loaded again', async () => {
  const reader = new FakeReader();
  const { clock, wake } = handClock();
  const results = resultsOver(reader, clock);
  await results.start();
  reader.publish([row('a', counts(START, 1, 0))]);
  reader.publishUnheard([row('b', counts(START, 1, 0))]);
  reader.publish([row('c', counts(START, 1, 0))]);
  await settled();
  await wake();
  assertSame(results, reader);
  assert.equal(reader.loads, 2);

  reader.incarnation = 'two';
  reader.number = 0;
  reader.rows.clear();
  reader.publish([row('d', counts(START - WINDOW_MS, 1, 0))]);
  await settled();
  await wake();
  assertSame(results, reader);
  assert.equal(reader.loads, 3);
  assert.equal(results.newestStart, START - WINDOW_MS);

  reader.publish([row('d', counts(START, 1, 0))], [], 5_000);
  await settled();
  await wake();
  assert.equal(reader.loads, 4);
  assert.match(bytesOf(results.latest).toString(), new RegExp(`"window_end":${START + 5_000}}`));
});

test('the first change of an empty store says the window size', async () => {
  const reader = new FakeReader();
  const results = resultsOver(reader);
  await results.start();
  reader.publish([row('a', counts(START, 1, 0))], [], 1_000);
  assert.match(bytesOf(results.latest).toString(), new RegExp(`"window_end":${START + 1_000}}`));
  assert.equal(reader.loads, 1);
});

test('a store that contradicts itself is asked again only after a wait', async () => {
  const reader = new FakeReader();
  reader.publish([row('a', counts(START, 1, 0))]);
  const { clock, wake, sleepers } = handClock();
  const results = resultsOver(reader, clock);
  await results.start();
  reader.tell({ ...reader.change([]), number: reader.number + 7 });
  await settled();
  assert.equal(reader.loads, 1);
  assert.equal(sleepers.length, 1);
  await wake();
  assert.equal(reader.loads, 2);
  assertSame(results, reader);
  // Once a change has fitted, nobody waits.
  reader.publish([row('b', counts(START, 1, 0))]);
  reader.publishUnheard([row('c', counts(START, 1, 0))]);
  reader.publish([]);
  await settled();
  assert.equal(sleepers.length, 0);
  assert.equal(reader.loads, 3);
  assertSame(results, reader);
});

test('a load that fails is tried again, and meanwhile the trouble is told', async () => {
  const reader = new FakeReader();
  reader.publish([row('a', counts(START, 1, 0))]);
  reader.failure = new ClickrateError('store_unavailable', 'no answer');
  const { clock, wake, waitsMs } = handClock();
  const results = resultsOver(reader, clock);
  await results.start();
  assert.match(results.trouble ?? '', /cannot be loaded: no answer/);
  assert.throws(() => results.latest, { code: 'store_unavailable' });
  for (let n = 1; n < 8; n++) await wake();
  assert.match(results.trouble ?? '', /no answer/);
  const growing = waitsMs.map((_, n) => Math.min(LIMITS.retryMinMs * 2 ** n, LIMITS.retryMaxMs));
  assert.deepEqual(waitsMs, growing);
  assert.equal(waitsMs.at(-1), LIMITS.retryMaxMs);
  reader.failure = null;
  await wake();
  assert.equal(results.trouble, null);
  assertSame(results, reader);
});

test('the log has a night of failed loads more and more rarely', async () => {
  const reader = new FakeReader();
  const { clock, wake } = handClock();
  let told = 0;
  const log = { ...silentLog, warn: () => told++ };
  const results = new Results({ reader, windowMs: WINDOW_MS, limits: LIMITS, clock, log });
  reader.failure = new ClickrateError('store_unavailable', 'no answer');
  await results.start();
  for (let failures = 1; failures < 64; failures++) await wake();
  assert.equal(told, 7, 'the 1st, 2nd, 4th … 64th');
});

test('of a failure that is none of ours the log says where it comes from', async () => {
  const reader = new FakeReader();
  const { clock, wake } = handClock();
  const logged: object[] = [];
  const log = { ...silentLog, warn: (fields: object) => logged.push(fields) };
  const results = new Results({ reader, windowMs: WINDOW_MS, limits: LIMITS, clock, log });
  const others = new TypeError('not a function');
  reader.failure = new ClickrateError('store_unavailable', 'no answer');
  await results.start();
  reader.failure = new ClickrateError('config_invalid', 'wrong password');
  await wake();
  reader.failure = others;
  await wake();
  assert.deepEqual(
    logged.map((fields) => (fields as { err?: Error }).err),
    [undefined, undefined, others],
  );
  // Who stops is told of no more.
  results.stop();
  await wake();
  const stopping = new Results({ reader, windowMs: WINDOW_MS, limits: LIMITS, clock, log });
  const started = stopping.start();
  stopping.stop();
  await started;
  assert.equal(logged.length, 3);
});

test('after stop nothing is followed, and a load under way has no effect', async () => {
  const reader = new FakeReader();
  const results = resultsOver(reader);
  const started = results.start();
  results.stop();
  await started;
  assert.equal(reader.followers, 0);
  assert.throws(() => results.rows, { code: 'store_unavailable' });
});

test('products with any name keep their own entries', async () => {
  const names = [
    '__proto__',
    'constructor',
    'a"b\\c',
    'ü€😀',
    '\u0000\n',
    '5',
    '',
    'toString',
    '\u2028',
  ];
  const reader = new FakeReader();
  reader.publish(names.map((name, i) => row(name, counts(START, i + 1, 1))));
  const results = resultsOver(reader);
  await results.start();
  assert.deepEqual(parsed(results.latest), expected(reader.rows.values(), 'latest'));
  assert.equal(parsed(results.latest).size, names.length);
});

test('bodies equal the rows after any changes, across chunks', async () => {
  const product = fc.integer({ min: 0, max: 2_500 }).map((i) => `p${i}`);
  const window = fc.option(
    fc.record({
      start: fc.constantFrom(START, 0, -WINDOW_MS),
      impressions: fc.nat(),
      clicks: fc.nat(),
    }),
  );
  const rows = fc.array(fc.record({ product, latest: window, previous: window }), {
    maxLength: 200,
  });
  const steps = fc.array(fc.record({ rows, removals: fc.array(product, { maxLength: 100 }) }), {
    maxLength: 8,
  });
  const property = fc.asyncProperty(steps, fc.boolean(), async (changes, large) => {
    const reader = new FakeReader();
    if (large)
      reader.publish(Array.from({ length: 2_600 }, (_, i) => row(`p${i}`, counts(START, i, 1))));
    const results = resultsOver(reader);
    await results.start();
    for (const { rows, removals } of changes) {
      const before = results.latest.get();
      const bytesBefore = bytesOf(results.latest);
      reader.publish(rows, removals);
      assertSame(results, reader);
      const same = bytesBefore.equals(bytesOf(results.latest));
      // Strong: the tag is the same exactly when the bytes are.
      assert.equal(before.etag === results.latest.get().etag, same);
    }
  });
  await fc.assert(property, { numRuns: shareOf(40) });
});

test('an unchanged chunk is not built again', async () => {
  const reader = new FakeReader();
  reader.publish(Array.from({ length: 5_000 }, (_, i) => row(`product_${i}`, counts(START, i, 1))));
  const results = resultsOver(reader);
  await results.start();
  const before = results.latest.get();
  assert.equal(results.latest.get(), before);
  reader.publish([row('product_4999', counts(START, 1, 1))]);
  const after = results.latest.get();
  const kept = after.pieces.filter((piece) => before.pieces.includes(piece));
  assert.equal(after.pieces.length, before.pieces.length);
  // All but the first, which is a view without its comma, and the one that changed.
  assert.equal(kept.length, after.pieces.length - 2);
});

test('a long body is made in turns, and is the newest although rows change meanwhile', async () => {
  const reader = new FakeReader();
  const many = 40_000;
  reader.publish(Array.from({ length: many }, (_, i) => row(`p${i}`, counts(START, i, 1))));
  const results = resultsOver(reader);
  await results.start();
  assert.equal(results.latest.isLongToMake, true);
  let turns = 0;
  const change = () => {
    turns++;
    reader.publish([row(`p${(turns * 977) % many}`, counts(START, turns, 1))], [`p${turns}`]);
    if (turns < 40) setImmediate(change);
  };
  setImmediate(change);
  const made = await results.latest.made();
  assert.ok(turns >= 5, `${turns} turns`);
  assert.equal(results.latest.get(), made);
  assertSame(results, reader);
});

test('who remembers changes holds the name of a product once, not once a change', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const reader = new FakeReader();
  const results = resultsOver(reader);
  await results.start();
  const remembered: string[][] = [];
  results.listen({
    changed: ({ rows }) => remembered.push(rows.map(({ product }) => product)),
    replaced: () => {},
  });
  const name = (n: number) => `${n} ${'of a name that is long '.repeat(5)}`;
  const names = JSON.stringify(Array.from({ length: 500 }, (_, n) => name(n)));
  // As a store reads them: each time a text of its own.
  const change = () =>
    reader.publish(
      (JSON.parse(names) as string[]).map((product) => row(product, counts(START, 1, 0))),
    );
  change();
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < 200; n++) change();
  collect();
  const grownMb = (process.memoryUsage().heapUsed - before) / 1e6;
  assert.equal(remembered.length, 201);
  assert.deepEqual(remembered.at(-1), JSON.parse(names));
  // 100 000 places of eight bytes; with texts of their own 14 MB more.
  assert.ok(grownMb < 5, `${grownMb} MB`);
});
