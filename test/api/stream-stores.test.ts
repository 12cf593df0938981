/** The same stream over every store, also when the API is started again. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { commitOf, resultIn, START } from '../stores/commits.ts';
import {
  type Harness,
  type HarnessOptions,
  MemoryHarness,
  SqliteHarness,
} from '../stores/harness.ts';
import { Databases, RedisHarness } from '../stores/redis-harness.ts';
import { startRedis, withoutRedis } from '../support/redis-server.ts';
import { SimClock } from '../support/sim-clock.ts';
import { type Event, streaming } from './sse.ts';

type Hooks = { after(fn: () => unknown): void };

/** Commits of one task, one after the other. */
async function writer({ store }: Harness) {
  const fence = await store.claim('0', 'token');
  let number = 0;
  return async (content: Parameters<typeof commitOf>[3]) => {
    const answer = await store.commit(commitOf('0', fence, ++number, content));
    assert.equal(answer.answer, 'ok');
  };
}

const isChange = (number: number) => (event: Event) =>
  event.event === 'change' && event.data.number === number;

async function followed(t: Hooks, harness: Harness): Promise<void> {
  t.after(() => harness.close());
  const commit = await writer(harness);
  await commit({ claims: ['a', 'b', 'ü'] });
  await commit({ results: [resultIn('a', 0, 10), resultIn('b', 0, 20)] });
  await harness.settled();

  const first = await streaming(t, harness.store);
  const client = await first.join();
  const snapshot = await client.until(({ event }) => event === 'snapshot');
  assert.equal(snapshot.data.number, 1);
  const ids = snapshot.data.rows.map((row: { product_id: string }) => row.product_id);
  assert.deepEqual(ids.sort(), ['a', 'b']);
  await commit({ results: [resultIn('ü', 1, 30)] });
  await commit({ removals: ['b'] });
  const last = await client.until(isChange(3));
  assert.equal(client.events.find(isChange(2))?.data.rows[0].latest.impressions, 30);
  assert.deepEqual(last.data.removed, ['b']);
  await first.app.close();

  // The API is started again: who had everything goes on, who had not gets a reset.
  const second = await streaming(t, harness.store);
  const back = await second.join('', client.lastId());
  const behind = await second.join('', snapshot.id);
  const reset = await behind.until(({ event }) => event === 'reset');
  assert.deepEqual(reset.data.rows.map((row: { product_id: string }) => row.product_id).sort(), [
    'a',
    'ü',
  ]);
  await commit({ results: [resultIn('a', 2, 40)] });
  const next = await back.until(isChange(4));
  assert.equal(back.events.filter(({ event }) => event !== 'status')[0], next);
  assert.equal((await behind.until(isChange(4))).id, next.id);
}

const options = (): HarnessOptions => ({ clock: new SimClock(START) });

test('the stream over the store in memory', (t) => followed(t, new MemoryHarness(options())));

test('the stream over SQLite', (t) => followed(t, new SqliteHarness(options(), ':memory:')));

describe('the stream over Redis', { skip: withoutRedis() }, () => {
  let databases: Databases;
  const cleanup: (() => unknown)[] = [];
  before(async () => {
    const redis = await startRedis({ after: (fn) => cleanup.push(fn) });
    databases = new Databases(redis.url);
  });
  after(async () => {
    for (const fn of cleanup.reverse()) await fn();
  });

  test('follows what another process commits', async (t) => {
    await followed(t, new RedisHarness(options(), databases));
  });
});
