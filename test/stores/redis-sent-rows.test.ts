/** Changes of one's own commits have the rows that were sent, not others of the same text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SentRows } from '../../src/stores/redis/sent-rows.ts';
import type { Change } from '../../src/stores/store.ts';
import { eventually } from '../support/processes.ts';
import { startRedis, withoutRedis } from '../support/redis-server.ts';
import { resultIn } from './commits.ts';
import { Sender, storeAt } from './redis-parts.ts';

const skip = withoutRedis();

test('own changes have the rows that were sent, those of others are read', { skip }, async (t) => {
  const redis = await startRedis(t);
  const [own, other] = [storeAt(t, redis.url), storeAt(t, redis.url)];
  const told: Record<'own' | 'other', Change[]> = { own: [], other: [] };
  t.after(own.follow((change) => told.own.push(change)));
  t.after(other.follow((change) => told.other.push(change)));
  await Promise.all([own.load(), other.load()]);
  const a = await new Sender(own, 'a').claim();
  const b = await new Sender(other, 'b').claim();
  await a.send({ claims: ['x', 'y'] });
  await b.send({ claims: ['z'] });
  const sent = [resultIn('x', 0, 1), resultIn('y', 0, 2)];
  const commit = a.build({ results: sent });
  await a.resend(commit);
  await b.send({ results: [resultIn('z', 0, 3)] });
  // Another task's product is left out, of what is told too.
  await a.send({ results: [resultIn('x', 1, 4), resultIn('z', 1, 9)] });
  // A duplicate is no change.
  await a.resend(commit);
  await a.send({ results: [resultIn('y', 1, 5)], removals: ['x'] });
  for (const changes of [told.own, told.other])
    await eventually(async () => changes.length === 4, 30_000, 5);
  const plain = (changes: Change[]) =>
    changes.map(({ number, rows, removals }) => ({ number, rows, removals }));
  assert.deepEqual(plain(told.own), plain(told.other));
  assert.deepEqual(
    told.own.map(({ rows }) => rows.map(({ latest }) => latest?.impressions)),
    [[1, 2], [3], [4], [5]],
  );
  assert.equal(told.own[0]!.rows[0]!.latest, sent[0]!.latest);
  assert.notEqual(told.other[0]!.rows[0]!.latest, sent[0]!.latest);
});

test('rows are kept for who takes them, once, and only the newest', () => {
  const sent = new SentRows();
  const rowsOf = (n: number) => Array.from({ length: n }, (_, i) => resultIn(`p${i}`, 0, 1));
  assert.equal(sent.take(sent.keep(rowsOf(1))), undefined);
  sent.areWanted = true;
  const rows = rowsOf(500);
  const name = sent.keep(rows);
  assert.equal(sent.keep(rows), name);
  assert.equal(sent.take(name)?.[499]?.latest, rows[499]!.latest);
  assert.equal(sent.take(name), undefined);
  assert.notEqual(new SentRows().keep(rows), name);
  const names = Array.from({ length: 40 }, () => sent.keep(rowsOf(500)));
  assert.equal(names.filter((each) => sent.take(each) !== undefined).length, 32);
  assert.ok(sent.keep(rowsOf(20_000)) !== '');
  assert.equal(sent.take(''), undefined);
});
