/** Damage of each part of a store, one at a time: who refuses it, with which words. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockDirectory } from '../../src/cli/lock.ts';
import { tryRepair } from '../../src/repair/repair.ts';
import { openPart, openStatus, sealPart, sealStatus } from '../../src/seal.ts';
import { commitOf, statusOf } from '../stores/commits.ts';
import { storeAt } from '../stores/redis-parts.ts';
import { temporary } from '../support/processes.ts';
import { Random } from '../support/random.ts';
import { startRedis, withoutRedis } from '../support/redis-server.ts';
import { change, copy, engineOn, use, used } from './directory.ts';

const LOG_MODULE = new URL('../../src/sqlite-log.ts', import.meta.url).href;

/** What is done to the file, and how the refusal begins after the file's name. */
const DAMAGES: [sql: string, code: string, words: RegExp][] = [
  ["UPDATE tasks SET status = 'no JSON'", 'checkpoint_damaged', /the status of task 0/],
  ["UPDATE tasks SET status = '[]'", 'checkpoint_damaged', /the status of task 0/],
  ['UPDATE tasks SET number = number + 1', 'checkpoint_damaged', /the status of task 0/],
  [
    "DELETE FROM parts WHERE name = 'block/0'",
    'checkpoint_damaged',
    /the checkpoint of task 0 \(18 parts, but 17 are there\)/,
  ],
  [
    "UPDATE parts SET name = 'block/7' WHERE name = 'block/0'",
    'checkpoint_damaged',
    /checkpoint part block\/7 of task 0/,
  ],
  ["UPDATE journal SET ends = x'010203'", 'journal_damaged', /the journal's row at offset \d+/],
  ['UPDATE journal SET count = count - 1', 'journal_damaged', /the journal's row at offset \d+/],
  ['UPDATE journal_head SET next = next + 1', 'journal_damaged', /the head of the journal/],
  ["UPDATE products SET product = 'x' WHERE no = 3", 'checkpoint_damaged', /product number 3/],
  ['UPDATE rows SET rows = zeroblob(8)', 'checkpoint_damaged', /latest and previous of bucket 0/],
  ["UPDATE cells SET cells = x'ff'", 'checkpoint_damaged', /history of window \d+, bucket 0/],
  ["UPDATE meta SET value = 1 WHERE name = 'next_no'", 'checkpoint_damaged', /setting next_no/],
  ['ALTER TABLE parts RENAME COLUMN bytes TO bites', 'checkpoint_damaged', /of table parts/],
  ['DROP TABLE cell_counts; CREATE TABLE cell_counts (x)', 'checkpoint_damaged', /cell_counts/],
  [
    "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = 'nonsense' WHERE name = 'tasks'",
    'checkpoint_damaged',
    /malformed database schema/,
  ],
];

test('each damage is refused by name, with the way out', async (t) => {
  const origin = await used(t);
  for (const [sql, code, words] of DAMAGES) {
    const directory = join(temporary(t), 'copy');
    copy(origin, directory);
    change(directory, sql);
    const start = async () => {
      const engine = await engineOn(directory);
      await engine.run(true).finally(engine.end);
    };
    await assert.rejects(start, (error: Error & { code: string }) => {
      assert.equal(error.code, code, `${sql}: ${error.stack}`);
      assert.match(error.message, words, sql);
      assert.match(error.message, /clickrate\.db.*`clickrate repair --dry-run`/);
      return true;
    });
  }
});

test('a used directory without its data is told; an empty file is refused', async (t) => {
  const directory = await used(t);
  const file = join(directory, 'clickrate.db');
  truncateSync(file, 0);
  await assert.rejects(engineOn(directory), {
    code: 'checkpoint_damaged',
    message: /clickrate\.db is empty: restore a copy/,
  });
  rmSync(file);
  const engine = await engineOn(directory);
  assert.ok(existsSync(file));
  await engine.end();
});

test('an empty file is refused in a fresh directory too: a copy may have failed', async (t) => {
  const directory = temporary(t);
  const file = join(directory, 'clickrate.db');
  writeFileSync(file, '');
  // Also at the second start: the first one has used the directory.
  for (let start = 0; start < 2; start++)
    await assert.rejects(engineOn(directory), {
      code: 'checkpoint_damaged',
      message: /clickrate\.db is empty: restore a copy/,
    });
  assert.equal(statSync(file).size, 0);
});

test('a repair that a crash cut off is not begun anew over', async (t) => {
  const directory = await used(t);
  const file = join(directory, 'clickrate.db');
  change(directory, 'UPDATE journal_head SET next = next + 1');
  const { keep } = tryRepair(directory);
  // As if the process had ended before the mended file was put in place.
  const damaged = keep(0);
  rmSync(file);
  await assert.rejects(engineOn(directory), (error: Error & { code: string }) => {
    assert.equal(error.code, 'checkpoint_damaged');
    assert.ok(error.message.includes(`a repair left ${damaged}: move its files back`));
    return true;
  });
  assert.equal(existsSync(file), false);
  renameSync(damaged, `${directory}-away`);
  await (await engineOn(directory)).end();
  rmSync(`${directory}-away`, { recursive: true });
});

test('the mended file is whose the damaged one was, and for as few eyes', async (t) => {
  const directory = await used(t);
  const file = join(directory, 'clickrate.db');
  const isRoot = process.getuid?.() === 0;
  for (const sql of ['UPDATE journal_head SET next = next + 1', 'DROP INDEX cells_start']) {
    change(directory, sql);
    chmodSync(file, 0o600);
    if (isRoot) chownSync(file, 4_321, 1_234);
    const { uid, gid, mode } = statSync(file);
    rmSync(tryRepair(directory).keep(0), { recursive: true });
    const mended = statSync(file);
    assert.deepEqual([mended.uid, mended.gid, mended.mode], [uid, gid, mode], sql);
  }
});

test('the log of a file that is a link is looked at, and a repair does not leave it out', async (t) => {
  const [base, directory] = [temporary(t), temporary(t)];
  await use(join(base, 'stopped'), join(base, 'crashed'), 1);
  const [file, log] = ['', '-wal'].map((end) => join(base, 'crashed', `clickrate.db${end}`));
  symlinkSync(file, join(directory, 'clickrate.db'));
  assert.throws(() => tryRepair(directory), { message: /clickrate\.db is a link to .*crashed/ });
  const bytes = readFileSync(log);
  bytes[32 + 24 + 100] ^= 1;
  writeFileSync(log, bytes);
  await assert.rejects(engineOn(directory), { message: /-wal is damaged at byte 32/ });
});

test('a log, or a file with one beside it, that this user may not read is said by name', (t) => {
  const directory = temporary(t);
  chmodSync(directory, 0o755);
  const file = join(directory, 'clickrate.db');
  const log = `${file}-wal`;
  for (const name of [file, log]) writeFileSync(name, Buffer.alloc(100));
  // Root may read every file.
  const script = `
    const { mustBeWholeLog } = await import(${JSON.stringify(LOG_MODULE)});
    if (process.getuid?.() === 0) process.setuid(65_534);
    try {
      mustBeWholeLog(${JSON.stringify(file)});
    } catch (error) {
      console.log(error.code, error.message);
    }`;
  for (const name of [file, log]) {
    chmodSync(name, 0o000);
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script]);
    assert.match(String(stdout), new RegExp(`^file_unreadable cannot read ${name}: EACCES`));
    chmodSync(name, 0o644);
  }
});

test('a first start that ended before its first write is made again', async (t) => {
  const directory = join(temporary(t), 'data');
  const file = join(directory, 'clickrate.db');
  mkdirSync(directory);
  for (const name of ['lock.db', 'clickrate.db', 'beginning'])
    writeFileSync(join(directory, name), '');
  writeFileSync(`${file}-wal`, 'log');
  await assert.rejects(engineOn(directory), /is empty: restore a copy/);
  rmSync(`${file}-wal`);
  await (await engineOn(directory)).end();
  assert.deepEqual(readdirSync(directory).sort(), ['clickrate.db', 'lock.db']);
  // From now on it was used.
  truncateSync(file, 0);
  await assert.rejects(engineOn(directory), /is empty: restore a copy/);
});

test('a damaged lock is named, with what to do', (t) => {
  const directory = temporary(t);
  writeFileSync(join(directory, 'lock.db'), 'certainly not a database'.repeat(100));
  assert.throws(() => lockDirectory(directory), {
    code: 'checkpoint_damaged',
    message: /lock\.db is damaged.*delete it/,
  });
});

test('no changed byte of a sealed part or status passes, and old ones are taken', () => {
  const random = new Random(1);
  const bytes = Uint8Array.from({ length: 64 }, () => random.int(0, 255));
  const sealed = sealPart('ids/0/1000/0', bytes);
  assert.deepEqual(openPart('k', 'ids/0/1000/0', sealed), Buffer.from(bytes));
  assert.deepEqual(openPart('k', 'ids/0/1000/0', bytes), bytes);
  const text = sealStatus('0', statusOf(5));
  assert.deepEqual(openStatus('k', '0', text), statusOf(5));
  assert.deepEqual(openStatus('k', '0', JSON.stringify(statusOf(5))), statusOf(5));
  const refused = { code: 'checkpoint_damaged', message: /^k: .* is damaged; `clickrate repair/ };
  assert.throws(() => openPart('k', 'ids/0/1001/0', sealed), refused);
  assert.throws(() => openStatus('k', '1', text), refused);
  for (let at = 0; at < bytes.length + 4; at++) {
    const flipped = Buffer.from(sealed);
    flipped[at] ^= 1 << (at % 8);
    assert.throws(() => openPart('k', 'ids/0/1000/0', flipped), refused);
  }
  for (let at = 0; at < text.length; at++) {
    const flipped = Buffer.from(text);
    flipped[at] ^= 1;
    let status = null;
    try {
      status = openStatus('k', '0', flipped.toString());
    } catch (error) {
      assert.match((error as Error).message, refused.message);
      continue;
    }
    // Only the seal itself can be changed so that there seems to be none.
    assert.deepEqual({ ...status, ...statusOf(5) }, status);
  }
});

const skip = withoutRedis();

test('Redis: damage is refused with key and part; unsealed data are read', { skip }, async (t) => {
  const redis = await startRedis(t);
  const store = storeAt(t, redis.url);
  const fence = await store.claim('0', 'token');
  const parts = [{ name: 'block/0', bytes: Uint8Array.of(1, 0, 0) }];
  await store.commit(commitOf('0', fence, 1, { parts }));
  assert.deepEqual((await store.read('0')).parts, parts);
  // As form 2 wrote it.
  redis.cli('HSET', 'ctr:parts:0', 'block/0', '\u0001\u0002\u0003');
  redis.cli('HSET', 'ctr:task:0', 'status', JSON.stringify(statusOf(1)));
  redis.cli('HSET', 'ctr:store', 'form', '2');
  const { epoch } = await store.claim('0', 'token2');
  assert.deepEqual((await store.read('0')).parts, [
    { name: 'block/0', bytes: Uint8Array.of(1, 2, 3) },
  ]);
  await store.commit(commitOf('0', { epoch, token: 'token2' }, 2, { parts }));
  const status = redis.cli('--raw', 'HGET', 'ctr:task:0', 'status').trimEnd();
  redis.cli('HSET', 'ctr:task:0', 'status', status.replace('"position":2', '"position":3'));
  const refused = { code: 'checkpoint_damaged', message: /ctr:task:0 in Redis at 127.*status.*re/ };
  await assert.rejects(store.read('0'), refused);
  await assert.rejects(store.statuses(), refused);
  redis.cli('HSET', 'ctr:task:0', 'status', status);
  const fewer = { code: 'checkpoint_damaged', message: /has 0 checkpoint parts, not 1; `clickr/ };
  redis.cli('RENAME', 'ctr:parts:0', 'x');
  await assert.rejects(store.read('0'), fewer);
  redis.cli('RENAME', 'x', 'ctr:parts:0');
  redis.cli('EVAL', MOVE, '1', 'ctr:parts:0');
  await assert.rejects(store.read('0'), {
    code: 'checkpoint_damaged',
    message: /ctr:parts:0 in Redis at 127.*block\/1 is damaged; `clickrate repair --dry-run`/,
  });
});

/** A part under the name of another. */
const MOVE =
  "redis.call('HSET', KEYS[1], 'block/1', redis.call('HGET', KEYS[1], 'block/0')) " +
  "return redis.call('HDEL', KEYS[1], 'block/0')";
