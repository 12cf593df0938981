/** What Redis may say instead of doing it, and what is found in it: nothing is ever half written. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LIMITS } from '../../src/config.ts';
import { resultOf } from '../../src/result.ts';
import { Connection } from '../../src/stores/redis/connection.ts';
import { eventually } from '../support/processes.ts';
import { startProxy } from '../support/proxy.ts';
import { startRedis, withoutRedis } from '../support/redis-server.ts';
import { contentOf, countsOf, keptOf, resultIn, START } from './commits.ts';
import { answerEater, Sender, simStoreAt, storeAt } from './redis-parts.ts';

const skip = withoutRedis();

/** A log, and what was written into it. */
function noted() {
  const lines: string[] = [];
  const fields: object[] = [];
  const note = (more: object, message: string) => {
    fields.push(more);
    lines.push(message);
  };
  return { lines, fields, log: { debug: note, info: note, warn: note, error: note } };
}

test('latest and previous read as the original wrote them', { skip }, async (t) => {
  const redis = await startRedis(t);
  const a = await new Sender(storeAt(t, redis.url)).claim();
  const latest = countsOf(3, 7, 2);
  const previous = countsOf(1, 0, 1);
  const names = ['product_1', 'quote"d', 'ü😀'];
  await a.send({ claims: names });
  await a.send({ results: names.map((product) => ({ product, latest, previous, cells: [] })) });
  for (const name of names) {
    const text = (key: string) => redis.cli('--raw', 'HGET', key, name);
    assert.equal(text('ctr:latest'), JSON.stringify(resultOf(name, latest, 10_000)));
    assert.equal(text('ctr:previous'), JSON.stringify(resultOf(name, previous, 10_000)));
  }
  assert.match(
    redis.cli('--raw', 'HGET', 'ctr:latest', 'product_1'),
    /^{"product_id":"product_1","ctr":0.2857,"impressions":7,"clicks":2,"window_start":\d+,"window_end":\d+}$/,
  );
});

test('data of another program, or of a newer version, is refused by name', { skip }, async (t) => {
  const redis = await startRedis(t);
  const store = storeAt(t, redis.url);
  redis.cli('HSET', 'ctr:latest', 'product_1', '{}');
  const foreign = { code: 'store_foreign', retry: false, message: /ctr:latest/ };
  await assert.rejects(store.claim('a', 't'), foreign);
  redis.cli('DEL', 'ctr:latest');
  redis.cli('SET', 'ctr:store', 'text');
  await assert.rejects(store.claim('a', 't'), { code: 'store_foreign', message: /ctr:store/ });
  redis.cli('DEL', 'ctr:store');
  const a = await new Sender(store).claim();
  await a.send({ claims: ['x'] });
  redis.cli('HSET', 'ctr:store', 'form', '99');
  const newer = { code: 'store_foreign', retry: false, message: /newer|form 99/ };
  await assert.rejects(a.store.commit(a.build()), newer);
  await assert.rejects(store.claim('b', 't'), newer);
  await assert.rejects(store.load(), newer);
});

const STRANGE = [
  'ctr:windows',
  'ctr:cells',
  'ctr:departed',
  'ctr:changes',
  'ctr:rejected',
  'ctr:comebacks',
  'ctr:previous',
];
for (const key of [...STRANGE, 'ctr:parts:a', `ctr:history:${START}`])
  test(`a commit that meets foreign data in ${key} writes nothing`, { skip }, async (t) => {
    const redis = await startRedis(t, { args: ['--enable-debug-command', 'yes'] });
    const store = simStoreAt(t, redis.url);
    const a = await new Sender(store).claim();
    await a.send({ claims: ['x'] });
    redis.cli('SET', key, 'foreign');
    const before = redis.cli('--raw', 'DEBUG', 'DIGEST');
    assert.match(before, /^[0-9a-f]{40}$/);
    const commit = a.build({
      claims: ['y'],
      results: [resultIn('x', 0, 1)],
      parts: [{ name: 'n', bytes: Buffer.from('n') }],
      kept: [keptOf(1, START)],
      comebacks: [{ partition: 'p', offset: 1, watermark: 1 }],
    });
    await assert.rejects(store.commit(commit), { code: 'store_foreign', message: RegExp(key) });
    assert.equal(redis.cli('--raw', 'DEBUG', 'DIGEST'), before);
    redis.cli('DEL', key);
    assert.equal((await store.commit(commit)).answer, 'ok');
  });

test('a Redis without room says so, writes nothing, and goes on later', { skip }, async (t) => {
  const redis = await startRedis(t);
  const store = simStoreAt(t, redis.url);
  const a = await new Sender(store).claim();
  await a.send({ claims: ['x'], results: [resultIn('x', 0, 1)] });
  redis.cli('CONFIG', 'SET', 'maxmemory', '1');
  const before = await contentOf(store, ['a'], ['x', 'y']);
  const commit = a.build({ claims: ['y'], results: [resultIn('x', 1, 2), resultIn('y', 1, 2)] });
  for (let i = 0; i < 2; i++)
    await assert.rejects(store.commit(commit), { code: 'store_full', retry: true });
  assert.deepEqual(await contentOf(store, ['a'], ['x', 'y']), before);
  redis.cli('CONFIG', 'SET', 'maxmemory', '0');
  assert.equal((await store.commit(commit)).answer, 'ok');
  // What frees room is taken, and then wholly; rows are not.
  redis.cli('CONFIG', 'SET', 'maxmemory', '1');
  assert.equal(await a.send({ removals: ['x'] }), 'ok');
  assert.deepEqual((await store.load()).rows, [
    { product: 'y', latest: countsOf(1, 2), previous: null },
  ]);
});

test('a Redis that lacks replicas says so, writes nothing, and goes on later', {
  skip,
}, async (t) => {
  const redis = await startRedis(t);
  const store = simStoreAt(t, redis.url);
  const a = await new Sender(store).claim();
  await a.send({ claims: ['x'], results: [resultIn('x', 0, 1)] });
  const before = await contentOf(store, ['a'], ['x']);
  redis.cli('CONFIG', 'SET', 'min-replicas-to-write', '1');
  // With rows, and without.
  for (const content of [{ results: [resultIn('x', 1, 2)] }, { kept: [keptOf(1, START)] }]) {
    const commit = a.build(content);
    await assert.rejects(store.commit(commit), {
      code: 'store_unavailable',
      retry: true,
      message: /^Redis has too few replicas .* Not enough good replicas to write\.$/,
    });
    await assert.rejects(store.claim('b', 't'), { code: 'store_unavailable', retry: true });
    assert.deepEqual(await contentOf(store, ['a'], ['x']), before);
    a.number--;
  }
  redis.cli('CONFIG', 'SET', 'min-replicas-to-write', '0');
  assert.equal(await a.send({ results: [resultIn('x', 1, 2)] }), 'ok');
});

test('a Redis that forgot our scripts is sent them again', { skip }, async (t) => {
  const redis = await startRedis(t);
  const a = await new Sender(storeAt(t, redis.url)).claim();
  assert.equal(await a.send(), 'ok');
  redis.cli('SCRIPT', 'FLUSH');
  assert.equal(await a.send(), 'ok');
  redis.cli('SCRIPT', 'FLUSH');
  assert.equal((await a.claim()).fence.epoch, 2);
});

test('a wrong password is told, and never shown', { skip }, async (t) => {
  const redis = await startRedis(t, { args: ['--requirepass', 'sesame'] });
  const right = redis.url.replace('redis://', 'redis://:sesame@');
  await storeAt(t, redis.url, { password: 'sesame' }).claim('a', 't');
  await storeAt(t, right).claim('a', 't');
  for (const store of [
    storeAt(t, redis.url),
    storeAt(t, redis.url, { password: 'open-barley' }),
    storeAt(t, right.replace('sesame', 'open-barley')),
  ])
    await assert.rejects(store.claim('a', 't'), (error: { code: string; message: string }) => {
      assert.equal(error.code, 'config_invalid');
      assert.doesNotMatch(error.message, /barley|sesame/);
      return true;
    });
  assert.throws(
    () => new Connection({ url: 'http://:secret@host' }, 1),
    (error: Error) => {
      assert.doesNotMatch(error.message, /secret/);
      return /redis:\/\//.test(error.message);
    },
  );
});

test('a read-only replica takes no claim and no commit', { skip }, async (t) => {
  const primary = await startRedis(t, { args: ['--repl-diskless-sync-delay', '0'] });
  const a = await new Sender(storeAt(t, primary.url)).claim();
  const replica = await startRedis(t, { args: ['--replicaof', '127.0.0.1', String(primary.port)] });
  while (!replica.cli('INFO', 'replication').includes('master_link_status:up'))
    await new Promise((resolve) => setTimeout(resolve, 20));
  const store = storeAt(t, replica.url);
  const readOnly = { code: 'store_unavailable', retry: true, message: /read-only replica/ };
  await assert.rejects(store.claim('a', 't'), readOnly);
  await assert.rejects(store.commit(a.build()), readOnly);
});

test('a lost answer: the same commit sent again is a duplicate', { skip }, async (t) => {
  const redis = await startRedis(t);
  const eater = await answerEater(t, redis.port);
  const store = storeAt(t, eater.url, { limits: LIMITS });
  const a = await new Sender(store).claim();
  await a.send({ claims: ['x', 'y'] });
  const commit = a.build({ results: [resultIn('x', 0, 5)], removals: ['y'] });
  eater.arm(/EVAL\r/);
  await assert.rejects(store.commit(commit), { code: 'store_unavailable', retry: true });
  assert.equal(eater.eaten(), 1);
  assert.deepEqual(await store.commit(commit), { answer: 'duplicate', heldElsewhere: [] });
  assert.equal((await store.load()).number, 1);
  assert.equal(await a.send({ results: [resultIn('x', 1, 6)] }), 'ok');
  assert.deepEqual((await store.load()).rows[0]?.latest, countsOf(1, 6));
});

test('while Redis is away calls fail at once; afterwards they work again', { skip }, async (t) => {
  const redis = await startRedis(t, { aof: 'always' });
  const a = await new Sender(storeAt(t, redis.url)).claim();
  await a.send();
  await redis.kill();
  const commit = a.build();
  for (let i = 0; i < 3; i++) {
    const beganMs = performance.now();
    await assert.rejects(a.store.commit(commit), { code: 'store_unavailable', retry: true });
    assert.ok(performance.now() - beganMs < 5_000, 'it waited');
  }
  await redis.restart();
  assert.equal((await a.store.commit(commit)).answer, 'ok');
});

test('calls that end with the connection of another are told why it ended', { skip }, async (t) => {
  const redis = await startRedis(t);
  const store = storeAt(t, redis.url, { timeoutMs: 1_000 });
  await store.statuses();
  redis.pause();
  const first = store.statuses();
  await sleep(200);
  const late = { code: 'store_unavailable', message: /does not answer: no answer in 1000 ms$/ };
  await Promise.all([first, store.statuses()].map((call) => assert.rejects(call, late)));
});

test('that changes are not followed is logged once, and that they are again', {
  skip,
}, async (t) => {
  const redis = await startRedis(t, { aof: 'always' });
  const { log, lines } = noted();
  const store = storeAt(t, redis.url, { log });
  store.follow(() => {});
  await eventually(async () => store.following()?.trouble === null);
  await redis.kill();
  await eventually(async () => store.following()?.trouble !== null);
  await sleep(300);
  await redis.restart();
  await eventually(async () => store.following()?.trouble === null);
  assert.equal(lines.length, 2, lines.join('; '));
  assert.match(lines[0]!, /^changes cannot be followed: /);
  assert.equal(lines[1], 'changes are followed again');
});

test('a user that may not read on is one sentence in the log', { skip }, async (t) => {
  const redis = await startRedis(t);
  redis.cli('ACL', 'SETUSER', 'u', 'on', '>pw', '~ctr:*', '+@all');
  const { log, lines, fields } = noted();
  const store = storeAt(t, `redis://u:pw@127.0.0.1:${redis.port}`, { log });
  store.follow(() => {});
  await eventually(async () => store.following()?.trouble === null);
  redis.cli('ACL', 'SETUSER', 'u', '-@all');
  await eventually(async () => lines.length > 0);
  assert.match(lines[0]!, /^changes cannot be followed: Redis does not let this user /);
  assert.deepEqual(fields, [{}]);
});

test('a primary that became a replica is left for the one that has its address', {
  skip,
}, async (t) => {
  const args = ['--repl-diskless-sync-delay', '0'];
  const [before, after] = [await startRedis(t, { args }), await startRedis(t)];
  const proxy = await startProxy(t, before.port);
  const a = await new Sender(storeAt(t, `redis://127.0.0.1:${proxy.port}`)).claim();
  await a.send({ claims: ['x'] });
  after.cli('REPLICAOF', '127.0.0.1', String(before.port));
  await eventually(async () => after.cli('HEXISTS', 'ctr:products', 'x') === '1');
  after.cli('REPLICAOF', 'NO', 'ONE');
  before.cli('REPLICAOF', '127.0.0.1', String(after.port));
  // As a name that resolves to another machine: connections that are there stay.
  proxy.toward(after.port);
  const commit = a.build();
  const refused = { code: 'store_unavailable', message: /read-only replica/ };
  await assert.rejects(a.store.commit(commit), refused);
  assert.equal((await a.store.commit(commit)).answer, 'ok');
});

test('who only reads leaves a primary that became a replica, too', { skip }, async (t) => {
  const args = ['--repl-diskless-sync-delay', '0'];
  const [before, after] = [await startRedis(t, { args }), await startRedis(t)];
  const proxy = await startProxy(t, before.port);
  const { log, lines } = noted();
  const reader = storeAt(t, `redis://127.0.0.1:${proxy.port}`, { log });
  t.after(reader.follow(() => {}));
  await new Sender(storeAt(t, before.url)).claim();
  assert.equal((await reader.committed()).length, 0);
  after.cli('REPLICAOF', '127.0.0.1', String(before.port));
  await eventually(async () => after.cli('EXISTS', 'ctr:store') === '1');
  after.cli('REPLICAOF', 'NO', 'ONE');
  proxy.toward(after.port);
  // Only who waits for a change hears of it, and between two waits nobody does.
  await eventually(async () => {
    if (lines.length > 0) return true;
    before.cli('REPLICAOF', 'NO', 'ONE');
    before.cli('REPLICAOF', '127.0.0.1', String(after.port));
    return false;
  });
  // From here on the two have different data: it shows who is asked.
  before.cli('REPLICAOF', 'NO', 'ONE');
  const a = await new Sender(storeAt(t, after.url)).claim();
  await a.send({ claims: ['x'] });
  await a.send({ results: [resultIn('x', 0, 1)] });
  await eventually(async () => (await reader.committed())[0]?.number === 2);
  assert.deepEqual(
    (await reader.load()).rows.map(({ product }) => product),
    ['x'],
  );
  assert.match(lines[0]!, /^changes cannot be followed: Redis has become a replica/);
});

test('a server that is full of clients is tried again', { skip }, async (t) => {
  const redis = await startRedis(t, { args: ['--maxclients', '1'] });
  const only = connect(redis.port, '127.0.0.1');
  await once(only, 'connect');
  only.write('PING\r\n');
  await once(only, 'data');
  const store = storeAt(t, redis.url);
  await assert.rejects(store.claim('a', 't'), { code: 'store_unavailable' });
  only.destroy();
  await eventually(() => store.claim('a', 't'));
});

test('a user in the address, with the password apart and no more rights than needed', {
  skip,
}, async (t) => {
  const redis = await startRedis(t);
  const rights = ['~ctr:*', '+@all', '-@admin', '-@dangerous'];
  redis.cli('ACL', 'SETUSER', 'click/rate', 'on', '>se/cret', ...rights);
  const url = `redis://click%2Frate@127.0.0.1:${redis.port}`;
  const store = storeAt(t, url, { password: 'se/cret' });
  const told: number[] = [];
  t.after(store.follow(({ number }) => told.push(number)));
  const a = await new Sender(store).claim();
  await a.send({ claims: ['x'], kept: [keptOf(0, Date.now())] });
  await a.send({ results: [resultIn('x', 1, 7)] });
  await a.send({ removals: ['x'] });
  await store.folded();
  assert.equal((await store.rejected({ limit: 10 })).length, 1);
  assert.equal((await store.statuses()).size, 1);
  assert.equal((await store.load()).number, 2);
  await eventually(async () => told.length === 2);
  const inAddress = storeAt(t, `redis://click%2Frate:se%2Fcret@127.0.0.1:${redis.port}`);
  assert.equal((await inAddress.load()).number, 2);
  const wrong = storeAt(t, url, { password: 'other' });
  await assert.rejects(wrong.load(), { code: 'config_invalid' });
});
