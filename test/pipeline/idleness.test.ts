/** The proofs of idleness and silence, scripted: random runs hardly meet them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Idleness } from '../../src/pipeline/idleness.ts';

const fetch = (sentAtMs: number, arrivedAtMs: number, end = true) => ({
  sentAtMs,
  arrivedAtMs,
  end,
});
const idle = (idleness: Idleness) => idleness.sights().partitions.map((sight) => sight.idle);
const passed = (idleness: Idleness) => idleness.sights().partitions.map((sight) => sight.passed);

test('idle: an empty fetch was sent 1 s after the last good event, however long it took', () => {
  const idleness = new Idleness(1, 1_000, 0);
  idleness.note(0, fetch(90, 100), 1);
  idleness.note(0, fetch(1_099, 9_000), 0);
  assert.deepEqual(idle(idleness), [false], 'sent too early, although it arrived late');
  idleness.note(0, fetch(1_100, 1_101), 0);
  assert.deepEqual(idle(idleness), [true]);
});

test('idle: a fetch that did not reach the end proves nothing; an unreachable one never comes', () => {
  const idleness = new Idleness(1, 1_000, 0);
  idleness.note(0, fetch(5_000, 5_001, false), 0);
  assert.deepEqual(idle(idleness), [false]);
});

test('passed: the empty fetch was sent after the good events of the others had arrived', () => {
  const idleness = new Idleness(2, 1_000, 0);
  idleness.note(1, fetch(2_000, 2_100), 0);
  idleness.note(0, fetch(1_900, 2_050), 3);
  assert.deepEqual(passed(idleness), [false, false], 'sent before, arrived after: no proof');
  assert.equal(idleness.needsProbe(1), true);
  idleness.note(1, fetch(2_050, 2_060), 0);
  assert.deepEqual(passed(idleness), [false, true]);
  assert.equal(idleness.needsProbe(1), false);
});

test('a good event of the partition itself ends the proof', () => {
  const idleness = new Idleness(1, 1_000, 0);
  idleness.note(0, fetch(2_000, 2_001), 0);
  assert.deepEqual(passed(idleness), [true]);
  idleness.note(0, fetch(2_002, 2_003), 1);
  assert.deepEqual(passed(idleness), [false]);
  assert.deepEqual(idle(idleness), [false]);
});

test('silence runs from the last good arrival to the oldest of the empty fetches', () => {
  const idleness = new Idleness(2, 1_000, 0);
  idleness.note(0, fetch(400, 500), 1);
  idleness.note(1, fetch(600, 700), 1);
  idleness.note(0, fetch(4_000, 4_500), 0);
  idleness.note(1, fetch(3_000, 9_000), 0);
  assert.equal(idleness.sights().silenceMs, 2_300);
});

test('after a restore silence counts from zero', () => {
  const idleness = new Idleness(1, 1_000, 50_000);
  idleness.note(0, fetch(50_400, 50_401), 0);
  assert.equal(idleness.sights().silenceMs, 400);
  assert.deepEqual(idle(idleness), [false]);
});

test('an outage is no quiet time: idleness and silence count from when it was over', () => {
  const idleness = new Idleness(2, 1_000, 0);
  const back = { reachableSinceMs: 30_000 };
  idleness.note(0, fetch(400, 500), 1);
  idleness.note(1, fetch(400, 500), 1);
  idleness.note(0, { ...fetch(29_990, 30_000), ...back }, 0);
  idleness.note(1, fetch(30_990, 30_999), 0);
  assert.deepEqual(idle(idleness), [false, true]);
  idleness.note(0, { ...fetch(30_999, 31_000), ...back }, 0);
  assert.deepEqual(idle(idleness), [false, true]);
  idleness.note(0, { ...fetch(31_000, 31_001), ...back }, 0);
  assert.deepEqual(idle(idleness), [true, true]);
  assert.equal(idleness.sights().silenceMs, 1_000);
});

test('outages put silence off by as long as they are: what comes back again and again closes', () => {
  const idleness = new Idleness(2, 1_000, 0);
  for (const p of [0, 1]) idleness.note(p, fetch(400, 500), 1);
  // Both are away for 2 s of every 5 s.
  for (let at = 5_000; at <= 50_000; at += 5_000)
    for (const p of [0, 1]) {
      const back = { reachableSinceMs: at };
      idleness.note(p, { ...fetch(at - 10, at), ...back }, 0);
      idleness.note(p, { ...fetch(at + 3_000, at + 3_001), ...back }, 0);
    }
  assert.equal(idleness.sights().silenceMs, 30_000);
  // One is told only now, and came half a second before the last outage was over.
  idleness.note(0, fetch(49_000, 49_500), 1);
  assert.equal(idleness.sights().silenceMs, 3_000);
});

test('nor does time pass one that was idle before, until its producers could be heard', () => {
  const idleness = new Idleness(2, 1_000, 0);
  const back = { reachableSinceMs: 30_000 };
  idleness.note(1, fetch(29_900, 29_950), 1);
  idleness.note(0, { ...fetch(30_100, 30_101), ...back }, 0);
  assert.equal(passed(idleness)[0], false);
  assert.equal(idleness.needsProbe(0), true);
  idleness.note(0, { ...fetch(31_000, 31_001), ...back }, 0);
  assert.equal(passed(idleness)[0], true);
  assert.equal(idleness.needsProbe(0), false);
});

test('quiet is what has no good event, of each partition since its own last one', () => {
  const idleness = new Idleness(2, 1_000, 50);
  idleness.note(0, fetch(400, 500), 1);
  idleness.note(1, fetch(600, 700), 0);
  const quietMs = (nowMs: number) => [0, 1].map((p) => idleness.quietMs(p, nowMs));
  assert.deepEqual(quietMs(900), [400, 850]);
  // An arrival may be told a little ahead of now.
  assert.deepEqual(quietMs(499), [0, 449]);
});
