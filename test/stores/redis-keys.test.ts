/** Every key in Redis, and every field of those that are not by product, stands in the document. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { startRedis, withoutRedis } from '../support/redis-server.ts';
import { commitOf, countsOf, keptOf, START } from './commits.ts';
import { simStoreAt } from './redis-parts.ts';

type Documented = { pattern: RegExp; text: string };

/** The rows of the table of keys. */
function documented(): Documented[] {
  const text = readFileSync(new URL('../../docs/redis.md', import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line.startsWith('| `ctr:'))
    .flatMap((line) => {
      const [, names, , what] = line.split('|');
      return [...names!.matchAll(/`([^`]+)`/g)].map(([, name]) => ({
        pattern: new RegExp(`^${name!.replace(/<\w+>/g, '[^:]+')}$`),
        text: what!,
      }));
    });
}

test('the table of keys says every key and field that there is, and no other', async (t) => {
  const skip = withoutRedis();
  if (skip !== false) return t.skip(skip);
  const redis = await startRedis(t);
  const store = simStoreAt(t, redis.url);
  const fence = await store.claim('0', 'token');
  const day = 8_640;
  let number = 0;
  /** A result in window `n`, by which older ones are folded. */
  const commit = async (n: number) => {
    const latest = countsOf(n, 5, 1);
    const results = ['a', 'b'].map((product) => {
      return { product, latest, previous: countsOf(n - 1, 3), cells: [latest] };
    });
    const content = {
      claims: ['a', 'b'],
      removals: number === 0 ? [] : ['b'],
      results,
      parts: [{ name: 'block/0', bytes: Buffer.from('x') }],
      kept: [keptOf(number, START)],
      comebacks: [{ partition: 'p', offset: number, watermark: START }],
    };
    await store.commit(commitOf('0', fence, ++number, content));
    await store.folded();
  };
  // The last one comes for a window that has been folded.
  for (const n of [0, day, 35 * day, 35 * day + 720, 36 * day + 1, 37 * day, 0]) await commit(n);
  await store.commit(commitOf('0', fence, ++number, { removals: ['b'] }));

  const rows = documented();
  const cli = (...args: string[]) =>
    redis
      .cli(...args)
      .split('\n')
      .filter((line) => line !== '');
  const seen = new Set<Documented>();
  for (const key of cli('KEYS', '*')) {
    const row = rows.find(({ pattern }) => pattern.test(key));
    assert.ok(row !== undefined, `${key} is not in the document`);
    seen.add(row);
  }
  const unseen = rows.filter((row) => !seen.has(row)).map(({ pattern }) => String(pattern));
  assert.deepEqual(unseen, []);

  const textOf = (key: string) => rows.find(({ pattern }) => pattern.test(key))!.text;
  const named = (key: string) =>
    [...textOf(key).matchAll(/`(\w+)`(?!\w)/g)].map(([, name]) => name!).sort();
  // Within the status; only while a store is taken over.
  for (const [key, besides] of [
    ['ctr:task:0', 'crc'],
    ['ctr:store', 'ending'],
  ] as const)
    assert.deepEqual([...cli('HKEYS', key), besides].sort(), named(key), key);
  for (const key of ['ctr:rejected', 'ctr:changes']) {
    const entries = redis.cli('--json', 'XREVRANGE', key, '+', '-', 'COUNT', '1');
    const [[, pairs]] = JSON.parse(entries) as [[string, string[]]];
    const letters = [...textOf(key).matchAll(/`(\w)`\w/g)].map(([, letter]) => letter);
    assert.deepEqual(pairs.filter((_, i) => i % 2 === 0).sort(), letters.sort(), key);
  }
});
