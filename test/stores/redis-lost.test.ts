/** Keys that are gone from under a living owner: its next commit says so, nothing is papered over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../src/config.ts';
import { startRedis, withoutRedis } from '../support/redis-server.ts';
import { keptOf, resultIn } from './commits.ts';
import { Sender, storeAt } from './redis-parts.ts';

const skip = withoutRedis();
const part = (name: string) => ({ name, bytes: Buffer.from(name) });

test('a checkpoint that lost parts is not written on: the next owner would miss them', {
  skip,
}, async (t) => {
  const redis = await startRedis(t);
  const a = await new Sender(storeAt(t, redis.url)).claim();
  await a.send({ parts: [part('m'), part('n')] });
  redis.cli('DEL', 'ctr:parts:a');
  assert.equal(await a.send({ parts: [part('m')] }), 'fenced');
  await assert.rejects(a.claim(), {
    code: 'checkpoint_damaged',
    message: /ctr:parts:a .* has 0 checkpoint parts, not 2/,
  });
});

test('where the owners of all products are lost nothing is published', { skip }, async (t) => {
  const redis = await startRedis(t);
  const a = await new Sender(storeAt(t, redis.url)).claim();
  await a.send();
  await a.send({ claims: ['x'], results: [resultIn('x', 0, 1)] });
  redis.cli('DEL', 'ctr:products');
  const lost = {
    code: 'checkpoint_damaged',
    retry: false,
    message: /ctr:products has 0 products, not 1/,
  };
  await assert.rejects(a.send({ results: [resultIn('x', 1, 2)] }), lost);
  await assert.rejects((await a.claim()).send({ results: [resultIn('x', 1, 2)] }), lost);
});

test('where the owner of one product is lost nothing is published', { skip }, async (t) => {
  const redis = await startRedis(t);
  const limits = { ...LIMITS, historyProducts: 1 };
  const a = await new Sender(storeAt(t, redis.url, { limits })).claim();
  await a.send({ claims: ['x', 'y', 'z'], results: [resultIn('x', 0, 1), resultIn('y', 0, 1)] });
  // Of those that leave one is remembered: fewer are there, and nothing is lost.
  assert.equal(await a.send({ removals: ['y', 'z'] }), 'ok');
  assert.equal(await a.send({ claims: ['y', 'z'] }), 'ok');
  redis.cli('HDEL', 'ctr:products', 'x');
  const lost = { code: 'checkpoint_damaged', message: /ctr:products has 2 products, not 3/ };
  await assert.rejects(a.send({ results: [resultIn('x', 1, 2)] }), lost);
  await assert.rejects((await a.claim()).send(), lost);
});

test('products are counted from now on where they were not', { skip }, async (t) => {
  const redis = await startRedis(t);
  const a = await new Sender(storeAt(t, redis.url)).claim();
  await a.send({ claims: ['x', 'y'] });
  // As form 3 has it.
  redis.cli('HDEL', 'ctr:store', 'products');
  assert.equal(await a.send({ results: [resultIn('x', 0, 1)] }), 'ok');
  redis.cli('HDEL', 'ctr:products', 'y');
  const lost = { code: 'checkpoint_damaged', message: /has 1 products, not 2/ };
  await assert.rejects(a.send({ results: [resultIn('x', 1, 2)] }), lost);
});

test('a commit that was broken off loses no product', { skip }, async (t) => {
  const redis = await startRedis(t);
  redis.cli('ACL', 'SETUSER', 'u', 'on', '>pw', '~ctr:*', '+@all');
  const limits = { ...LIMITS, historyProducts: 0 };
  const url = `redis://u:pw@127.0.0.1:${redis.port}`;
  const a = await new Sender(storeAt(t, url, { limits })).claim();
  await a.send({ claims: ['x', 'y'] });
  const refused = { code: 'config_invalid', message: /does not let this user/ };
  const published = () => redis.cli('HGET', 'ctr:latest', 'y');
  const commands = ['hincrby', 'hdel', 'zpopmin', 'zadd', 'xadd', 'rpush'];
  for (const [n, command] of commands.entries()) {
    redis.cli('ACL', 'SETUSER', 'u', `-${command}`);
    const kept = [keptOf(1, Date.now())];
    const commit = a.build({ removals: ['x'], kept, results: [resultIn('y', n, 1)] });
    const before = published();
    await assert.rejects(a.resend(commit), refused, command);
    // Kept events are the last that is written: then the commit counts.
    assert.equal(published() === before, !['xadd', 'rpush'].includes(command), command);
    redis.cli('ACL', 'SETUSER', 'u', `+${command}`);
    assert.match(await a.resend(commit), /^(ok|duplicate)$/, command);
    assert.equal(await a.send({ claims: ['x'] }), 'ok');
  }
});

test('a commit that was broken off after it was taken has its rows', { skip }, async (t) => {
  const redis = await startRedis(t);
  redis.cli('ACL', 'SETUSER', 'u', 'on', '>pw', '~ctr:*', '+@all');
  const a = await new Sender(storeAt(t, `redis://u:pw@127.0.0.1:${redis.port}`)).claim();
  const commit = a.build({ claims: ['x'], results: [resultIn('x', 0, 1)] });
  redis.cli('ACL', 'SETUSER', 'u', '-xadd');
  await assert.rejects(a.resend(commit), { code: 'config_invalid' });
  redis.cli('ACL', 'SETUSER', 'u', '+xadd');
  assert.equal(await a.resend(commit), 'duplicate');
  assert.equal(redis.cli('HEXISTS', 'ctr:latest', 'x'), '1');
});

test('a store without its head is not begun anew over what is left of it', { skip }, async (t) => {
  const redis = await startRedis(t);
  const a = await new Sender(storeAt(t, redis.url)).claim();
  await a.send({ claims: ['x'] });
  await a.send({ results: [resultIn('x', 0, 1)] });
  redis.cli('DEL', 'ctr:store');
  assert.equal(await a.send({ results: [resultIn('x', 1, 2)] }), 'fenced');
  const lost = { code: 'checkpoint_damaged', retry: false, message: /ctr:store is gone/ };
  await assert.rejects(a.claim(), lost);
  // Without them the checkpoint's products would have no owner, and none would be published.
  redis.cli('DEL', 'ctr:latest', 'ctr:previous', 'ctr:products', 'ctr:changes', 'ctr:tasks');
  await assert.rejects(a.claim(), lost);
  redis.cli('FLUSHALL');
  assert.equal((await a.claim()).fence.epoch, 1);
});

test('a user who may not do all that a script does is told so', { skip }, async (t) => {
  const redis = await startRedis(t);
  for (const [name, rights] of Object.entries({
    keys: ['~ctr:store', '+@all'],
    commands: ['~ctr:*', '+@all', '-hset'],
  })) {
    redis.cli('ACL', 'SETUSER', name, 'on', '>pw', ...rights);
    const url = `redis://${name}:pw@127.0.0.1:${redis.port}`;
    const refused = { code: 'config_invalid', message: /does not let this user/ };
    await assert.rejects(storeAt(t, url).claim('a', 't'), refused);
  }
});

test('what is kept stays where this user may add no more to it', { skip }, async (t) => {
  const redis = await startRedis(t);
  redis.cli('ACL', 'SETUSER', 'u', 'on', '>pw', '~ctr:*', '+@all');
  const store = storeAt(t, `redis://u:pw@127.0.0.1:${redis.port}`);
  const a = await new Sender(store).claim();
  await a.send({ kept: [keptOf(1, Date.now())] });
  redis.cli('ACL', 'SETUSER', 'u', '-xadd');
  const refused = { code: 'config_invalid', message: /does not let this user/ };
  await assert.rejects(a.send({ kept: [keptOf(2, Date.now())] }), refused);
  assert.equal((await store.rejected({ limit: 10 })).length, 1);
});

test('a stream of kept events that is ahead of its numbers is begun anew', { skip }, async (t) => {
  const redis = await startRedis(t);
  const a = await new Sender(storeAt(t, redis.url)).claim();
  redis.cli('XADD', 'ctr:rejected', '99-0', 'x', 'y');
  assert.equal(await a.send({ kept: [keptOf(1, Date.now())] }), 'ok');
  assert.equal((await a.store.rejected({ limit: 10 })).length, 1);
});
