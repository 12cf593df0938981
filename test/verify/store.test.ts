/** A data directory held against a recount of its journal, or, where that is gone, against itself. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { replay } from '../../src/cli/replay.ts';
import { verifyDirectory, verifyRedis } from '../../src/cli/verify-store.ts';
import { OPTIONS } from '../../src/config.ts';
import { WINDOW } from '../../src/history.ts';
import { silentLog } from '../../src/log.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { CELL_PRODUCTS, CellTable } from '../../src/stores/sqlite/cells.ts';
import { everyHistory } from '../../src/stores/sqlite/every-history.ts';
import { selfCheck } from '../../src/verify/store.ts';
import { change, engineOn, events, plant, SETTINGS_HERE, use, used } from '../hostile/directory.ts';
import { temporary } from '../support/processes.ts';
import { Random } from '../support/random.ts';
import { recordsOf } from '../support/records.ts';
import { startRedis, withoutRedis } from '../support/redis-server.ts';

/** A directory whose journal has every event: its source was never acknowledged. */
async function whole(t: Parameters<typeof temporary>[0]): Promise<string> {
  const directory = join(temporary(t), 'data');
  const engine = await engineOn(directory);
  engine.journal.acknowledge = async () => {};
  const random = new Random(5);
  for (let piece = 0; piece < 8; piece++)
    await engine.journal.append(recordsOf(events(random, piece, 150), 0));
  await engine.run(false);
  await engine.end();
  return directory;
}

/** Latest of product number 1: one impression more. */
function oneMore(directory: string): void {
  const db = new DatabaseSync(join(directory, 'clickrate.db'));
  const row = db.prepare('SELECT rows FROM rows WHERE bucket = 0').get()?.rows as Uint8Array;
  const numbers = new Float64Array(new Uint8Array(row).buffer);
  numbers[6 + 1] += 1;
  db.prepare('UPDATE rows SET rows = ?').run(new Uint8Array(numbers.buffer));
  db.close();
  plant(directory, '');
}

test('a journal with all events is recounted, and nothing is written', async (t) => {
  const directory = await whole(t);
  const before = readFileSync(join(directory, 'clickrate.db'));
  const { how, differences, expected } = await verifyDirectory(directory);
  assert.deepEqual(differences, []);
  assert.equal(how, 'the journal has all events');
  assert.equal(expected.ledger.get('received'), 1_200);
  assert.ok((expected.ledger.get('too_late') ?? 0) > 0 && expected.windows.size > 200);
  assert.deepEqual(readFileSync(join(directory, 'clickrate.db')), before);
});

test('a recount finds what is planted: in the ledger, in a result, in history', async (t) => {
  const directory = await whole(t);
  oneMore(directory);
  const one = await verifyDirectory(directory);
  assert.deepEqual(
    one.differences.map(({ engine, what }) => [engine, what]),
    [['latest, previous', 'window']],
  );
  plant(
    directory,
    `UPDATE tasks SET status = json_set(status, '$.ledger.verdicts.counted', 7);
     DELETE FROM cells WHERE start = (SELECT max(start) FROM cells)`,
  );
  const more = await verifyDirectory(directory);
  assert.ok(more.differences.some(({ what, where }) => what === 'ledger' && where === 'counted'));
  assert.ok(more.differences.some(({ engine }) => engine === 'history (window)'));
});

test('without the journal the store is held against itself', async (t) => {
  const directory = await used(t);
  const { how, differences, expected } = await verifyDirectory(directory);
  assert.match(how, /no event before offset 1200: the store is held against itself/);
  assert.deepEqual(differences, []);
  assert.equal(expected.ledger.get('received'), 1_200);
  assert.ok(expected.windows.size > 40);
  oneMore(directory);
  plant(directory, "UPDATE tasks SET status = json_set(status, '$.ledger.verdicts.counted', 7)");
  const planted = await verifyDirectory(directory);
  assert.deepEqual(
    planted.differences.map(({ what, where }) => (what === 'ledger' ? where : what)),
    ['window', 'sum of verdicts'],
  );
});

test('a directory that a replay filled is held against itself', async (t) => {
  const directory = join(temporary(t), 'data');
  const file = join(temporary(t), 'events.ndjson');
  const random = new Random(5);
  const lines = Array.from({ length: 8 }, (_, piece) => events(random, piece, 150)).flat();
  writeFileSync(file, `${lines.join('\n')}\n`);
  const options = { files: [file], sort: false, data: directory, settings: SETTINGS_HERE };
  await replay({ ...options, log: silentLog, signal: new AbortController().signal });
  const { how, differences, expected } = await verifyDirectory(directory);
  assert.match(how, /events of file-0 are not in the directory: the store is held against itself/);
  assert.deepEqual(differences, []);
  assert.equal(expected.ledger.get('received'), lines.length);
  plant(directory, "UPDATE tasks SET status = json_set(status, '$.ledger.verdicts.counted', 7)");
  const planted = await verifyDirectory(directory);
  assert.deepEqual(
    planted.differences.map(({ where }) => where),
    ['sum of verdicts'],
  );
});

test('a product of history that lost its row, its owner or its name is found', async (t) => {
  const lose = async (sql: string) => {
    const directory = await used(t);
    plant(directory, sql);
    return (await verifyDirectory(directory)).differences;
  };
  const half = '(SELECT no FROM products ORDER BY no LIMIT 20)';
  for (const sql of [
    `UPDATE products SET task = '' WHERE no IN ${half}`,
    `DELETE FROM products WHERE no IN ${half}`,
  ]) {
    const found = await lose(sql);
    assert.equal(new Set(found.map(({ where }) => where.split(' 20')[0])).size, 20, sql);
    assert.ok(found.every(({ found, what }) => found === '-' && what === 'window'));
  }
  assert.equal((await lose('DELETE FROM rows')).length, 80);
});

test('a product that expired has no row, and that is right', async (t) => {
  const directory = await used(t);
  plant(directory, "UPDATE products SET task = ''");
  assert.ok((await verifyDirectory(directory)).differences.length > 0);
  plant(directory, "UPDATE tasks SET status = json_set(status, '$.settings.expiryMs', 1)");
  const watermark = "json_set(status, '$.watermark', json_extract(status, '$.watermark') + 60000)";
  plant(directory, `UPDATE tasks SET status = ${watermark}`);
  assert.deepEqual((await verifyDirectory(directory)).differences, []);
});

test('what a start refuses is refused: a byte of the log, of a row, of the structure', async (t) => {
  const crashed = join(temporary(t), 'crashed');
  await use(join(temporary(t), 'stopped'), crashed, 1);
  assert.deepEqual((await verifyDirectory(crashed)).differences, []);
  const log = join(crashed, 'clickrate.db-wal');
  const bytes = readFileSync(log);
  bytes[32 + 24 + 100] ^= 1;
  writeFileSync(log, bytes);
  await assert.rejects(verifyDirectory(crashed), {
    code: 'checkpoint_damaged',
    message: /wal is damaged at byte 32/,
  });
  assert.deepEqual(readFileSync(log), bytes);

  const row = await used(t);
  change(row, 'UPDATE cells SET crc = crc + 1 WHERE start = (SELECT max(start) FROM cells)');
  await assert.rejects(verifyDirectory(row), { code: 'checkpoint_damaged', message: /history of/ });

  const pages = await used(t);
  const file = readFileSync(join(pages, 'clickrate.db'));
  file.writeUInt32BE(file.readUInt32BE(36) + 3, 36);
  writeFileSync(join(pages, 'clickrate.db'), file);
  await assert.rejects(verifyDirectory(pages), {
    code: 'checkpoint_damaged',
    message: /structure/,
  });
});

test('while a process runs its rows are checked, and its log is said not to be', async (t) => {
  const directory = await used(t);
  assert.doesNotMatch((await verifyDirectory(directory)).how, /log was not checked/);
  const engine = await engineOn(directory);
  t.after(() => engine.end());
  const { how, differences } = await verifyDirectory(directory);
  assert.match(how, /the write-ahead log was not checked: .* is in use by process/);
  assert.deepEqual(differences, []);
  change(directory, 'UPDATE rows SET crc = crc + 1');
  await assert.rejects(verifyDirectory(directory), { code: 'checkpoint_damaged' });
});

/** Three buckets full of products, each with a cell in each of `windows`. */
function fullHistory(file: string, windows: number): DatabaseSync {
  const db = openDatabase(file);
  db.exec(`BEGIN; WITH RECURSIVE n(no) AS (
      SELECT 0 UNION ALL SELECT no + 1 FROM n WHERE no < ${3 * CELL_PRODUCTS - 1})
    INSERT INTO products SELECT no, 'product ' || no, '0', 0 FROM n`);
  const insert = db.prepare('INSERT INTO cells VALUES (?, ?, ?, ?, ?, 0)');
  const table = new CellTable();
  for (let start = 0; start < windows; start++) {
    for (let slot = 0; slot < CELL_PRODUCTS; slot++) table.set(slot, start + slot, start);
    for (let bucket = 0; bucket < 3; bucket++)
      insert.run(WINDOW, bucket, start, CELL_PRODUCTS, table.pack());
  }
  db.exec('COMMIT');
  return db;
}

/** `db`, telling of every row that is read. */
function watched(db: DatabaseSync, onRow: () => void): DatabaseSync {
  const prepare = (sql: string) => {
    const statement = db.prepare(sql);
    function* rowsOf(...values: never[]) {
      for (const row of statement.iterate(...values)) {
        onRow();
        yield row;
      }
    }
    return { iterate: rowsOf, all: (...values: never[]) => [...rowsOf(...values)] };
  };
  return { prepare } as unknown as DatabaseSync;
}

test('work grows with what history holds: 3 072 products of 360 windows', async (t) => {
  const [products, windows] = [3 * CELL_PRODUCTS, 360];
  const db = fullHistory(join(temporary(t), 'clickrate.db'), windows);
  t.after(() => db.close());
  const work = { rows: 0, handedOver: 0 };
  const rows = Array.from({ length: products }, (_, no) => {
    const of = (start: number) => ({
      start,
      impressions: start + (no % CELL_PRODUCTS),
      clicks: start,
    });
    return { product: `product ${no}`, latest: of(windows - 1), previous: of(windows - 2) };
  });
  async function* histories(_: unknown, newest: number) {
    for (const one of everyHistory(
      watched(db, () => work.rows++),
      WINDOW,
      newest,
    )) {
      work.handedOver += one.windows.length;
      yield one;
    }
  }
  const view = { statuses: new Map(), comebacks: [], oldest: 0, rows, histories };
  const { differences, expected } = await selfCheck(view);
  assert.deepEqual(differences, []);
  assert.equal(expected.windows.size, 2 * products);
  assert.deepEqual(work, { rows: 3 + products + 3 * windows, handedOver: 2 * products });
  const lost = await selfCheck({ ...view, rows: rows.slice(1) });
  assert.equal(lost.differences.length, 2);
});

test('interrupted, nothing is said of Redis', { skip: withoutRedis() }, async (t) => {
  const { url } = await startRedis(t);
  const options = { ...OPTIONS, redis: url, brokers: '127.0.0.1:1' };
  await assert.rejects(verifyRedis(options, AbortSignal.abort()), {
    code: 'stopping',
    message: 'interrupted: nothing was verified',
  });
});
