/** The line over which commits go: what a server answers, in whatever pieces, and what is no answer. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { ErrorReply } from '@redis/client';
import { Connection } from '../../src/stores/redis/connection.ts';
import { argumentOf, Line } from '../../src/stores/redis/line.ts';
import { Replies, type Reply } from '../../src/stores/redis/replies.ts';
import {
  answerIn,
  GUARD_LUA,
  scriptBytes,
  transactionOf,
} from '../../src/stores/redis/transaction.ts';
import { anyText } from '../support/any-text.ts';
import { fc } from '../support/fast-check.ts';
import { freePort } from '../support/free-port.ts';
import { eventually } from '../support/processes.ts';
import { startProxy } from '../support/proxy.ts';
import { startRedis, withoutRedis } from '../support/redis-server.ts';
import { startSocketServer } from '../support/socket-server.ts';
import { commitOf, resultIn } from './commits.ts';
import { Sender, simStoreAt, storeAt } from './redis-parts.ts';

const skip = withoutRedis();

const line = fc.string({ unit: 'grapheme-ascii' }).map((text) => text.replaceAll(/[\r\n]/g, ''));
const { reply } = fc.letrec<{ reply: Reply }>((tie) => ({
  reply: fc.oneof(
    { depthSize: 'small' },
    anyText({ maxLength: 50 }),
    fc.maxSafeInteger(),
    fc.constant(null),
    line.map((text) => new ErrorReply(text)),
    fc.array(tie('reply'), { maxLength: 5 }),
  ),
}));

function written(one: Reply): string {
  if (one === null) return '$-1\r\n';
  if (typeof one === 'number') return `:${one}\r\n`;
  if (one instanceof ErrorReply) return `-${one.message}\r\n`;
  if (typeof one === 'string') return `$${Buffer.byteLength(one)}\r\n${one}\r\n`;
  return `*${one.length}\r\n${one.map(written).join('')}`;
}

test('replies are the same whatever pieces they come in', () => {
  fc.assert(
    fc.property(
      fc.array(reply, { minLength: 1, maxLength: 6 }),
      fc.array(fc.nat(40), { minLength: 1 }),
      (replies, lengths) => {
        const bytes = Buffer.from(replies.map(written).join(''));
        const reader = new Replies();
        const found: Reply[] = [];
        for (let at = 0, n = 0; at < bytes.length; n++) {
          const length = lengths[n % lengths.length]! + 1;
          found.push(...reader.take(bytes.subarray(at, at + length)));
          at += length;
        }
        assert.deepEqual(found, replies);
      },
    ),
  );
});

test('what is no reply, or has no end, is refused', () => {
  assert.throws(() => new Replies().take(Buffer.from('HTTP/1.1 400 Bad Request\r\n')), /no reply/);
  const reader = new Replies(1_000);
  assert.deepEqual(reader.take(Buffer.from(`$5000\r\n${'x'.repeat(900)}`)), []);
  assert.throws(() => reader.take(Buffer.from('x'.repeat(100))), /without end/);
});

test('a refusal within a transaction is told before that there was none', () => {
  const full = new ErrorReply('OOM command not allowed');
  const replies = ['OK', 'QUEUED', full, 'QUEUED', new ErrorReply('EXECABORT discarded')];
  assert.throws(() => answerIn(replies), full);
  // Where it became so after all was queued.
  const at = new ErrorReply(`EXECABORT Transaction discarded because of: ${full.message}`);
  assert.throws(() => answerIn(['OK', 'QUEUED', 'QUEUED', 'QUEUED', at]), full);
  const late = ['OK', 'QUEUED', 'QUEUED', [['ok'], new ErrorReply('WRONGTYPE')]];
  assert.throws(() => answerIn(late), /WRONGTYPE/);
  assert.deepEqual(answerIn(['OK', 'QUEUED', 'QUEUED', [['ok'], 1]]), ['ok']);
  assert.deepEqual(answerIn([['fenced']]), ['fenced']);
  assert.equal(transactionOf(Buffer.alloc(0), [], []).count, 1);
});

test('a server that speaks otherwise, or not at all, breaks the line', async (t) => {
  const url = async (onData: Parameters<typeof startSocketServer>[1]) =>
    `redis://127.0.0.1:${(await startSocketServer(t, onData)).port}`;
  const other = new Line({ url: await url((socket) => socket.write('220 mail\r\n')) }, 1_000);
  await assert.rejects(other.connect(), /no reply/);
  assert.equal(other.isOpen, false);
  const end = (socket: Socket) => socket.end('-ERR max number of clients reached\r\n');
  await assert.rejects(new Line({ url: await url(end) }, 1_000).connect(), /number of clients/);
  const silent = new Connection({ url: await url(() => {}) }, 200);
  t.after(() => silent.close());
  await assert.rejects(silent.transact(Buffer.alloc(0), [], []), {
    code: 'store_unavailable',
    message: /no answer in 200 ms/,
  });
});

test('a server that is not reached fails the line with the reason', async (t) => {
  const none = new Line({ url: `redis://127.0.0.1:${await freePort()}` }, 1_000);
  await assert.rejects(none.connect(), /ECONNREFUSED/);
  const { port } = await startSocketServer(t, () => {});
  const silent = { url: `rediss://127.0.0.1:${port}` };
  const late = new Line(silent, 50);
  await assert.rejects(late.connect(), /Connection timeout/);
  const left = new Line(silent, 10_000);
  const reached = left.connect();
  left.destroy(new Error('the other connection broke'));
  await assert.rejects(reached, /the other connection broke/);
  assert.deepEqual(
    [none, late, left].map(({ isOpen }) => isOpen),
    [false, false, false],
  );
});

test('a commit that is not taken leaves no trace of its rows', { skip }, async (t) => {
  const redis = await startRedis(t, { args: ['--enable-debug-command', 'yes'] });
  const store = simStoreAt(t, redis.url);
  const a = await new Sender(store).claim();
  const digest = () => redis.cli('--raw', 'DEBUG', 'DIGEST');
  const refused = async (commit: ReturnType<typeof commitOf>, answer: string) => {
    const before = digest();
    assert.equal((await store.commit(commit)).answer, answer);
    assert.equal(digest(), before);
  };
  const results = [resultIn('x', 0, 1)];
  const strange = { epoch: 1, token: 'another' };
  // Neither hash is there yet.
  await refused(commitOf('a', strange, 1, { claims: ['x'], results }), 'fenced');
  assert.equal(redis.cli('EXISTS', 'ctr:latest', 'ctr:previous'), '0');
  const first = a.build({ claims: ['x'], results });
  assert.equal((await store.commit(first)).answer, 'ok');
  await refused(first, 'duplicate');
  // The one is there, the other is not, and both.
  await refused(commitOf('a', strange, 2, { results: [resultIn('x', 5, 9)] }), 'fenced');
  assert.equal(redis.cli('EXISTS', 'ctr:previous'), '0');
  const [result] = results;
  const previous = { ...result!.latest, start: result!.latest.start - 10_000 };
  const both = [{ ...result!, previous }];
  assert.equal(await a.send({ results: both }), 'ok');
  await refused(commitOf('a', strange, 3, { results: both }), 'fenced');
  assert.equal(redis.cli('KEYS', '*aside*').trim(), '');
});

test('a script that an operator would kill within a transaction has no rows', {
  skip,
}, async (t) => {
  const redis = await startRedis(t, { args: ['--busy-reply-threshold', '10'] });
  const connect = () => new Connection({ url: redis.url }, 20_000);
  const [committing, operator] = [connect(), connect()];
  t.after(() => [committing, operator].forEach((connection) => void connection.close()));
  const kill = () => operator.send(['SCRIPT', 'KILL']).then(String, String);
  assert.match(await kill(), /NOTBUSY/);
  const looking = `local function ms() local t = redis.call('TIME') return t[1] * 1e3 + t[2] / 1e3 end
    local end_ = ms() + 500
    while ms() < end_ do for _ = 1, 1e5 do end end
    return {'fenced'}`;
  const script = scriptBytes(`${GUARD_LUA} return guarded(true, function() ${looking} end)`);
  const fields = { bytes: Buffer.from(['x', '1'].map(argumentOf).join('')), count: 2 };
  const answered = committing.transact<string[]>(script, [], [{ key: 'ctr:latest', fields }]);
  let told: string;
  do told = await kill();
  while (/NOTBUSY/.test(told));
  assert.match(told, /UNKILLABLE/);
  assert.deepEqual(await answered, ['fenced']);
  assert.equal(redis.cli('KEYS', '*'), '');
});

test('who may not do transactions, or not refuse in them, is told before', { skip }, async (t) => {
  const redis = await startRedis(t);
  const without = (command: string) => {
    redis.cli('ACL', 'SETUSER', command, 'on', '>pw', '~ctr:*', '+@all', `-${command}`);
    return storeAt(t, redis.url.replace('redis://', `redis://${command}:pw@`));
  };
  const told = (command: string) => ({
    code: 'config_invalid',
    retry: false,
    message: RegExp(command, 'i'),
  });
  for (const command of ['set', 'exists', 'rename', 'del']) {
    await assert.rejects(without(command).claim('a', 't'), told(command));
    assert.equal(redis.cli('DBSIZE'), '0');
  }
  const a = await new Sender(without('multi')).claim();
  await assert.rejects(a.store.commit(a.build()), told('multi'));
});

test('a user without a password is this user for commits, too', { skip }, async (t) => {
  const redis = await startRedis(t);
  redis.cli('ACL', 'SETUSER', 'open', 'on', 'nopass', '~ctr:*', '+@all');
  redis.cli('ACL', 'SETUSER', 'default', 'nocommands', '+ping');
  const a = await new Sender(storeAt(t, redis.url.replace('redis://', 'redis://open@'))).claim();
  assert.equal(await a.send({ claims: ['x'], results: [resultIn('x', 0, 1)] }), 'ok');
});

test('commits go where the address says: its database, with its password', { skip }, async (t) => {
  const redis = await startRedis(t, { args: ['--requirepass', 'sesame'] });
  const url = `${redis.url.replace('redis://', 'redis://:sesame@')}/3`;
  const a = await new Sender(storeAt(t, url)).claim();
  await a.send({ claims: ['x'], results: [resultIn('x', 0, 1)] });
  const there = redis.cli('-a', 'sesame', '-n', '3', 'HEXISTS', 'ctr:latest', 'x');
  assert.match(there, /1$/);
});

test('an address of which a part would be ignored, or is none, is refused by name', () => {
  for (const url of [
    ...['localhost', 'http://h:1', 'redis:h', 'redis://', 'redis:///0', 'redis://h:1/x'],
    ...['redis://h:1/-1', 'redis://h:1/1.5', 'redis://h:1/0x1', 'redis://h:1/0/1'],
    ...['redis://h:1?db=3', 'redis://h:1/3#pw', 'redis://user:1#pw@h:1', 'redis://user:1/pw@h:1'],
  ])
    assert.throws(() => new Connection({ url }, 1), {
      code: 'config_invalid',
      message: 'redis must be redis://host:port or redis://host:port/database (rediss: with TLS)',
    });
  for (const url of ['redis://h', 'rediss://u:p@h:1/', 'redis://[::1]:1/15'])
    new Connection({ url }, 1).close();
});

test('a database that there is not is told as a wrong setting', { skip }, async (t) => {
  const redis = await startRedis(t);
  await assert.rejects(storeAt(t, `${redis.url}/16`).load(), {
    code: 'config_invalid',
    message: /database/,
  });
});

test('where one connection breaks the other is left: both lead to one server', {
  skip,
}, async (t) => {
  const [before, after] = [await startRedis(t), await startRedis(t)];
  const proxy = await startProxy(t, before.port);
  const a = await new Sender(storeAt(t, `redis://127.0.0.1:${proxy.port}`)).claim();
  await a.send();
  // Who is cut off from the others may go on as a primary.
  proxy.toward(after.port);
  proxy.loseAnswerTo(/SMEMBERS/);
  await assert.rejects(a.store.statuses(), { code: 'store_unavailable' });
  assert.equal((await a.claim()).number, 0);
  assert.equal(await a.send(), 'ok');
});

test('a connection that is left while it is being made is not made', { skip }, async (t) => {
  const redis = await startRedis(t);
  const connection = new Connection({ url: redis.url }, 1_000);
  for (let n = 0; n < 3; n++) {
    const call = connection.send(['PING']);
    connection.leave(new Error('left'));
    await assert.rejects(call, { code: 'store_unavailable', message: /left/ });
  }
  connection.close();
  // Whoever asks is a client, too.
  await eventually(async () => redis.cli('CLIENT', 'LIST').split('\n').length === 1);
});
