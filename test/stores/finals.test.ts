/** Which windows are final in every task that a process runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Finals } from '../../src/stores/redis/finals.ts';
import { SimClock } from '../support/sim-clock.ts';
import { START, statusOf } from './commits.ts';

const [partition] = statusOf(1).partitions;
const statusAt = (finalBefore: number | null, idle = false, maxTs: number | null = START) => ({
  ...statusOf(1),
  finalBefore,
  partitions: [{ ...partition!, idle, maxTs }],
});

test('the least of all tasks that go on; one that runs elsewhere by now holds nothing up', () => {
  const clock = new SimClock(START);
  const finals = new Finals(clock);
  finals.note('behind', statusAt(3_000));
  for (let s = 0; s < 14; s += 2) {
    clock.advance(2_000);
    finals.note('ahead', statusAt(9_000));
  }
  assert.equal(finals.least(9_000), 3_000);
  assert.equal(finals.least(2_000), 2_000);
  clock.advance(2_000);
  assert.equal(finals.least(9_000), 9_000);
});

for (const awayMs of [11_000, 20_000])
  test(`while no task was heard of none has left: ${awayMs} ms without the store`, () => {
    const clock = new SimClock(START);
    const finals = new Finals(clock);
    finals.note('behind', statusAt(3_000));
    clock.advance(4_500);
    finals.note('ahead', statusAt(9_000));
    clock.advance(awayMs);
    finals.note('ahead', statusAt(9_000));
    assert.equal(finals.least(9_000), 3_000);
    for (let s = 0; s < 16; s += 4) {
      clock.advance(4_000);
      finals.note('ahead', statusAt(9_000));
    }
    assert.equal(finals.least(9_000), 9_000);
  });

test('one that is quiet, with every window closed, holds nothing up; else it does', () => {
  const finals = new Finals(new SimClock(START));
  finals.note('quiet', statusAt(START + 1, true));
  finals.note('without events', statusAt(null, true, null));
  assert.equal(finals.least(START + 9_000), START + 9_000);
  finals.note('quiet', statusAt(START, true));
  assert.equal(finals.least(START + 9_000), START);
  finals.note('without events', statusAt(null, false, null));
  assert.equal(finals.least(START + 9_000), -Infinity);
  assert.equal(new Finals(new SimClock(START)).least(null), -Infinity);
});
