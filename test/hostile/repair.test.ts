/** What a repair does about each damage, what it says is lost, and what comes out afterwards. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { openData } from '../../src/cli/data.ts';
import { silentLog } from '../../src/log.ts';
import { backUp } from '../../src/repair/backup.ts';
import { tryRepair } from '../../src/repair/repair.ts';
import { damagedName } from '../../src/repair/steps.ts';
import { temporary } from '../support/processes.ts';
import { recordsOf } from '../support/records.ts';
import {
  ask,
  BASE,
  change,
  copy,
  engineOn,
  outcomeOf,
  SETTINGS_HERE,
  use,
  used,
} from './directory.ts';

type Outcome = Awaited<ReturnType<typeof outcomeOf>>;

/** Steps of the repair after `sql`, and the outcome before and after both. */
async function repaired(t: Parameters<typeof temporary>[0], origin: string, sql: string) {
  const base = temporary(t);
  copy(origin, join(base, 'whole'));
  copy(origin, join(base, 'damaged'));
  change(join(base, 'damaged'), sql);
  const { steps, keep } = tryRepair(join(base, 'damaged'));
  keep(0);
  return {
    steps,
    directory: join(base, 'damaged'),
    whole: await outcomeOf(join(base, 'whole')),
    mended: await outcomeOf(join(base, 'damaged')),
  };
}

const LOSSLESS = [
  'DELETE FROM journal_head',
  'UPDATE journal_head SET next = next + 50',
  "UPDATE journal_head SET topic = 'x'",
  "UPDATE products SET product = 'product-x' WHERE no = 3",
  "UPDATE products SET product = 'x' || no WHERE no IN (3, 4)",
  "UPDATE products SET task = '1' WHERE no = 4",
  "UPDATE meta SET value = 1 WHERE name = 'next_no'",
  "DELETE FROM meta WHERE name = 'next_no'; UPDATE meta SET value = 5 WHERE name = 'window_ms'",
  "UPDATE meta SET value = 'x' WHERE name = 'incarnation'",
  "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = 'nonsense' WHERE name = 'cells'",
];

for (const sql of LOSSLESS)
  test(`nothing is lost by: ${sql}`, async (t) => {
    const { steps, whole, mended } = await repaired(t, await used(t), sql);
    assert.deepEqual(new Set(steps.map(({ lost }) => lost)), new Set(['nothing']));
    assert.deepEqual(mended, whole);
  });

/** Of one product, whose row no longer says under which number its history is. */
const UNKNOWN_NUMBER = [
  'UPDATE products SET no = no + 5 WHERE no = (SELECT max(no) FROM products)',
  "UPDATE products SET product = 'x', crc = crc + 1 WHERE no = 3",
];

for (const sql of UNKNOWN_NUMBER)
  test(`a product begins anew, and said so: ${sql}`, async (t) => {
    const { steps, whole, mended, directory } = await repaired(t, await used(t), sql);
    assert.deepEqual(
      steps.map(({ lost }) => lost),
      ['latest, previous and history of 1 product'],
    );
    const changed = mended.history.flatMap((levels, n) =>
      isDeepStrictEqual(levels, whole.history[n]) ? [] : [n],
    );
    assert.equal(changed.length, 1);
    const [windows] = mended.history[changed[0]];
    const [all] = whole.history[changed[0]];
    assert.ok(windows.length > 0);
    assert.deepEqual(windows, all.slice(-windows.length));
    assert.deepEqual(mended.ledgers, whole.ledgers);
    // The next product gets a number that nothing has.
    const next = "SELECT value > (SELECT max(no) FROM products) FROM meta WHERE name = 'next_no'";
    assert.equal(ask(directory, next), 1);
  });

const received = ({ ledgers }: Outcome) => ledgers[0].received;

test('a row of the journal that was not counted is missed, and said so', async (t) => {
  const sql = `UPDATE journal SET bytes = zeroblob(length(bytes))
    WHERE first = (SELECT max(first) FROM journal WHERE first < 1650)`;
  const { steps, whole, mended, directory } = await repaired(t, await used(t), sql);
  assert.deepEqual(steps, [
    {
      what: 'the journal from offset 1500 to 1649',
      does: 'it is set aside and counted as missed, behind a publish floor',
      lost: '150 events that were accepted',
    },
  ]);
  assert.equal(received(mended), received(whole) - 150);
  assert.equal(mended.ledgers[0].missed, 150);
  // They came at about this time, and events may be so far ahead of it.
  const floor = BASE + 60_000 + SETTINGS_HERE.futureMs;
  const told = Number(ask(directory, "SELECT json_extract(status, '$.publishFloor') FROM tasks"));
  assert.ok(told >= floor && told < floor + 1_000, String(told - floor));
});

test('what is missing at the end of the journal is missed too, its offsets are not used again', async (t) => {
  const sql = 'DELETE FROM journal WHERE first = (SELECT max(first) FROM journal)';
  const { steps, whole, mended, directory } = await repaired(t, await used(t), sql);
  assert.deepEqual(
    steps.map(({ lost }) => lost),
    ['150 events that were accepted'],
  );
  assert.equal(mended.ledgers[0].missed, 150);
  assert.equal(received(mended), received(whole) - 150);
  assert.equal(ask(directory, 'SELECT next FROM journal_head'), received(whole));
});

test('without rows and head, the journal goes on where the checkpoint stands', async (t) => {
  const directory = await used(t);
  const position = ask(
    directory,
    "SELECT json_extract(status, '$.partitions[0].position') FROM tasks",
  );
  assert.ok(Number(position) > 0);
  change(directory, 'DELETE FROM journal; DELETE FROM journal_head');
  tryRepair(directory).keep(0);
  assert.equal(ask(directory, 'SELECT next FROM journal_head'), position);
});

test('with a damaged part a task begins again where the journal does', async (t) => {
  const origin = await used(t);
  const sql = "UPDATE parts SET bytes = x'00' WHERE name = 'block/0'";
  const { steps, whole, mended } = await repaired(t, origin, sql);
  assert.equal(steps.length, 1);
  assert.match(steps[0].does, /^task 0 begins again at offset \d+, behind a publish floor$/);
  assert.match(steps[0].lost, /latest and previous of 40 products.*open; the ledger begins anew/);
  assert.equal(received(mended), 600);
  // What was published before stays in history, as it was.
  const published = whole.history.map(([windows]) => windows.slice(0, 6));
  assert.deepEqual(
    mended.history.map(([windows]) => windows.slice(0, 6)),
    published,
  );
});

test('with all events in the journal, a damaged checkpoint costs nothing', async (t) => {
  const directory = join(temporary(t), 'data');
  const engine = await engineOn(directory);
  // The source is never acknowledged, as if the process had ended right after its commit.
  engine.journal.acknowledge = async () => {};
  const line = (n: number) =>
    `{"product_id":"product-${n % 7}","timestamp":${1_574_553_600_000 + n * 20},"event_type":"click"}`;
  await engine.journal.append(
    recordsOf(
      Array.from({ length: 500 }, (_, n) => line(n)),
      0,
    ),
  );
  await engine.run(false);
  await engine.end();
  const sql = "UPDATE tasks SET status = 'damaged'";
  const { steps, whole, mended } = await repaired(t, directory, sql);
  assert.match(steps[0].does, /counts all events again/);
  assert.equal(steps[0].lost, 'nothing');
  assert.deepEqual(mended, whole);
});

test('damaged history and results are left out, with their numbers', async (t) => {
  const origin = await used(t);
  const cells = await repaired(t, origin, 'UPDATE cells SET count = count + 1 WHERE start % 3 = 0');
  assert.match(cells.steps[0].lost, /^\d+ cells of history$/);
  assert.deepEqual(cells.mended.rows, cells.whole.rows);
  assert.deepEqual(cells.mended.ledgers, cells.whole.ledgers);
  const rows = await repaired(t, origin, 'UPDATE rows SET rows = zeroblob(8)');
  assert.equal(rows.steps[0].lost, 'latest and previous of 40 products until their next window');
  assert.deepEqual(rows.mended.history, rows.whole.history);
});

const CELLS = 'SELECT group_concat(level || cells) FROM (SELECT * FROM cell_counts ORDER BY level)';
const SUMS = CELLS.replace('*', 'level, sum(count) AS cells').replace(
  'cell_counts',
  'cells GROUP BY 1',
);

test('a row of history that the new file does not take is told, and counts no more', async (t) => {
  const directory = await used(t);
  const sql = "UPDATE sqlite_schema SET sql = replace(sql, 'INTEGER', 'ANY') WHERE name = 'cells'";
  change(directory, `PRAGMA writable_schema = 1; ${sql}`);
  change(directory, "UPDATE cells SET start = 'x' WHERE start = (SELECT max(start) FROM cells)");
  change(directory, 'DELETE FROM kept WHERE id = 1');
  const { steps, keep } = tryRepair(directory);
  keep(0);
  assert.deepEqual(
    steps.slice(-2).map(({ what, lost }) => `${what}: ${lost}`),
    ['the table cells: 1 other row', 'the number of cells of window: nothing'],
  );
  assert.equal(ask(directory, CELLS), ask(directory, SUMS));
  const kept = ask(directory, "SELECT count(*) || ' ' || sum(length(bytes)) FROM kept");
  assert.equal(ask(directory, "SELECT events || ' ' || bytes FROM kept_totals"), kept);
});

test('a wrong number of cells, by which history is dropped, is noticed and found again', async (t) => {
  const directory = await used(t);
  const whole = ask(directory, CELLS);
  const WRONG = [
    ['UPDATE cell_counts SET cells = cells + 16777216', 'window'],
    ['DELETE FROM cell_counts', 'window'],
    ["INSERT INTO cell_counts VALUES ('2m', 7)", '2m'],
  ];
  for (const [sql, level] of WRONG) {
    change(directory, sql);
    const what = `the number of cells of ${level}`;
    await assert.rejects(engineOn(directory), {
      code: 'checkpoint_damaged',
      message: RegExp(what),
    });
    const { steps, keep } = tryRepair(directory);
    assert.deepEqual(steps, [{ what, does: 'they are counted again', lost: 'nothing' }]);
    keep(0);
    rmSync(join(directory, damagedName(0)), { recursive: true });
    assert.equal(ask(directory, CELLS), whole);
  }
});

test('a damaged log goes with the damaged file: the mended one starts without it', async (t) => {
  const base = temporary(t);
  const directory = join(base, 'crashed');
  await use(join(base, 'stopped'), directory, 1);
  const log = join(directory, 'clickrate.db-wal');
  const bytes = readFileSync(log);
  // Before the last writes.
  bytes[bytes.length >> 1] ^= 1;
  writeFileSync(log, bytes);
  const { steps, keep } = tryRepair(directory);
  assert.match(steps[0].what, /^clickrate\.db-wal at byte \d+$/);
  const damaged = keep(0);
  assert.deepEqual(readFileSync(join(damaged, 'clickrate.db-wal')), bytes);
  await (await engineOn(directory)).end();
});

test('of a log without its head all writes are lost, and told; what is left can be started', async (t) => {
  const base = temporary(t);
  const directory = join(base, 'crashed');
  await use(join(base, 'stopped'), directory, 1);
  const log = join(directory, 'clickrate.db-wal');
  const bytes = readFileSync(log);
  bytes[5] ^= 1;
  writeFileSync(log, bytes);
  const { steps, keep } = tryRepair(directory);
  assert.equal(steps[0].what, 'clickrate.db-wal at byte 0');
  // Twelve pieces of events, and commits.
  const writes = Number(/^(\d+) writes behind it/.exec(steps[0].lost)?.[1]);
  assert.ok(writes > 12, steps[0].lost);
  keep(0);
  await (await engineOn(directory)).end();
});

test('nothing is damaged in a backup', async (t) => {
  const directory = temporary(t);
  const copied = join(directory, 'clickrate.db');
  backUp(join(await used(t), 'clickrate.db'), copied);
  const before = readFileSync(copied);
  const { steps, drop } = tryRepair(directory);
  drop();
  assert.deepEqual(steps, []);
  assert.deepEqual(readFileSync(copied), before);
});

test('a file of another program is not touched', async (t) => {
  const directory = temporary(t);
  const db = new DatabaseSync(join(directory, 'clickrate.db'));
  db.exec('CREATE TABLE recipes (name TEXT)');
  db.close();
  assert.throws(() => tryRepair(directory), /a file of another program/);
  assert.deepEqual(readdirSync(directory), ['clickrate.db']);
});

test('a product id that begins with a byte order mark is not damaged', async (t) => {
  const directory = temporary(t);
  const engine = await engineOn(directory);
  const event = { product_id: '\ufeffp', timestamp: BASE, event_type: 'click' };
  await engine.journal.append(recordsOf([JSON.stringify(event)], 0));
  await engine.run(true);
  await engine.end();
  const { steps, drop } = tryRepair(directory);
  drop();
  assert.deepEqual(steps, []);
});

test('the copy of a killed repair is named by a start, and goes with the next repair', async (t) => {
  const directory = await used(t);
  const left = () => readdirSync(directory).filter((name) => name.startsWith('repair-'));
  tryRepair(directory);
  const told: unknown[] = [];
  const { lock, db } = openData(directory, { ...silentLog, warn: (fields) => told.push(fields) });
  db.close();
  lock.release();
  assert.deepEqual(told, [{ copy: join(directory, left()[0]) }]);
  tryRepair(directory).drop();
  assert.deepEqual(left(), []);
});
