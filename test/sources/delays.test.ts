/** Events that are sent later come back in the order of their times, with what they were. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DelayQueue } from '../../src/sources/delays.ts';
import { Random } from '../support/random.ts';

/** Fills every column of the slot with numbers that only this event has. */
function fill({ waiting }: DelayQueue, slot: number, n: number): void {
  waiting.kind[slot] = n % 2;
  waiting.product[slot] = n;
  waiting.ts[slot] = n / 2;
  waiting.user[slot] = n + 1;
  waiting.session[slot] = n + 2;
  waiting.id.set([n, n + 1, n + 2, n + 3], 4 * slot);
  waiting.isCopy[slot] = n % 3;
}

function mustBe({ waiting }: DelayQueue, slot: number, n: number): void {
  const { kind, product, ts, user, session, id, isCopy } = waiting;
  const words = [...id.subarray(4 * slot, 4 * slot + 4)];
  const found = [kind, product, ts, user, session, isCopy].map((column) => column[slot]);
  assert.deepEqual(
    [found, words],
    [
      [n % 2, n, n / 2, n + 1, n + 2, n % 3],
      [n, n + 1, n + 2, n + 3],
    ],
  );
}

test('the next event is the earliest, of equals the first that was put, however many wait', () => {
  const random = new Random(3);
  const queue = new DelayQueue();
  const model: { n: number; atMs: number }[] = [];
  let nowMs = 0;
  const takeAll = (beforeMs: number) => {
    model.sort((a, b) => a.atMs - b.atMs || a.n - b.n);
    while (model.length > 0 && model[0].atMs < beforeMs) {
      mustBe(queue, queue.take(beforeMs), model.shift()!.n);
      assert.equal(queue.size, model.length);
    }
    assert.equal(queue.take(beforeMs), -1);
  };
  for (let n = 0; n < 4_000; n++) {
    const atMs = nowMs + random.int(0, 300);
    fill(queue, queue.put(atMs), n);
    model.push({ n, atMs });
    // More wait at first than there is room for; later a few at a time, and none.
    if (n < 1_500 || n % 50 !== 0) continue;
    nowMs += random.int(0, 60);
    takeAll(n % 200 === 0 ? Infinity : nowMs);
  }
  takeAll(Infinity);
});
