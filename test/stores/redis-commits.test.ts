/** Commits on a connection that answers as a test says: what cannot be had from a server at will. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../src/config.ts';
import { ClickrateError } from '../../src/errors.ts';
import { Commits } from '../../src/stores/redis/commits.ts';
import type { Argument, Connection } from '../../src/stores/redis/connection.ts';
import { SimClock } from '../support/sim-clock.ts';
import { commitOf, resultIn } from './commits.ts';

const FENCE = { epoch: 1, token: 'one' };

/** @param answers of the script in turn; null: none comes */
function commitsOver(answers: (string[] | null)[]) {
  const sent: string[] = [];
  const run = async (_: unknown, args: readonly Argument[]) => {
    sent.push(args.join(' '));
    const answer = answers.shift() ?? null;
    if (answer === null) throw new ClickrateError('store_unavailable', 'the line is down');
    return answer;
  };
  // All products are this task's.
  const send = async ([, , ...names]: string[]) => names.map((_, no) => `${no} a`);
  const connection = { run, send } as unknown as Connection;
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

test('one that is fenced behind another that was taken is asked again, alone', async () => {
  const { sent, commits } = commitsOver([['ok'], ['ok'], ['fenced'], ['ok'], ['ok']]);
  const next = (number: number) =>
    commitOf('a', FENCE, number, { results: [resultIn('x', number, 1)] });
  await commits.send(next(1));
  const before = commits.send(next(2));
  await new Promise(setImmediate);
  const commit = next(3);
  const behind = commits.sendBehind(commit);
  assert.ok(behind !== null);
  // As where Redis forgot the script, and another task's was learnt between the two.
  await assert.rejects(behind, { code: 'store_unavailable' });
  assert.deepEqual(await before, { answer: 'ok', heldElsewhere: [] });
  // What others send meanwhile may lie where its rows lay.
  await commits.send(commitOf('b', FENCE, 1, { results: [resultIn('y', 7, 7)] }));
  assert.deepEqual(await commits.send(commit), { answer: 'ok', heldElsewhere: [] });
  assert.ok(sent[4] === sent[2]);
});
