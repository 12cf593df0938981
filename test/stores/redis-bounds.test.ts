/** What Redis holds stays bounded: the stream of changes, the texts of history, pages of events. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHANGES_LUA } from '../../src/stores/redis/changes.ts';
import { Connection, scriptOf } from '../../src/stores/redis/connection.ts';
import { KEPT_LUA } from '../../src/stores/redis/kept.ts';
import { PRELUDE_LUA } from '../../src/stores/redis/lua.ts';
import { startRedis, withoutRedis } from '../support/redis-server.ts';
import { countsOf, keptOf, START, windowsOf } from './commits.ts';
import { Sender, simStoreAt, storeAt } from './redis-parts.ts';

const skip = withoutRedis();

test('the stream of changes has so many entries, and of large ones fewer', { skip }, async (t) => {
  const redis = await startRedis(t);
  const connection = new Connection({ url: redis.url }, 20_000);
  t.after(() => connection.close());
  const told = async (from: number, count: number, bytes: number) => {
    const script = scriptOf(`${PRELUDE_LUA + KEPT_LUA + CHANGES_LUA}
      local rows = string.rep('x', tonumber(ARGV[3]))
      for i = tonumber(ARGV[1]), ARGV[1] + ARGV[2] - 1 do
        tellChange('i', whole(i), 'm', 'b', '10000', rows, {}, 'n')
      end`);
    await connection.run(script, [String(from), String(count), String(bytes)]);
    return Number(redis.cli('XLEN', 'ctr:changes'));
  };
  assert.equal(await told(1, 10_050, 2), 10_000);
  // Of a megabyte each.
  assert.equal(await told(20_000, 70, 1_048_576), 63);
});

test('a window that is revised again and again takes no more room', { skip }, async (t) => {
  const redis = await startRedis(t);
  const store = storeAt(t, redis.url);
  const a = await new Sender(store).claim();
  const names = Array.from({ length: 250 }, (_, n) => `p${n}`);
  await a.send({ claims: names });
  const revisions = 12;
  for (let n = 1; n <= revisions; n++) {
    const latest = countsOf(0, 1_000_000 * n, n);
    const one = { latest, previous: null, cells: [latest] };
    await a.send({ results: names.map((product) => ({ product, ...one })) });
    assert.deepEqual(await windowsOf(store, 'p7'), [latest]);
  }
  const size = Number(redis.cli('HSTRLEN', `ctr:history:${START}`, '0'));
  assert.ok(size > 0 && size <= 16_384, `${size} bytes`);
  const { levels } = await store.historyHeld();
  assert.ok(levels[0]!.cells <= 5 * names.length, `${levels[0]!.cells} cells`);
  for (const name of ['p0', 'p249'])
    assert.deepEqual(await windowsOf(store, name), [countsOf(0, 1_000_000 * revisions, revisions)]);
});

test('kept events of a reason are told once, over many pages of others', { skip }, async (t) => {
  const redis = await startRedis(t);
  const store = simStoreAt(t, redis.url);
  const a = await new Sender(store).claim();
  // Each is the last of a page.
  const wanted = [884, 852, 788, 660, 460, 260, 60];
  const kept = Array.from({ length: 900 }, (_, n) => ({
    ...keptOf(n, START),
    reason: wanted.includes(n) ? ('too_late' as const) : ('not_json' as const),
  }));
  await a.send({ kept });
  const found = await store.rejected({ reason: 'too_late', limit: 300 });
  assert.deepEqual(
    found.map(({ offset }) => offset),
    wanted,
  );
});

test('a rare reason is looked for in large steps, however few are wanted', { skip }, async (t) => {
  const redis = await startRedis(t);
  const store = simStoreAt(t, redis.url);
  const a = await new Sender(store).claim();
  const kept = Array.from({ length: 900 }, (_, n) => keptOf(n, START));
  kept[0] = { ...kept[0]!, reason: 'too_late' };
  await a.send({ kept });
  const found = await store.rejected({ reason: 'too_late', limit: 1 });
  assert.deepEqual(
    found.map(({ offset }) => offset),
    [0],
  );
  const calls = /cmdstat_xrevrange:calls=(\d+)/.exec(redis.cli('INFO', 'commandstats'))?.[1];
  assert.ok(Number(calls) <= 12, `${calls} calls`);
});

test('of large events not many more are read than a page may have', { skip }, async (t) => {
  const redis = await startRedis(t);
  const store = simStoreAt(t, redis.url);
  const a = await new Sender(store).claim();
  const bytes = new Uint8Array(262_144);
  await a.send({ kept: Array.from({ length: 60 }, (_, n) => ({ ...keptOf(n, START), bytes })) });
  const sent = () => Number(/total_net_output_bytes:(\d+)/.exec(redis.cli('INFO', 'stats'))?.[1]);
  const before = sent();
  const found = await store.rejected({ limit: 1_000, maxBytes: 4 * bytes.length });
  assert.equal(found.length, 4);
  const read = (sent() - before) / bytes.length;
  assert.ok(read < 20, `${read} of 60 events were read`);
});
