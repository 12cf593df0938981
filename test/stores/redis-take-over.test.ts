/** A claim that takes Redis over: as many products as there are, whole or not at all, and once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/processes.ts';
import { startRedis, withoutRedis } from '../support/redis-server.ts';
import { resultIn } from './commits.ts';
import { Sender, storeAt } from './redis-parts.ts';

const skip = withoutRedis();
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
  assert.deepEqual(answer, { answer: 'ok', heldElsewhere: [] });
  assert.equal(redis.cli('EXISTS', 'ctr:departed').trim(), '0');
  assert.equal((await reader.load()).rows.length, NAMES.length);
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
