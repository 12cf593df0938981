/** What a pipeline tells about itself, state by state. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Health } from '../../src/pipeline/health.ts';
import type { Session } from '../../src/pipeline/session.ts';
import type { Status } from '../../src/status.ts';
import { statusOf } from '../stores/commits.ts';

const SOURCE = {};

test('a task is ready while it runs and nothing is wrong; each state says why not', () => {
  const health = new Health('7');
  const told = (source = SOURCE) => {
    const { task, ready, state, reasons, retries, fenced } = health.report(null, 0, source);
    assert.equal(task, '7');
    return [state, ready, reasons, retries, fenced];
  };
  assert.deepEqual(told(), ['starting', false, ['starting'], 0, 0]);
  health.troubled(null);
  assert.deepEqual(told(), ['running', true, [], 0, 0]);
  health.troubled('the commit fails');
  assert.deepEqual(told(), ['retrying', false, ['the commit fails'], 1, 0]);
  const away = { trouble: 'p-0 is away', retries: 3 };
  assert.deepEqual(told(away), ['retrying', false, ['the commit fails', 'p-0 is away'], 4, 0]);
  health.troubled(null);
  assert.deepEqual(told(away), ['running', false, ['p-0 is away'], 4, 0]);
  health.wasFenced('another wrote');
  assert.deepEqual(told(), ['retrying', false, ['another wrote'], 1, 1]);
  health.standsBy('another owns it');
  assert.deepEqual(told(), ['standby', false, ['another owns it'], 1, 1]);
  health.failed('damaged');
  assert.deepEqual(told(), ['failed', false, ['damaged'], 1, 1]);
  health.troubled(null);
  health.state = 'stopping';
  assert.deepEqual(told(), ['stopping', false, [], 1, 1]);
});

test('commits are counted and timed; who stands by tells no age of the last', () => {
  const health = new Health('7');
  assert.deepEqual([health.commitEndMs, health.report(null, 50, SOURCE).commitAgeMs], [null, null]);
  health.committed(10, 260, 700);
  health.committed(400, 900, 30);
  health.revisions = 5;
  const { commits, commitMs, commitBytes, commitAgeMs, commitSeconds, revisions } = health.report(
    null,
    908,
    SOURCE,
  );
  assert.deepEqual([commits, commitMs, commitBytes, commitAgeMs, revisions], [2, 500, 30, 8, 5]);
  assert.equal(health.commitEndMs, 900);
  assert.deepEqual([commitSeconds!.count, commitSeconds!.sum], [2, 0.75]);
  health.standsBy('another owns it');
  assert.equal(health.report(null, 50, SOURCE).commitAgeMs, null);
});

test('with a claim it tells the present, and what needs attention though the task is ready', () => {
  const live: Status = { ...statusOf(3), heldElsewhere: 2 };
  const session = {
    positions: [3, 8],
    task: { status: (positions: number[]) => ({ ...live, positions }) },
    idleness: { quietMs: (p: number, nowMs: number) => nowMs - p },
  } as unknown as Session;
  const health = new Health('7');
  health.troubled(null);
  const source = { ends: [9, null], uncommitted: [0, 4] };
  const { ready, reasons, sights, live: told } = health.report(session, 50, source);
  assert.equal(ready, true);
  assert.match(reasons.join(), /^2 products are owned by another task/);
  assert.deepEqual(told, { ...live, positions: [3, 8] });
  assert.deepEqual(sights, [
    { end: 9, quietMs: 50 },
    { end: null, uncommitted: 4, quietMs: 49 },
  ]);
  const unknown = health.report(session, 50, SOURCE).sights;
  assert.deepEqual(unknown, [
    { end: null, quietMs: 50 },
    { end: null, quietMs: 49 },
  ]);
  const before = health.report(null, 50, source);
  assert.deepEqual([before.live, 'sights' in before], [null, false]);
});
