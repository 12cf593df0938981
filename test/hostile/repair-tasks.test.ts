/** A file with several tasks, as a Kafka source keeps in SQLite: a repair of one leaves the others. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { openData } from '../../src/cli/data.ts';
import { silentLog } from '../../src/log.ts';
import { mendRows } from '../../src/repair/mend.ts';
import { tryRepair } from '../../src/repair/repair.ts';
import { damagedName } from '../../src/repair/steps.ts';
import { teachSums } from '../../src/sqlite-check.ts';
import { SqliteStore } from '../../src/stores/sqlite/store.ts';
import { commitOf, countsOf, resultIn, windowsOf } from '../stores/commits.ts';
import { temporary } from '../support/processes.ts';
import { ask, change, plant } from './directory.ts';

const BLOCK = [{ name: 'block/0', bytes: Uint8Array.of(1, 2, 3) }];

function storeIn(directory: string) {
  const { lock, db } = openData(directory, silentLog);
  const store = new SqliteStore(db);
  const end = async () => {
    await store.close();
    db.close();
    lock.release();
  };
  return { store, end };
}

/** Tasks 0 and 1 have published the first window of their products x and y. */
async function twoTasks(t: TestContext) {
  const directory = join(temporary(t), 'data');
  const { store, end } = storeIn(directory);
  const commit = async (task: string, product: string) => {
    const fence = await store.claim(task, task);
    const results = [resultIn(product, 1, 7)];
    const comebacks = [{ partition: task, offset: 1, watermark: 2 }];
    const written = { parts: BLOCK, results, claims: [product], comebacks };
    await store.commit(commitOf(task, fence, 1, written));
    return fence;
  };
  await commit('0', 'x');
  const fence = await commit('1', 'y');
  await end();
  return { directory, fence };
}

test("a damaged part of one task leaves another's products its own", async (t) => {
  const { directory, fence } = await twoTasks(t);
  change(directory, "UPDATE parts SET bytes = x'00' WHERE task = '0'");
  const { steps, keep } = tryRepair(directory);
  assert.equal(steps.length, 1);
  assert.match(steps[0].lost, /^latest and previous of 1 product until/);
  keep(0);
  assert.equal(ask(directory, 'SELECT product FROM departed NATURAL JOIN products'), 'x');
  const { store, end } = storeIn(directory);
  t.after(end);
  const rows = async () =>
    (await store.load()).rows.map(({ product, latest }) => [product, latest]);
  assert.deepEqual(await rows(), [['y', countsOf(1, 7)]]);
  // Its log is counted again, perhaps without the pauses that those tell of.
  assert.deepEqual(
    (await store.comebacks()).map(({ task }) => task),
    ['1'],
  );
  const next = commitOf('1', fence, 2, { parts: BLOCK, results: [resultIn('y', 2, 9)] });
  assert.deepEqual(await store.commit(next), { answer: 'ok', heldElsewhere: [] });
  assert.deepEqual(await rows(), [['y', countsOf(2, 9)]]);
  assert.deepEqual(await windowsOf(store, 'y'), [countsOf(1, 7), countsOf(2, 9)]);
  // The product of the damaged task comes back under its own number.
  const again = await store.claim('0', 'again');
  await store.commit(commitOf('0', again, 2, { parts: BLOCK, claims: ['x'] }));
  assert.deepEqual(await rows(), [['y', countsOf(2, 9)]]);
  await store.commit(commitOf('0', again, 3, { parts: BLOCK, results: [resultIn('x', 2, 5)] }));
  assert.deepEqual(await windowsOf(store, 'x'), [countsOf(1, 7), countsOf(2, 5)]);
});

async function loaded(directory: string) {
  const { store, end } = storeIn(directory);
  const { incarnation, rows } = await store.load();
  await end();
  return { incarnation, rows };
}

test('a product whose owner is found again leaves with the checkpoint of that task', async (t) => {
  const { directory } = await twoTasks(t);
  change(directory, "UPDATE parts SET bytes = x'00' WHERE task = '0'");
  change(directory, "UPDATE products SET task = '1' WHERE product = 'x'");
  tryRepair(directory).keep(0);
  assert.equal(ask(directory, 'SELECT product || task FROM departed NATURAL JOIN products'), 'x');
  // Also if it is owned again: what was published of it would be set back.
  plant(directory, "UPDATE products SET task = '1' WHERE product = 'x'");
  assert.deepEqual(
    (await loaded(directory)).rows.map(({ product }) => product),
    ['y'],
  );
});

test('a product that had left, with a damaged owner, keeps its history', async (t) => {
  const { directory } = await twoTasks(t);
  const { store, end } = storeIn(directory);
  const fence = await store.claim('0', 'again');
  await store.commit(commitOf('0', fence, 2, { parts: BLOCK, removals: ['x'] }));
  await end();
  change(directory, "UPDATE products SET task = '1' WHERE product = 'x'");
  const { steps, keep } = tryRepair(directory);
  keep(0);
  assert.deepEqual(
    steps.map(({ lost }) => lost),
    ['nothing'],
  );
  assert.equal(
    ask(directory, 'SELECT no || product || task FROM products NATURAL JOIN departed'),
    '1x',
  );
  change(directory, 'UPDATE products SET crc = crc + 1 WHERE no = 1');
  tryRepair(directory).keep(1);
  assert.equal(ask(directory, 'SELECT count(*) FROM departed'), 0);
});

test('a damaged name is not made a sound one by what is done about its task', async (t) => {
  const { directory } = await twoTasks(t);
  change(directory, "UPDATE parts SET bytes = x'00' WHERE task = '0'");
  change(directory, "UPDATE products SET product = 'z' WHERE product = 'x'");
  const { steps, keep } = tryRepair(directory);
  keep(0);
  assert.equal(steps.at(-1)?.lost, 'latest, previous and history of 1 product');
  assert.equal(ask(directory, 'SELECT group_concat(product) FROM products'), 'y');
});

/** What is changed, and whether rows that clients have seen are gone by the repair. */
const CHANGES: [sql: string, takesRows: boolean][] = [
  ["UPDATE parts SET bytes = x'00' WHERE task = '0'", true],
  ['UPDATE rows SET rows = zeroblob(8)', true],
  ["UPDATE products SET product = 'z' || no, crc = crc + 1", true],
  ["UPDATE meta SET value = 1 WHERE name = 'next_no'", false],
  ["UPDATE products SET task = 'z'", false],
  // More than a number of JavaScript can be.
  ["UPDATE products SET no = 9007199254740993 WHERE product = 'x'", true],
];
for (const [sql, takesRows] of CHANGES)
  test(`clients load anew where a repair takes rows away: ${sql}`, async (t) => {
    const { directory } = await twoTasks(t);
    const before = await loaded(directory);
    change(directory, sql);
    tryRepair(directory).keep(0);
    const after = await loaded(directory);
    assert.equal(after.rows.length < before.rows.length, takesRows);
    assert.equal(after.incarnation !== before.incarnation, takesRows);
  });

const META = "SELECT json_group_object(name, value) FROM meta WHERE name <> 'next_no'";
const metaOf = (directory: string) => JSON.parse(String(ask(directory, META)));

test('settings that are sound stay, and the length of windows is found again', async (t) => {
  const { directory } = await twoTasks(t);
  const before = metaOf(directory);
  assert.ok(before.change > 0);
  change(directory, "UPDATE meta SET value = 1 WHERE name IN ('next_no', 'window_ms')");
  tryRepair(directory).keep(0);
  assert.deepEqual(metaOf(directory), before);
  // The next product gets a number that nothing has.
  const next = "SELECT value > (SELECT max(no) FROM products) FROM meta WHERE name = 'next_no'";
  assert.equal(ask(directory, next), 1);
  // Those of which there is nothing but history have theirs for ever, a bucket of it has 1024.
  const lost = () => {
    change(directory, "DELETE FROM meta WHERE name = 'next_no'");
    tryRepair(directory).keep(1);
    rmSync(join(directory, damagedName(1)), { recursive: true });
    return ask(directory, "SELECT value FROM meta WHERE name = 'next_no'");
  };
  assert.equal(lost(), 1_025);
  plant(directory, 'DELETE FROM cells');
  assert.equal(lost(), 3);
});

for (const name of ['incarnation', 'change'])
  test(`numbers of changes are of a new incarnation where the ${name} is lost`, async (t) => {
    const { directory } = await twoTasks(t);
    const { incarnation } = metaOf(directory);
    change(directory, `DELETE FROM meta WHERE name = '${name}'`);
    tryRepair(directory).keep(0);
    const after = metaOf(directory);
    assert.match(after.incarnation, /^[0-9a-f-]{36}$/);
    assert.notEqual(after.incarnation, incarnation);
    assert.equal(typeof after.change, 'number');
  });

test('which windows were folded is found again: none of them is counted once more', async (t) => {
  const { directory } = await twoTasks(t);
  const oldest = ask(directory, 'SELECT min(start) FROM cells');
  const cells = 'SELECT level, bucket, start, count, cells, crc FROM cells';
  plant(directory, `INSERT INTO cells ${cells.replace('level', "'1m'").replace('start', '60000')}`);
  const folded = () => {
    change(directory, "DELETE FROM meta WHERE name = 'history_folded_to'");
    tryRepair(directory).keep(0);
    rmSync(join(directory, damagedName(0)), { recursive: true });
    return metaOf(directory).history_folded_to;
  };
  assert.equal(folded(), oldest);
  plant(directory, "DELETE FROM cells WHERE level = 'window'");
  assert.equal(folded(), 120_000);
});

/** Tables of which rows may be missing, those of task 0 that are, and what is said of it. */
const TORN: [torn: string, missing: string[], what: string][] = [
  ['tasks', ['tasks'], '(0 parts, but 1 are there)'],
  ['parts', ['tasks', 'parts'], 'is not whole'],
];

for (const [torn, missing, what] of TORN)
  test(`where rows of ${torn} may be missing all begin again: nothing published is set back`, async (t) => {
    const { directory } = await twoTasks(t);
    for (const table of missing) change(directory, `DELETE FROM ${table} WHERE task = '0'`);
    const db = new DatabaseSync(join(directory, 'clickrate.db'));
    teachSums(db);
    const steps = mendRows(db, new Set([torn]));
    db.close();
    assert.deepEqual(
      steps.map((step) => step.what),
      [`the checkpoint of task 0 ${what}`, 'the checkpoint of task 1 is not whole'],
    );
    assert.deepEqual((await loaded(directory)).rows, []);
  });
