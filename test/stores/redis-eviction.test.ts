/** A Redis that may throw keys away is told of as a task is claimed, once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRedis, withoutRedis } from '../support/redis-server.ts';
import { type Ending, storeAt } from './redis-parts.ts';

const skip = withoutRedis();

/** Warnings of two claims of a Redis that was started so. */
async function warnings(t: Ending, args: readonly string[], user?: string): Promise<string[]> {
  const redis = await startRedis(t, { args });
  const lines: string[] = [];
  const log = {
    debug() {},
    info() {},
    error() {},
    warn: (_: object, line: string) => void lines.push(line),
  };
  let { url } = redis;
  if (user !== undefined) {
    redis.cli('ACL', 'SETUSER', user, 'on', '>pw', '~ctr:*', '+@all', '-@admin', '-@dangerous');
    url = url.replace('//', `//${user}:pw@`);
  }
  const store = storeAt(t, url, { log });
  await store.claim('a', 'token-a');
  await store.claim('b', 'token-b');
  return lines;
}

const EVICTING = ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'];

test('with maxmemory and such a policy it warns once', { skip }, async (t) => {
  const [line, ...more] = await warnings(t, EVICTING);
  assert.match(line, /throws keys away.*noeviction .*allkeys-lru/);
  assert.deepEqual(more, []);
});

test('not where nothing of ours is thrown away', { skip }, async (t) => {
  for (const args of [
    [],
    ['--maxmemory-policy', 'allkeys-lru'],
    ['--maxmemory', '100mb', '--maxmemory-policy', 'noeviction'],
    ['--maxmemory', '100mb', '--maxmemory-policy', 'volatile-lru'],
  ])
    assert.deepEqual(await warnings(t, args), []);
});

test('who may not ask works on', { skip }, async (t) => {
  assert.deepEqual(await warnings(t, EVICTING, 'u'), []);
});
