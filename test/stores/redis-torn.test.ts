/**
 * A log of Redis that ends within a transaction. Redis passes over that half as it starts, but
 * leaves it in the file, and does it together with what was written after it when it starts again.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../support/processes.ts';
import { type Redis, startRedis, withoutRedis } from '../support/redis-server.ts';
import { contentOf, keptOf, resultIn, START } from './commits.ts';
import { type Ending, Sender, simStoreAt } from './redis-parts.ts';

const skip = withoutRedis();
const MANIFEST = 'appendonly.aof.manifest';

const logsOf = ({ directory }: Redis) => join(directory, 'appendonlydir');

/** Cuts the log off within the last command that adds a kept event. */
function tear(redis: Redis): void {
  const name = readdirSync(logsOf(redis)).find((file) => file.endsWith('.incr.aof'))!;
  const log = join(logsOf(redis), name);
  truncateSync(log, readFileSync(log).lastIndexOf('XADD') + 20);
}

/** What is stored after a tear, `mend`, and work that goes on; it must be so after a restart. */
async function mustStay(
  t: Ending,
  mend: { stopped?(redis: Redis): void; running?(redis: Redis): Promise<unknown> },
): Promise<void> {
  const redis = await startRedis(t, { aof: 'always' });
  const store = simStoreAt(t, redis.url);
  const a = await new Sender(store).claim();
  const kept = (...at: number[]) => ({ kept: at.map((offset) => keptOf(offset, START)) });
  await a.send({ claims: ['x'], ...kept(1) });
  await a.send({ results: [resultIn('x', 0, 1)], ...kept(2, 3, 4) });
  await redis.kill();
  tear(redis);
  mend.stopped?.(redis);
  await redis.restart();
  await mend.running?.(redis);
  assert.equal(await a.send(), 'fenced', 'the torn commit is not there');
  // What another task keeps has the numbers now that were of the torn commit.
  await (await new Sender(store, 'b').claim()).send(kept(8, 9));
  await a.claim();
  await a.send({ results: [resultIn('x', 0, 1)], ...kept(2) });
  await a.send(kept(3, 4));
  const before = await contentOf(store, ['a', 'b'], ['x']);
  await redis.kill();
  await redis.restart();
  assert.deepEqual(await contentOf(store, ['a', 'b'], ['x']), before);
}

test('a torn log that is written anew is whole from then on', { skip }, (t) =>
  mustStay(t, {
    running: async (redis) => {
      redis.cli('BGREWRITEAOF');
      await eventually(
        async () => redis.cli('INFO', 'persistence').includes('aof_rewrite_in_progress:0'),
        20_000,
      );
    },
  }),
);

test('so is one that is mended before the start', { skip }, (t) =>
  mustStay(t, {
    stopped: (redis) => {
      const args = ['--fix', MANIFEST];
      const done = spawnSync('redis-check-aof', args, { cwd: logsOf(redis), input: 'y\n' });
      assert.equal(done.status, 0, String(done.stdout));
    },
  }),
);
