/** `clickrate repair` as a command: on a directory, and on Redis. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { lockDirectory } from '../../src/cli/lock.ts';
import { commitOf } from '../stores/commits.ts';
import { storeAt } from '../stores/redis-parts.ts';
import { ROOT, start } from '../support/processes.ts';
import { startRedis, withoutRedis } from '../support/redis-server.ts';
import { change, used } from './directory.ts';

/** Where copies of damaged keys are written. */
const redisCopies = mkdtempSync(join(tmpdir(), 'clickrate-repair-'));
after(() => rmSync(redisCopies, { recursive: true }));

async function cli(...args: string[]) {
  const cwd = args.includes('redis') ? redisCopies : ROOT;
  const child = start(process.execPath, [join(ROOT, 'src/cli/main.ts'), 'repair', ...args], {
    cwd,
  });
  const code = await child.ended;
  return { code, text: child.output() };
}

test('the command: a dry run changes nothing, a repair keeps what was damaged', async (t) => {
  const directory = await used(t);
  const whole = { code: 0, text: 'nothing is damaged\n' };
  assert.deepEqual(await cli('--dry-run', '--data', directory), whole);
  change(directory, 'UPDATE journal_head SET next = next + 1');
  const file = join(directory, 'clickrate.db');
  const before = readFileSync(file);
  const dry = await cli('--dry-run', '--data', directory);
  assert.equal(dry.code, 1);
  assert.match(
    dry.text,
    /^damaged: the head of the journal\n {2}would be done: .*\n {2}lost: noth/,
  );
  assert.deepEqual(readFileSync(file), before);
  assert.deepEqual(readdirSync(directory).sort(), ['clickrate.db', 'lock.db']);
  const lock = lockDirectory(directory);
  const locked = await cli('--data', directory);
  assert.equal(locked.code, 1);
  assert.match(locked.text, /is in use by process/);
  lock.release();
  const mended = await cli('--data', directory);
  assert.equal(mended.code, 0);
  const [, kept] = /mended; the damaged files are in (.*)\n/.exec(mended.text) ?? [];
  assert.deepEqual(readFileSync(join(kept!, 'clickrate.db')), before);
  assert.deepEqual(await cli('--dry-run', '--data', directory), whole);
});

test('Redis: a damaged checkpoint is copied out and dropped', {
  skip: withoutRedis(),
}, async (t) => {
  const redis = await startRedis(t);
  const store = storeAt(t, redis.url);
  const fence = await store.claim('0', 'token');
  const parts = [{ name: 'block/0', bytes: Uint8Array.of(1, 0, 0) }];
  await store.commit(commitOf('0', fence, 1, { parts }));
  redis.cli('HSET', 'ctr:parts:0', 'block/1', 'x');
  const at = ['--store', 'redis', '--redis', redis.url];
  const dry = await cli('--dry-run', ...at);
  assert.equal(dry.code, 1);
  assert.match(dry.text, /damaged: ctr:parts:0 in Redis at .* has 2 checkpoint parts, not 1/);
  redis.cli('HSET', 'ctr:task:0', 'at', String(Date.now() + 60_000));
  const busy = await cli(...at);
  assert.match(busy.text, /task 0 was committed -?\d+ ms ago: stop the process/);
  redis.cli('HSET', 'ctr:task:0', 'at', '1');
  const mended = await cli(...at);
  assert.equal(mended.code, 0, mended.text);
  const [, kept] = /the damaged keys are in (\S+)/.exec(mended.text) ?? [];
  assert.ok(existsSync(join(redisCopies, kept!)));
  assert.deepEqual(await store.read('0'), { number: 1, status: null, parts: [] });
  assert.deepEqual(await cli('--dry-run', ...at), { code: 0, text: 'nothing is damaged\n' });
});
