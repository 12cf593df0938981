/** What readers, folders and owners make of what others write to Redis under their hands. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { LIMITS } from '../../src/config.ts';
import { WINDOW } from '../../src/history.ts';
import { ladderOf } from '../../src/stores/history/levels.ts';
import { Connection } from '../../src/stores/redis/connection.ts';
import { fold } from '../../src/stores/redis/fold.ts';
import { readHistory } from '../../src/stores/redis/history.ts';
import { loadRows } from '../../src/stores/redis/load.ts';
import type { Change } from '../../src/stores/store.ts';
import { eventually } from '../support/processes.ts';
import { startRedis, withoutRedis } from '../support/redis-server.ts';
import { countsOf, resultIn, START, windowsOf } from './commits.ts';
import { Sender, storeAt } from './redis-parts.ts';

const skip = withoutRedis();
const LADDER = ladderOf(10_000, 'UTC');
/** The store itself folds nothing so young. */
const KEEP = { windowsMs: 30_000, minutesMs: Infinity, quartersMs: Infinity };
const SPAN = { levels: [WINDOW, '1m', '15m'], fromMs: -Infinity, toMs: Infinity };

async function setUp(t: TestContext) {
  const redis = await startRedis(t);
  const store = storeAt(t, redis.url);
  const a = await new Sender(store).claim();
  await a.send({ claims: ['x', 'y'] });
  const connection = new Connection({ url: redis.url }, 10_000);
  t.after(() => connection.close());
  const folded = (over: Connection, minutesMs = Infinity, finalBefore = Infinity) =>
    fold(over, LADDER, { ...LIMITS, historyKeep: { ...KEEP, minutesMs } }, finalBefore);
  const sum = async () => {
    const levels = await readHistory(connection, null, SPAN);
    return levels.flat().reduce((all, { impressions }) => all + impressions, 0);
  };
  return { redis, store, a, connection, folded, sum };
}

/** The same connection; right after the `nth` answer to `command` it runs `meanwhile`. */
function interrupted(
  inner: Connection,
  command: string,
  meanwhile: () => Promise<unknown>,
  nth = 1,
) {
  let answers = 0;
  const then = async <T>(answer: T, names: readonly unknown[]): Promise<T> => {
    if (names.includes(command) && ++answers === nth) await meanwhile();
    return answer;
  };
  return {
    send: async (args: string[], ms?: number) => then(await inner.send(args, ms), [args[0]]),
    sendAll: async (all: string[][]) =>
      then(
        await inner.sendAll(all),
        all.map(([name]) => name),
      ),
    run: async (script: { text: string; sha: string }, args: string[]) =>
      then(await inner.run(script, args), [args.length === 1 ? 'close' : 'fold']),
  } as unknown as Connection;
}

test('rows that change while they are loaded are as they are then', { skip }, async (t) => {
  const { store, a, connection } = await setUp(t);
  await a.send({ results: [resultIn('x', 0, 1), resultIn('y', 0, 1)] });
  const over = interrupted(connection, 'HSCAN', async () => {
    await a.send({ removals: ['x'], claims: ['x'], results: [resultIn('x', 1, 2)] });
    await a.send({ results: [resultIn('y', 1, 3)] });
  });
  const { rows, position } = await loadRows(over);
  const byName = new Map(rows.map(({ product, latest }) => [product, latest]));
  assert.deepEqual([byName.get('x'), byName.get('y')], [countsOf(1, 2), countsOf(1, 3)]);
  assert.equal(position.number, (await store.load()).number);
});

test('rows are loaded again where the store is not the one that it was', { skip }, async (t) => {
  const { redis, a, connection } = await setUp(t);
  await a.send({ results: [resultIn('x', 0, 1), resultIn('y', 0, 1)] });
  const over = interrupted(connection, 'HSCAN', async () => {
    // As after a failover to a replica that had another change of this number, and no row of x.
    redis.cli('HSET', 'ctr:store', 'mark', 'other');
    redis.cli('HDEL', 'ctr:latest', 'x');
    await a.send({ results: [resultIn('y', 1, 3)] });
  });
  const { rows } = await loadRows(over);
  assert.deepEqual(
    rows.map(({ product }) => product),
    ['y'],
  );
});

/** A follower that has heard of a first change, and what it was told since. */
async function following(t: TestContext) {
  const world = await setUp(t);
  const told: Change[] = [];
  t.after(world.store.follow((change) => told.push(change)));
  await world.a.send({ results: [resultIn('x', 0, 1)] });
  await eventually(async () => told.length === 1, 30_000, 5);
  const again = `${told[0]!.incarnation}~1`;
  const isTold = () => eventually(async () => told.at(-1)!.incarnation === again, 30_000, 5);
  return { ...world, told, isTold };
}

test('a change of another history of the store is a break, not told', { skip }, async (t) => {
  const { redis, a, told, isTold } = await following(t);
  redis.cli('HSET', 'ctr:store', 'mark', 'other');
  await a.send({ results: [resultIn('x', 1, 2)] });
  await isTold();
  assert.deepEqual(told.at(-1)!.rows, []);
  assert.equal(told.length, 2);
});

test('a store that went back is found out though nobody writes to it', { skip }, async (t) => {
  const { redis, isTold } = await following(t);
  redis.cli('HSET', 'ctr:store', 'change', '0', 'mark', '');
  await isTold();
});

test('changes that are gone from the stream are not waited for', { skip }, async (t) => {
  const { redis, isTold } = await following(t);
  redis.cli('DEL', 'ctr:changes');
  redis.cli('HSET', 'ctr:store', 'change', '9', 'mark', 'later');
  await isTold();
});

test('a window folded by another while it is added up is there once', { skip }, async (t) => {
  const { a, connection, folded, sum } = await setUp(t);
  for (let n = 0; n < 12; n++) await a.send({ results: [resultIn('x', n, 10)] });
  await folded(interrupted(connection, 'HMGET', () => folded(connection)));
  assert.equal(await sum(), 120);
});

test('a period that grew while it was added up is not folded yet', { skip }, async (t) => {
  const { a, connection, folded, sum } = await setUp(t);
  for (let n = 0; n < 40; n++) await a.send({ results: [resultIn('x', n, 10)] });
  // A window of the second minute is not final for this one, and is for the other.
  const { start } = countsOf(5, 0);
  const late = interrupted(connection, 'HMGET', () => folded(connection), 2);
  await folded(connection, Infinity, start);
  await folded(late, 60_000, start);
  assert.equal(await sum(), 400);
});

test('a revision that comes while its window is folded is not counted twice', {
  skip,
}, async (t) => {
  const { store, a, connection, folded, sum } = await setUp(t);
  for (let n = 0; n < 12; n++) await a.send({ results: [resultIn('x', n, 10)] });
  const revise = () =>
    a.send({ results: [{ ...resultIn('x', 11, 10), cells: [countsOf(0, 11)] }] });
  await folded(interrupted(connection, 'fold', revise));
  assert.equal(await sum(), 120);
  assert.equal((await store.historyHeld()).skipped, 1);
});

test('a period that cannot be folded is left, not tried for ever', {
  skip,
  timeout: 20_000,
}, async (t) => {
  const { redis, a, connection, folded } = await setUp(t);
  for (let n = 0; n < 12; n++) await a.send({ results: [resultIn('x', n, 10)] });
  // What is read of it is not what is there.
  const damage = `return redis.call('HSET', 'ctr:history:${START}', '9', '\\255')`;
  redis.cli('EVAL', damage, '0');
  await folded(connection);
  assert.equal(redis.cli('ZRANGE', 'ctr:windows', '0', '0'), String(START));
  assert.equal(redis.cli('HKEYS', `ctr:history:${START}`), '9');
});

test('what was closed for revisions stays closed', { skip }, async (t) => {
  const { redis, a, connection, folded } = await setUp(t);
  for (let n = 0; n < 12; n++) await a.send({ results: [resultIn('x', n, 10)] });
  await folded(interrupted(connection, 'ZRANGE', () => folded(connection)));
  assert.equal(redis.cli('HGET', 'ctr:store', 'foldedTo'), String(START + 80_000));
});

test('history that is folded while it is read is read again', { skip }, async (t) => {
  const { a, connection, folded } = await setUp(t);
  for (let n = 0; n < 12; n++) await a.send({ results: [resultIn('x', n, 10)] });
  const over = interrupted(connection, 'HVALS', () => folded(connection));
  const found = (await readHistory(over, null, SPAN)).flat();
  assert.equal(
    found.reduce((all, { impressions }) => all + impressions, 0),
    120,
  );
});

test('what another process did to the products of a task is known after a claim', {
  skip,
}, async (t) => {
  const { redis, store, a } = await setUp(t);
  await a.send({ results: [resultIn('x', 0, 1)] });
  const elsewhere = storeAt(t, redis.url);
  const other = await new Sender(elsewhere).claim();
  await other.send({ removals: ['x'] });
  await (await new Sender(elsewhere, 'b').claim()).send({
    claims: ['x'],
    results: [resultIn('x', 1, 7)],
  });
  await a.claim();
  await a.send({ results: [resultIn('x', 2, 99)] });
  const row = (await store.load()).rows.find(({ product }) => product === 'x');
  assert.deepEqual(row?.latest, countsOf(1, 7));
  assert.deepEqual(await windowsOf(store, 'x'), [countsOf(0, 1), countsOf(1, 7)]);
});
