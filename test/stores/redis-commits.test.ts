/** Commits on a connection that answers as a test says: what cannot be had from a server at will. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LIMITS } from '../../src/config.ts';
import { ClickrateError } from '../../src/errors.ts';
import { Commits } from '../../src/stores/redis/commits.ts';
import type { Connection } from '../../src/stores/redis/connection.ts';
import type { Argument } from '../../src/stores/redis/line.ts';
import type { Rows } from '../../src/stores/redis/transaction.ts';
import { SimClock } from '../support/sim-clock.ts';
import { commitOf, resultIn } from './commits.ts';

const FENCE = { epoch: 1, token: 'one' };

/** @param answers of the script in turn; null: none comes */
function commitsOver(answers: (string[] | null)[]) {
  const sent: string[] = [];
  const transact = async (_: Buffer, args: readonly Argument[], rows: readonly Rows[]) => {
    sent.push([...args, ...rows.map(({ fields }) => fields.bytes)].join(' '));
    const answer = answers.shift() ?? null;
    if (answer === null) {
      await sleep(20);
      throw new ClickrateError('store_unavailable', 'the line is down');
    }
    return answer;
  };
  // All products are this task's.
  const send = async ([, , ...names]: string[]) => names.map((_, no) => `${no} a`);
  const connection = { transact, send } as unknown as Connection;
  const clock = new SimClock(0);
  return { sent, commits: new Commits({ connection, clock, writer: 'engine', limits: LIMITS }) };
}

test('a commit is sent again unchanged, though less of it was sent meanwhile', async () => {
  const { sent, commits } = commitsOver([['unowned', '0'], null, ['ok']]);
  const results = [resultIn('first', 0, 1), resultIn('other', 0, 2), resultIn('third', 0, 3)];
  const commit = commitOf('a', FENCE, 1, { claims: ['first', 'other', 'third'], results });
  assert.equal(commits.sendBehind(commit), null);
  await assert.rejects(commits.send(commit), { code: 'store_unavailable' });
  await commits.send(commit);
  assert.ok(!sent[1]!.includes('"first"'));
  assert.ok(sent[2] === sent[0]);
});

test('one that is fenced behind another that failed was not taken, that is all', async () => {
  const { sent, commits } = commitsOver([['ok'], null, ['fenced'], ['ok'], ['ok'], ['ok']]);
  const next = (number: number) =>
    commitOf('a', FENCE, number, { results: [resultIn('x', number, 1)] });
  await commits.send(next(1));
  const before = commits.send(next(2));
  await new Promise(setImmediate);
  const commit = next(3);
  const behind = commits.sendBehind(commit);
  assert.ok(behind !== null);
  await Promise.all(
    [before, behind].map((answer) => assert.rejects(answer, { code: 'store_unavailable' })),
  );
  // What others send meanwhile may lie where its rows lay.
  await commits.send(commitOf('b', FENCE, 1, { results: [resultIn('y', 7, 7)] }));
  assert.deepEqual(await commits.send(next(2)), { answer: 'ok', heldElsewhere: [] });
  assert.deepEqual(await commits.send(commit), { answer: 'ok', heldElsewhere: [] });
  assert.ok(sent[5] === sent[2]);
});
