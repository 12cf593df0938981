/**
 * The SQLite store keeps the contract, in memory and in a file, and survives what SQLite throws.
 */

import assert from 'node:assert/strict';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { Limits } from '../../src/config.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { SqliteStore } from '../../src/stores/sqlite/store.ts';
import { outputOf, start, temporary } from '../support/processes.ts';
import { runsFromEnv } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { commitOf, contentOf, countsOf, keptOf, resultIn, START, windowsOf } from './commits.ts';
import { SqliteHarness } from './harness.ts';
import { randomSequences } from './sequences.ts';
import { storeSuite } from './suite.ts';

storeSuite('sqlite', (options) => new SqliteHarness(options, ':memory:'));

const WANTED = ['ok', 'duplicate', 'fenced', 'held elsewhere', 'closing', 'rollback', 'reopen'];

test('random sequences on SQLite equal memory in every answer and all content', async (t) => {
  const { seed, runs } = runsFromEnv({ seed: 1, runs: 1_000 });
  const open = (options: ConstructorParameters<typeof SqliteHarness>[0]) =>
    new SqliteHarness(options, ':memory:');
  const { tally, summary } = await randomSequences(seed, runs, open);
  t.diagnostic(summary);
  if (runs >= 100) for (const what of WANTED) assert.ok((tally.get(what) ?? 0) > runs / 10, what);
});

test('random sequences on a real file, opened again and again, equal memory', async (t) => {
  const directory = temporary(t);
  const { seed, runs } = runsFromEnv({ seed: 100_001, runs: 60 });
  let files = 0;
  const { summary } = await randomSequences(
    seed,
    runs,
    (options) => new SqliteHarness(options, join(directory, `${files++}.db`)),
  );
  t.diagnostic(summary);
});

function fileHarness(
  t: { after(fn: () => void): void },
  limits: Partial<Limits> = {},
): SqliteHarness {
  const options = { clock: new SimClock(START), limits };
  const harness = new SqliteHarness(options, join(temporary(t), 'c.db'));
  t.after(() => harness.close());
  return harness;
}

test('what was answered is on disk: the log is written in full before the answer', (t) => {
  const { db } = fileHarness(t);
  const told = (name: string) => Object.values(db.prepare(`PRAGMA ${name}`).get()!)[0];
  const names = ['journal_mode', 'synchronous', 'fullfsync', 'checkpoint_fullfsync'];
  assert.deepEqual(names.map(told), ['wal', 2, 1, 1]);
});

test('a commit that finds no room is rolled back wholly, and goes through later', async (t) => {
  const harness = fileHarness(t);
  const { store } = harness;
  const fence = await store.claim('a', 'token');
  await store.commit(commitOf('a', fence, 1, { claims: ['x'], results: [resultIn('x', 0, 1)] }));
  const before = await contentOf(store, ['a'], ['x', 'y']);
  const pages = Number(harness.db.prepare('PRAGMA page_count').get()?.page_count);
  harness.db.exec(`PRAGMA max_page_count = ${pages}`);
  const large = commitOf('a', fence, 2, {
    removals: ['x'],
    claims: ['y'],
    results: [resultIn('y', 1, 2)],
    kept: [keptOf(1, START)],
    // Last in the transaction: everything else is written by then.
    comebacks: Array.from({ length: 5_000 }, (_, n) => ({
      partition: 'p',
      offset: n,
      watermark: n,
    })),
  });
  for (let again = 0; again < 3; again++)
    await assert.rejects(store.commit(large), { code: 'store_full', retry: true });
  assert.deepEqual(await contentOf(store, ['a'], ['x', 'y']), before);
  assert.equal(harness.changes.length, 1);
  harness.db.exec('PRAGMA max_page_count = 1000000');
  assert.deepEqual(await store.commit(large), { answer: 'ok', heldElsewhere: [] });
  const { rows } = await store.load();
  assert.deepEqual(
    rows.map(({ product }) => product),
    ['y'],
  );
  assert.deepEqual(
    harness.changes.map(({ number }) => number),
    [1, 2],
  );
});

// The system refuses each write to a file as large as this process may have one.
test('a disk that refuses to write is not told to be full', async (t) => {
  const file = join(temporary(t), 'c.db');
  const module = import.meta.resolve('../../src/sqlite.ts');
  const script = `
    const { openDatabase, transaction } = await import(${JSON.stringify(module)});
    const db = openDatabase(${JSON.stringify(file)});
    const more = () => db.exec("INSERT INTO meta VALUES (hex(randomblob(60000)), 1, 1)");
    try { for (;;) transaction(db, more); }
    catch (error) { console.log(error.code, error.message); }`;
  const node = [process.execPath, '--input-type=module', '-e', script];
  const child = start('sh', ['-c', 'ulimit -f 1000; exec "$@"', 'sh', ...node]);
  t.after(() => child.kill());
  await outputOf(child, new RegExp(`store_unavailable ${file}: disk I/O error; see to the disk`));
});

test('rows that found no room are not written by the next commit', async (t) => {
  const harness = fileHarness(t);
  const { store } = harness;
  const fence = await store.claim('a', 'token');
  const products = Array.from({ length: 2_000 }, (_, n) => `product-${n}`);
  await store.commit(commitOf('a', fence, 1, { claims: products }));
  const pages = Number(harness.db.prepare('PRAGMA page_count').get()?.page_count);
  harness.db.exec(`PRAGMA max_page_count = ${pages}`);
  const all = commitOf('a', fence, 2, { results: products.map((name) => resultIn(name, 0, 1)) });
  await assert.rejects(store.commit(all), { code: 'store_full' });
  harness.db.exec('PRAGMA max_page_count = 1000000');
  const one = commitOf('a', fence, 2, { results: [resultIn('product-7', 0, 5)] });
  assert.deepEqual(await store.commit(one), { answer: 'ok', heldElsewhere: [] });
  assert.deepEqual(
    (await store.load()).rows.map(({ product }) => product),
    ['product-7'],
  );
});

test('products that come and go leave nothing behind but what is kept of history', async (t) => {
  const keep = { windowsMs: 0, minutesMs: 0, quartersMs: 0 };
  const harness = fileHarness(t, { historyProducts: 600, historyKeep: keep });
  const { store } = harness;
  const fence = await store.claim('a', 'token');
  const commits = 10;
  for (let n = 1; n <= commits; n++) {
    const claims = Array.from({ length: 600 }, (_, i) => `product-${n}-${i}`);
    const results = claims.map((name) => resultIn(name, n * 500, 1));
    const removals = Array.from({ length: 600 }, (_, i) => `product-${n - 1}-${i}`);
    await store.commit(commitOf('a', fence, n, { claims, results, removals }));
  }
  const count = (table: string) =>
    Number(harness.db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n);
  assert.equal(count('products'), 1_200);
  assert.equal(count('departed'), 600);
  assert.ok(count('rows') <= 4, `${count('rows')} buckets of rows`);
  // A bucket or two of the newest window, the rest in days.
  assert.ok(count('cells') <= 30, `${count('cells')} rows of history`);
});

test('nothing is written to a file that was moved or deleted, until it is back', async (t) => {
  const harness = fileHarness(t);
  const { store, file } = harness;
  const fence = await store.claim('a', 'token');
  const commit = commitOf('a', fence, 1, { claims: ['x'] });
  for (const name of [file, `${file}-wal`]) {
    renameSync(name, `${name}.moved`);
    for (const isReplaced of [false, true]) {
      if (isReplaced) writeFileSync(name, '');
      const refused = { code: 'store_unavailable', message: new RegExp(`^${name} was moved`) };
      await assert.rejects(store.commit(commit), refused);
    }
    rmSync(name);
    renameSync(`${name}.moved`, name);
  }
  assert.equal((await store.commit(commit)).answer, 'ok');
});

test('a database that another program locks is unavailable for now', async (t) => {
  const harness = fileHarness(t);
  const { store } = harness;
  harness.db.exec('PRAGMA busy_timeout = 1');
  const fence = await store.claim('a', 'token');
  const other = new DatabaseSync(harness.file);
  t.after(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  const commit = commitOf('a', fence, 1, { claims: ['x'] });
  await assert.rejects(store.commit(commit), { code: 'store_unavailable', retry: true });
  other.exec('ROLLBACK');
  assert.deepEqual(await store.commit(commit), { answer: 'ok', heldElsewhere: [] });
});

test('files of others, newer ones and damaged ones are refused by name', (t) => {
  const directory = temporary(t);
  const refused = (name: string, message: RegExp) =>
    assert.throws(() => openDatabase(join(directory, name)), {
      code: 'checkpoint_damaged',
      message: new RegExp(`${name}.*${message.source}`),
    });
  writeFileSync(join(directory, 'text.db'), 'certainly not a database, but long enough'.repeat(50));
  refused('text.db', /not a database/);
  const foreign = new DatabaseSync(join(directory, 'foreign.db'));
  foreign.exec('CREATE TABLE recipes (name TEXT)');
  foreign.close();
  refused('foreign.db', /another program/);
  const newer = openDatabase(join(directory, 'newer.db'));
  newer.exec('PRAGMA user_version = 99');
  newer.close();
  refused('newer.db', /version 99/);
});

test('a file in a place that is not there is unavailable', (t) => {
  const file = join(temporary(t), 'no', 'such', 'directory.db');
  assert.throws(() => openDatabase(file), { code: 'store_unavailable', message: /directory\.db/ });
});

test('a damaged page is told as damage, with the name of the file', async (t) => {
  const harness = fileHarness(t);
  const fence = await harness.store.claim('a', 'token');
  const parts = Array.from({ length: 50 }, (_, n) => ({
    name: `${n}`,
    bytes: Buffer.alloc(3_000),
  }));
  await harness.store.commit(commitOf('a', fence, 1, { parts }));
  harness.db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  const bytes = Buffer.from(harness.db.serialize());
  harness.close();
  bytes.fill(0xff, 2 * 4_096);
  writeFileSync(harness.file, bytes);
  const read = async () => {
    const db = openDatabase(harness.file);
    t.after(() => db.close());
    return new SqliteStore(db).read('a');
  };
  await assert.rejects(read(), { code: 'checkpoint_damaged', message: new RegExp(harness.file) });
});

test('a listener that throws does not undo or hide a commit', async (t) => {
  const harness = fileHarness(t);
  const faults: unknown[] = [];
  const before = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.once('uncaughtException', (fault) => faults.push(fault));
  t.after(() => {
    for (const listener of before) process.on('uncaughtException', listener);
  });
  const told: number[] = [];
  harness.store.follow(() => {
    throw new Error('a fault of the listener');
  });
  harness.store.follow(({ number }) => told.push(number));
  const fence = await harness.store.claim('a', 'token');
  const commit = commitOf('a', fence, 1, { claims: ['x'], results: [resultIn('x', 0, 1)] });
  assert.deepEqual(await harness.store.commit(commit), { answer: 'ok', heldElsewhere: [] });
  await new Promise(setImmediate);
  assert.deepEqual(told, [1]);
  assert.match(String(faults[0]), /a fault of the listener/);
});

test('a file of the first version is taken over with its hour of windows', async (t) => {
  const harness = fileHarness(t);
  const fence = await harness.store.claim('a', 'token');
  const results = [resultIn('x', 0, 7)];
  await harness.store.commit(commitOf('a', fence, 1, { claims: ['x'], results }));
  harness.db.exec(`CREATE TABLE history (bucket INTEGER, window_start INTEGER, cells BLOB);
INSERT INTO history SELECT bucket, start, cells FROM cells;
DROP TABLE cells; DROP TABLE cell_counts; DROP TABLE departed;
PRAGMA user_version = 1;`);
  harness.reopen();
  assert.deepEqual(await windowsOf(harness.store, 'x'), [countsOf(0, 7)]);
  await harness.store.commit(commitOf('a', fence, 2, { results: [resultIn('x', 1, 8)] }));
  assert.deepEqual(await windowsOf(harness.store, 'x'), [countsOf(0, 7), countsOf(1, 8)]);
  const version = harness.db.prepare('PRAGMA user_version').get()?.user_version;
  assert.equal(version, 3);
});
