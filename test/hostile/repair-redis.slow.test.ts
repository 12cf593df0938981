/** After a repair of a checkpoint in Redis the task goes on, and no reader sees results go back. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { repairRedis } from '../../src/cli/repair-redis.ts';
import { LIMITS } from '../../src/config.ts';
import { silentLog } from '../../src/log.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { Journal } from '../../src/sources/journal.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { Connection } from '../../src/stores/redis/connection.ts';
import { damagedTasks, dropCheckpoint } from '../../src/stores/redis/damage.ts';
import type { RedisStore } from '../../src/stores/redis/store.ts';
import type { Change, Row } from '../../src/stores/store.ts';
import { commitOf, countsOf, resultIn, START, windowsOf } from '../stores/commits.ts';
import { storeAt } from '../stores/redis-parts.ts';
import { eventually, startNode, temporary } from '../support/processes.ts';
import { recordsOf } from '../support/records.ts';
import { startRedis, withoutRedis } from '../support/redis-server.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SETTINGS_HERE } from './directory.ts';

const limits = { ...LIMITS, commitMinMs: 1 };
const EVENTS = Array.from(
  { length: 400 },
  (_, n) =>
    `{"product_id":"p${n % 2}","timestamp":${START + n * 20},"event_type":"${n % 5 === 0 ? 'click' : 'impression'}"}`,
);

/** Counts the journal from where the checkpoint says, to its end, in many commits. */
async function count(journal: Journal, store: RedisStore): Promise<void> {
  const pipeline = new Pipeline({
    task: '0',
    source: journal,
    store,
    clock: new SimClock(START + 60_000),
    limits,
    settings: SETTINGS_HERE,
    log: silentLog,
    stillOurs: async () => true,
    newToken: () => `${Math.random()}`,
    newIdKey: () => '0123456789abcdef'.repeat(2),
  });
  await pipeline.start();
  while ((pipeline.health().live?.partitions[0].position ?? 0) < journal.nextOffset)
    await pipeline.step();
  await pipeline.close();
}

async function journalOf(t: TestContext): Promise<Journal> {
  const db = openDatabase(join(temporary(t), 'log.db'));
  const journal = new Journal(db, { limits, clock: new SimClock(START + 60_000) });
  t.after(async () => {
    await journal.close();
    db.close();
  });
  // Every event can be read again, as from Kafka.
  journal.acknowledge = async () => {};
  await journal.append(recordsOf(EVENTS, 0));
  return journal;
}

const byProduct = (a: Row, b: Row) => (a.product < b.product ? -1 : 1);

/** What a reader was told, and whether a product's latest ever went back within an incarnation. */
function reader(store: RedisStore) {
  const newest = new Map<string, number>();
  const seen = { back: [] as string[], incarnation: '', number: 0 };
  store.follow(({ incarnation, number, rows, removals }: Change) => {
    for (const product of removals) newest.delete(`${incarnation} ${product}`);
    for (const { product, latest } of rows) {
      const name = `${incarnation} ${product}`;
      const start = latest?.start ?? 0;
      if (start < (newest.get(name) ?? 0)) seen.back.push(name);
      newest.set(name, start);
    }
    Object.assign(seen, { incarnation, number });
  });
  return seen;
}

async function setUp(t: TestContext) {
  const redis = await startRedis(t);
  const store = storeAt(t, redis.url);
  const connection = new Connection({ url: redis.url }, 5_000);
  t.after(() => connection.close());
  return { redis, store, seen: reader(store), journal: await journalOf(t), connection };
}

test('a task without its checkpoint publishes again from the beginning', {
  skip: withoutRedis(),
}, async (t) => {
  const { redis, store, seen, journal, connection } = await setUp(t);
  const fence = await store.claim('1', 'other');
  const results = [resultIn('other', 1, 7)];
  await store.commit(commitOf('1', fence, 1, { results, claims: ['other'] }));
  await count(journal, store);
  const byName = async () => (await store.load()).rows.sort(byProduct);
  const [rows, p0] = [await byName(), await windowsOf(store, 'p0')];
  assert.deepEqual([rows.length, p0.length], [3, 8]);
  const before = (await store.load()).incarnation;

  const comeback = (task: string) =>
    JSON.stringify({ task, partition: 'p', offset: 1, watermark: 1 });
  redis.cli('RPUSH', 'ctr:comebacks', comeback('0'), comeback('1'), comeback('0'));
  redis.cli('HSET', 'ctr:parts:0', 'block/77', 'x');
  assert.deepEqual(
    (await damagedTasks(connection)).map(({ task }) => task),
    ['0'],
  );
  await dropCheckpoint(connection, '0');
  // Readers are told to load, and then have only what another task published.
  await eventually(async () => seen.incarnation !== before);
  assert.deepEqual(
    (await byName()).map(({ product }) => product),
    ['other'],
  );
  // The log is read again, perhaps without the pauses that those tell of.
  assert.deepEqual(
    (await store.comebacks()).map(({ task }) => task),
    ['1'],
  );
  assert.equal(redis.cli('HKEYS', 'ctr:previous').includes('p0'), false);
  assert.equal(redis.cli('ZCARD', 'ctr:departed').trim(), '2');
  assert.deepEqual(await windowsOf(store, 'p0'), p0);

  await count(journal, store);
  await eventually(async () => seen.number === (await store.load()).number);
  assert.deepEqual(seen.back, []);
  assert.deepEqual(await byName(), rows);
  assert.deepEqual(await windowsOf(store, 'p0'), p0);
  assert.equal(redis.cli('ZCARD', 'ctr:departed').trim(), '0');
  const next = commitOf('1', fence, 2, { results: [resultIn('other', 2, 9)] });
  assert.equal((await store.commit(next)).answer, 'ok');
  assert.deepEqual(await windowsOf(store, 'other'), [countsOf(1, 7), countsOf(2, 9)]);
});

test('a task that lost its hash does not begin again over what it published', {
  skip: withoutRedis(),
}, async (t) => {
  const { redis, store, seen, journal, connection } = await setUp(t);
  await count(journal, store);
  const { rows } = await store.load();
  for (const keys of [['ctr:task:0'], ['ctr:task:0', 'ctr:parts:0']]) {
    redis.cli('DEL', ...keys);
    const lost = { code: 'checkpoint_damaged', message: /ctr:task:0 is gone.*clickrate repair/ };
    await assert.rejects(count(journal, store), lost);
    const [{ task, what }] = await damagedTasks(connection);
    assert.deepEqual([task, what.includes('ctr:task:0 is gone')], ['0', true]);
    await dropCheckpoint(connection, '0');
    assert.deepEqual((await store.load()).rows, []);
    await count(journal, store);
    assert.deepEqual((await store.load()).rows.sort(byProduct), rows.sort(byProduct));
  }
  await eventually(async () => seen.number === (await store.load()).number);
  assert.deepEqual(seen.back, []);
});

test('a copy of what is dropped is in the data directory; without one nothing is dropped', {
  skip: withoutRedis(),
}, async (t) => {
  const redis = await startRedis(t);
  const store = storeAt(t, redis.url);
  await count(await journalOf(t), store);
  redis.cli('HSET', 'ctr:parts:0', 'block/77', 'x');
  const isAlive = { code: 'task_lost', message: /committed \d+ ms ago: stop the process/ };
  const options = { redis: redis.url, redisPassword: '', data: '/nowhere' };
  await assert.rejects(repairRedis(options, false, 0), isAlive);
  assert.equal(redis.cli('HGET', 'ctr:parts:0', 'block/77'), 'x');
  // As one that has not committed for long.
  redis.cli('HSET', 'ctr:task:0', 'at', '1');
  const directory = temporary(t);
  const repair = async (data: string) => {
    const args = ['repair', '--store', 'redis', '--redis', redis.url, '--data', data];
    const child = startNode('src/cli/main.ts', args);
    return { code: await child.ended, text: child.output() };
  };
  const file = join(directory, 'file');
  writeFileSync(file, '');
  const refused = await repair(join(file, 'data'));
  assert.equal(refused.code, 1);
  assert.match(refused.text, /nothing was changed.*--data/);
  assert.equal(redis.cli('HGET', 'ctr:parts:0', 'block/77'), 'x');
  const data = join(directory, 'data');
  mkdirSync(data);
  const mended = await repair(data);
  assert.equal(mended.code, 0, mended.text);
  const [copy, ...more] = readdirSync(data);
  assert.deepEqual(more, []);
  assert.ok(mended.text.includes(join(data, copy)), mended.text);
  assert.match(readFileSync(join(data, copy), 'utf8'), /ctr:parts:0/);
  assert.equal(redis.cli('EXISTS', 'ctr:parts:0'), '0');
});
