/** The Redis store keeps the contract, on a real server. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { runsFromEnv } from '../support/random.ts';
import { startRedis, withoutRedis } from '../support/redis-server.ts';
import { Databases, RedisHarness } from './redis-harness.ts';
import { randomSequences } from './sequences.ts';
import { storeSuite } from './suite.ts';

const skip = withoutRedis();
const WANTED = ['ok', 'duplicate', 'fenced', 'held elsewhere', 'closing', 'rollback', 'reopen'];

describe('redis', { skip }, () => {
  let databases: Databases;
  const cleanup: (() => unknown)[] = [];
  before(async () => {
    const redis = await startRedis({ after: (fn) => cleanup.push(fn) });
    databases = new Databases(redis.url);
  });
  after(async () => {
    for (const fn of cleanup.reverse()) await fn();
  });

  storeSuite('redis', (options) => new RedisHarness(options, databases));

  test('random sequences on Redis equal memory in every answer and all content', async (t) => {
    const { seed, runs } = runsFromEnv({ seed: 1, runs: 100 });
    const open = (options: ConstructorParameters<typeof RedisHarness>[0]) =>
      new RedisHarness(options, databases);
    const { tally, summary } = await randomSequences(seed, runs, open);
    t.diagnostic(summary);
    if (runs >= 100) for (const what of WANTED) assert.ok((tally.get(what) ?? 0) > runs / 10, what);
  });
});
