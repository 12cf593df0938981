/** A backup of a running engine, restored elsewhere: the counts go on as if nothing had been. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { lockDirectory } from '../../src/cli/lock.ts';
import { backUp, whyNot } from '../../src/repair/backup.ts';
import { tryRepair } from '../../src/repair/repair.ts';
import { openDatabase, openToRead } from '../../src/sqlite.ts';
import { change, outcomeOf as dataOf, engineOn, use, used } from '../hostile/directory.ts';
import { eventually, ROOT, startNode, temporary } from '../support/processes.ts';
import { embedded, event, feed } from './engine.ts';

const BASE = Date.UTC(2019, 10, 24);
const PRODUCTS = ['a', 'b', 'c'];

/** Events over 20 windows, with ids, some of them twice. */
const EVENTS = Array.from({ length: 2_000 }, (_, n) => {
  const id = { event_id: `id${n % 37 === 36 ? n - 1 : n}` };
  const same = n % 37 === 36 ? n - 1 : n;
  return event(PRODUCTS[same % 3], BASE + same * 10, id);
});
const END = event('a', BASE + 60_000);

type Windows = { windows: { window_start: number; impressions: number }[] };

async function outcomeOf(url: string) {
  const ledger = (await (await fetch(`${url}/v1/ledger`)).json()) as { total: object };
  const histories = await Promise.all(
    PRODUCTS.map(async (product) => {
      const path = `/v1/products/${product}/history?from=0&to=9000000000000000`;
      const { windows } = (await (await fetch(url + path)).json()) as Windows;
      return windows.map(({ window_start, impressions }) => [window_start, impressions]);
    }),
  );
  return { total: ledger.total, histories };
}

/** Feeds `lines` in pieces; then waits until the last of them is committed. */
async function feedAll(url: string, lines: readonly string[], received: number): Promise<void> {
  for (let at = 0; at < lines.length; at += 250) await feed(url, lines.slice(at, at + 250));
  await eventually(async () => {
    const { total } = await outcomeOf(url);
    return (total as { received: number }).received === received;
  });
}

/** Events that the file at `path` has taken. */
function takenBy(path: string): number {
  const db = new DatabaseSync(path, { readOnly: true });
  const { next } = db.prepare('SELECT next FROM journal_head').get() as { next: number };
  db.close();
  return next;
}

const cli = (...args: string[]) =>
  execFileSync(process.execPath, [join(ROOT, 'src/cli/main.ts'), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

test('a backup of a running engine goes on exactly in another directory', async (t) => {
  const data = temporary(t);
  const first = await embedded(data);
  t.after(() => first.stop());
  const copy = join(temporary(t), 'copy.db');
  const all = [...EVENTS, END];
  await feedAll(first.url, all.slice(0, 1_000), 1_000);
  assert.ok((await outcomeOf(first.url)).histories[0].length > 2);
  const feeding = feedAll(first.url, all.slice(1_000), all.length);
  await eventually(async () => takenBy(join(data, 'clickrate.db')) > 1_000, 30_000, 1);
  assert.match(cli('backup', copy, '--data', data), /bytes, checked/);
  await feeding;

  const directory = temporary(t);
  copyFileSync(copy, join(directory, 'clickrate.db'));
  const taken = takenBy(copy);
  assert.ok(taken > 0 && taken < all.length, `the copy has ${taken} events`);
  const second = await embedded(directory);
  t.after(() => second.stop());
  await feedAll(second.url, all.slice(taken), all.length);
  await eventually(async () => {
    assert.deepEqual(await outcomeOf(second.url), await outcomeOf(first.url));
    return true;
  });
});

test('a backup is refused where it would overwrite, or has nothing to copy', async (t) => {
  const data = temporary(t);
  const file = join(data, 'clickrate.db');
  assert.throws(() => backUp(file, join(data, 'x')), /does not exist/);
  openDatabase(file).close();
  writeFileSync(join(data, 'x'), 'mine');
  assert.throws(() => backUp(file, join(data, 'x')), /exists; name a new file/);
  const nowhere = join(data, 'none');
  assert.throws(() => backUp(file, join(nowhere, 'x')), new RegExp(`no directory ${nowhere}$`));
  assert.equal(readFileSync(join(data, 'x'), 'utf8'), 'mine');
  writeFileSync(file, 'not a database at all');
  assert.throws(() => backUp(file, join(data, 'y')), /cannot copy/);
  assert.deepEqual(readdirSync(data).toSorted(), ['clickrate.db', 'x']);
});

test('a backup is for no more eyes than what it is of', (t) => {
  const directory = temporary(t);
  const file = join(directory, 'clickrate.db');
  openDatabase(file).close();
  for (const mode of [0o600, 0o640, 0o644, 0o400]) {
    chmodSync(file, mode);
    const copy = join(directory, `copy-${mode}`);
    backUp(file, copy);
    const others = 0o077;
    const more = statSync(copy).mode & others & ~mode;
    assert.equal(more, 0, `of ${mode.toString(8)} ${more.toString(8)} more`);
  }
});

test('what the system refuses is told in words that say what to do', (t) => {
  const [data, copies] = [temporary(t), temporary(t)];
  const [file, copy] = [join(data, 'clickrate.db'), join(copies, 'copy.db')];
  openDatabase(file).close();
  const refused = (directory: string, message: RegExp) => {
    for (const one of [data, copies]) chmodSync(one, one === directory ? 0o555 : 0o777);
    asAnyUser(() => assert.throws(() => backUp(file, copy), { code: 'file_unreadable', message }));
    assert.deepEqual([...readdirSync(data), ...readdirSync(copies)], ['clickrate.db']);
  };
  refused(copies, /^cannot write into .*, name another file: EACCES: permission denied/);
  refused(
    data,
    /cannot be written, and without .*-shm .*: copy the whole directory to where it can/,
  );
  chmodSync(file, 0);
  refused('', /^cannot read .*clickrate\.db: EACCES: permission denied/);
  const full = Object.assign(new Error('database or disk is full'), { errcode: 13 });
  const { code, message } = whyNot('data/clickrate.db', 'small/x.db', full);
  assert.equal(code, 'store_full');
  assert.match(message, /^no room in small for a copy of data\/clickrate\.db: free some, or name/);
});

/** Root may do everything: then as nobody. */
function asAnyUser(body: () => void): void {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    body();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

test('what a start would refuse is not called a backup', async (t) => {
  const copy = join(temporary(t), 'copy.db');
  const refused = (file: string, code: string, message: RegExp) => {
    assert.throws(() => backUp(file, copy), { code, message });
    assert.deepEqual(readdirSync(dirname(copy)), []);
  };
  const row = await used(t);
  change(row, 'UPDATE cells SET crc = crc + 1 WHERE start = (SELECT max(start) FROM cells)');
  refused(join(row, 'clickrate.db'), 'checkpoint_damaged', /clickrate\.db: history of/);
  const schema = await used(t);
  change(schema, 'DROP INDEX cells_start');
  refused(join(schema, 'clickrate.db'), 'checkpoint_damaged', /index cells_start/);
  const emptied = join(temporary(t), 'clickrate.db');
  writeFileSync(emptied, '');
  refused(emptied, 'checkpoint_damaged', /clickrate\.db is empty/);
  const other = new DatabaseSync(emptied);
  other.exec('CREATE TABLE recipes (name TEXT)');
  other.close();
  refused(emptied, 'checkpoint_damaged', /clickrate\.db is a file of another program/);
});

test('a log with lost writes is not copied without them, unless a process writes it', async (t) => {
  const [crashed, copies] = [join(temporary(t), 'crashed'), temporary(t)];
  await use(join(temporary(t), 'stopped'), crashed, 1);
  assert.match(cli('backup', join(copies, 'whole.db'), '--data', crashed), /bytes, checked\n$/);
  const lock = lockDirectory(crashed);
  t.after(() => lock.release());
  const held = cli('backup', join(copies, 'held.db'), '--data', crashed);
  assert.match(held, /bytes, checked; the write-ahead log was not checked: .* in use by process/);
  lock.release();
  const log = join(crashed, 'clickrate.db-wal');
  const bytes = readFileSync(log);
  bytes[32 + 24 + 100] ^= 1;
  writeFileSync(log, bytes);
  const copy = join(copies, 'torn.db');
  assert.throws(() => cli('backup', copy, '--data', crashed), /wal is damaged at byte 32/);
  assert.equal(existsSync(copy), false);
});

test('the log of a killed process does not go into the copy that takes its place', async (t) => {
  const [crashed, copies] = [join(temporary(t), 'crashed'), temporary(t)];
  await use(join(copies, 'stopped'), crashed, 1);
  const [file, restored] = [join(crashed, 'clickrate.db'), join(copies, 'copy.db')];
  backUp(join(copies, 'stopped', 'clickrate.db'), restored);
  copyFileSync(restored, file);
  const refused = { code: 'checkpoint_damaged', message: /-wal is of the file that was there/ };
  for (const start of [engineOn, async () => openToRead(file, false)])
    await assert.rejects(start(crashed), refused);
  assert.throws(() => cli('backup', join(copies, 'x'), '--data', crashed), refused.message);
  assert.deepEqual(readFileSync(file), readFileSync(restored));
  const { steps, keep } = tryRepair(crashed);
  assert.deepEqual(
    steps.map(({ lost }) => lost),
    ['nothing'],
  );
  keep(0);
  assert.deepEqual(await dataOf(crashed), await dataOf(join(copies, 'stopped')));
});

/** A directory whose file takes a while to copy. */
function large(t: Parameters<typeof temporary>[0]): string {
  const data = temporary(t);
  const db = openDatabase(join(data, 'clickrate.db'));
  const keep = db.prepare(
    `INSERT INTO kept (task, partition, position, reason, message, arrival, bytes)
      VALUES ('0', 'journal-0', ?, 'not_json', 'm', 1, zeroblob(65000))`,
  );
  db.exec('BEGIN');
  for (let n = 0; n < 1_000; n++) keep.run(n);
  db.exec('COMMIT');
  db.close();
  return data;
}

test('a backup that is killed leaves nothing under its name, and nothing in the way', async (t) => {
  const [data, copies] = [large(t), temporary(t)];
  const copy = join(copies, 'copy.db');
  const backup = startNode('src/cli/main.ts', ['backup', copy, '--data', data]);
  t.after(() => backup.kill());
  await eventually(async () => readdirSync(copies).length > 0, 10_000, 1);
  assert.equal(await backup.kill(), 'SIGKILL');
  const left = readdirSync(copies);
  for (const name of left) assert.match(name, /^copy\.db\.unfinished-/);
  assert.match(cli('backup', copy, '--data', data), /bytes, checked/);
  assert.deepEqual(readdirSync(copies).toSorted(), ['copy.db', ...left.toSorted()]);
});

/** The data directory that version 1 of the tables wrote; see test/data/store-v1.md. */
function oldDirectory(t: Parameters<typeof temporary>[0]): string {
  const directory = temporary(t);
  mkdirSync(directory, { recursive: true });
  const packed = readFileSync(join(ROOT, 'test/data/store-v1.db.gz'));
  writeFileSync(join(directory, 'clickrate.db'), gunzipSync(packed));
  return directory;
}

test('an upgrade: what the first version wrote is taken up, and goes on', async (t) => {
  const engine = await embedded(oldDirectory(t));
  t.after(() => engine.stop());
  await feed(engine.url, [event('product0', BASE + 2_600), event('product0', BASE + 4_000)]);
  await eventually(async () => {
    const path = '/v1/products/product0/history?from=0&to=9000000000000000';
    const { windows } = (await (await fetch(engine.url + path)).json()) as Windows;
    assert.deepEqual(
      windows.map(({ window_start, impressions }) => [window_start - BASE, impressions]),
      [
        [0, 4],
        [1_000, 4],
        [2_000, 2],
      ],
    );
    return true;
  });
});

test('a rollback: what a newer version wrote is refused by name, and left as it is', async (t) => {
  const directory = oldDirectory(t);
  const file = join(directory, 'clickrate.db');
  const change = (sql: string) => {
    const db = new DatabaseSync(file);
    db.exec(sql);
    db.close();
  };
  change('PRAGMA user_version = 99');
  const before = readFileSync(file);
  await assert.rejects(embedded(directory), /tables of version 99.*use the newer clickrate/);
  assert.deepEqual(readFileSync(file), before);
  change(`PRAGMA user_version = 1;
    UPDATE tasks SET status = json_set(status, '$.version', 99)`);
  const engine = await embedded(directory);
  await assert.rejects(engine.finished, /the checkpoint has form 99.*use a newer clickrate/);
  await engine.stop().catch(() => {});
});
