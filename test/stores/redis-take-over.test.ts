/** A claim that takes Redis over: as many products as there are, page by page, and once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLAIM } from '../../src/stores/redis/claim-script.ts';
import { Connection } from '../../src/stores/redis/connection.ts';
import { eventually } from '../support/processes.ts';
import { Random, runsFromEnv } from '../support/random.ts';
import { type Redis, startRedis, withoutRedis } from '../support/redis-server.ts';
import { resultIn } from './commits.ts';
import { type Ending, Sender, storeAt } from './redis-parts.ts';

const skip = withoutRedis();
const OK = { answer: 'ok', heldElsewhere: [] };
/** More than fit Lua's stack, and pages of a scan. */
const NAMES = Array.from({ length: 20_000 }, (_, n) => `p${n}`);

test('all products of the former are free, and no key of its tasks is left', {
  skip,
}, async (t) => {
  const redis = await startRedis(t);
  const sink = await new Sender(storeAt(t, redis.url, { writer: 'sink' }), 'sink').claim();
  const part = { name: 'n', bytes: Buffer.from('n') };
  const results = NAMES.map((name) => resultIn(name, 0, 1));
  await sink.send({ parts: [part], claims: NAMES, results });
  const told: string[] = [];
  const reader = storeAt(t, redis.url);
  reader.follow(({ incarnation }) => told.push(incarnation));
  const { incarnation } = await reader.load();
  const store = storeAt(t, redis.url, { takeOver: true });
  const engine = await new Sender(store, '0').claim();
  await eventually(async () => told.some((name) => name !== incarnation), 10_000, 10);
  assert.deepEqual((await reader.load()).rows, []);
  assert.equal(redis.cli('EXISTS', 'ctr:task:sink', 'ctr:parts:sink').trim(), '0');
  assert.equal(redis.cli('ZCARD', 'ctr:departed').trim(), String(NAMES.length));
  const answer = await store.commit(engine.build({ claims: NAMES, results }));
  assert.deepEqual(answer, OK);
  assert.equal(redis.cli('EXISTS', 'ctr:departed').trim(), '0');
  assert.equal((await reader.load()).rows.length, NAMES.length);
});

/** The first pages of an engine's claim, which dies there; whether each asks for another. */
async function pages(t: Ending, redis: Redis, count: number): Promise<boolean> {
  const connection = new Connection({ url: redis.url }, 20_000);
  t.after(() => connection.close());
  for (let n = 0; n < count; n++) {
    const args = ['0', 'dead', 'engine', n === 0 ? '1' : '0', `new-${n}`, '1000000'];
    const [answer] = await connection.run<[string]>(CLAIM, args);
    if (answer !== 'again') return false;
  }
  return true;
}

test('a take-over that dies at any page is gone on from, also in another Redis', {
  skip,
}, async (t) => {
  const { seed, runs } = runsFromEnv({ seed: 1, runs: 2 });
  const random = new Random(seed);
  t.diagnostic(`seed ${seed}`);
  for (let round = 0; round < runs; round++) {
    const redis = await startRedis(t, { aof: 'always' });
    const sink = await new Sender(storeAt(t, redis.url, { writer: 'sink' }), 'sink').claim();
    const results = NAMES.map((name) => resultIn(name, 0, 1));
    await sink.send({ claims: NAMES, results });
    assert.equal(await pages(t, redis, random.int(1, 30)), true);
    // From the first page on nothing of the former shows, nor is anything of it taken.
    const reader = storeAt(t, redis.url);
    assert.deepEqual((await reader.load()).rows, []);
    assert.equal(await sink.send({ results: [resultIn('p1', 1, 1)] }), 'fenced');
    await assert.rejects(sink.claim(), { code: 'writer_other', message: /by the engine/ });
    // It places products in its hashes by another seed: where the scan was says nothing there.
    if (round % 2 === 0) await redis.restart();
    const store = storeAt(t, redis.url);
    const engine = await new Sender(store, '0').claim();
    assert.equal(redis.cli('ZCARD', 'ctr:departed'), String(NAMES.length));
    const answer = await store.commit(engine.build({ claims: NAMES, results }));
    assert.deepEqual(answer, OK);
    assert.equal(redis.cli('HGET', 'ctr:store', 'nextNo'), String(NAMES.length));
    assert.equal((await reader.load()).rows.length, NAMES.length);
  }
});

test('what was taken over in part the former may take back', { skip }, async (t) => {
  const redis = await startRedis(t);
  const sink = await new Sender(storeAt(t, redis.url, { writer: 'sink' }), 'sink').claim();
  await sink.send({ claims: NAMES });
  assert.equal(await pages(t, redis, 3), true);
  const back = storeAt(t, redis.url, { writer: 'sink', takeOver: true });
  const again = await new Sender(back, 'sink').claim();
  const answer = await back.commit(again.build({ claims: NAMES }));
  assert.deepEqual(answer, OK);
  await assert.rejects(storeAt(t, redis.url).claim('0', 't'), { code: 'writer_other' });
});

test('with a key of another kind nothing is taken over', { skip }, async (t) => {
  const redis = await startRedis(t);
  const sink = await new Sender(storeAt(t, redis.url, { writer: 'sink' }), 'sink').claim();
  await sink.send({ claims: ['x'], results: [resultIn('x', 0, 1)] });
  redis.cli('SET', 'ctr:departed', 'mine');
  const engine = storeAt(t, redis.url, { takeOver: true });
  await assert.rejects(engine.claim('0', 't'), { code: 'store_foreign', message: /ctr:departed/ });
  redis.cli('DEL', 'ctr:departed');
  assert.equal(await sink.send({ results: [resultIn('x', 1, 1)] }), 'ok');
});

test('who took over does not take back from one that took over since', { skip }, async (t) => {
  const redis = await startRedis(t);
  await storeAt(t, redis.url, { writer: 'sink' }).claim('sink', 'first');
  const engine = await new Sender(storeAt(t, redis.url, { takeOver: true }), '0').claim();
  const later = storeAt(t, redis.url, { writer: 'sink', takeOver: true });
  const sink = await new Sender(later, 'sink').claim();
  assert.equal(await engine.send(), 'fenced');
  await assert.rejects(engine.claim(), { code: 'writer_other', message: /by the sink/ });
  assert.equal(await sink.send(), 'ok');
});

test('a take-over that lacks a right is gone on from once it is given back', {
  skip,
}, async (t) => {
  const redis = await startRedis(t);
  const sink = await new Sender(storeAt(t, redis.url, { writer: 'sink' }), 'sink').claim();
  await sink.send({ claims: ['x'], results: [resultIn('x', 0, 1)] });
  redis.cli('ACL', 'SETUSER', 'u', 'on', '>pw', '~ctr:*', '+@all');
  const url = `redis://u:pw@127.0.0.1:${redis.port}`;
  const engine = storeAt(t, url, { takeOver: true });
  for (const command of ['hset', 'unlink', 'zadd', 'hdel']) {
    redis.cli('ACL', 'SETUSER', 'u', `-${command}`);
    await assert.rejects(engine.claim('0', 't'), { code: 'config_invalid' }, command);
    // Not one byte is written without the first; after it nothing of the former is taken.
    const answer = command === 'hset' ? 'ok' : 'fenced';
    assert.equal(await sink.send({ results: [resultIn('x', 1, 1)] }), answer);
    redis.cli('ACL', 'SETUSER', 'u', `+${command}`);
  }
  const owner = await new Sender(engine, '0').claim();
  assert.deepEqual(await engine.commit(owner.build({ claims: ['x'] })), OK);
  assert.equal(redis.cli('EXISTS', 'ctr:task:sink', 'ctr:latest', 'ctr:departed'), '0');
});
