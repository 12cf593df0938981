/** When what changed is passed on: at once after a pause, at a distance where it takes long. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Ticker } from '../../src/api/stream/ticker.ts';
import { systemClock } from '../../src/clock.ts';

/** Ticks that take `tookMs` each, woken every millisecond for `forMs`; when each began. */
function ticksOf(tookMs: number, forMs: number): number[] {
  mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
  try {
    let nowMs = 0;
    const began: number[] = [];
    const clock = { ...systemClock, monotonicMs: () => nowMs };
    const ticker = new Ticker(clock, () => {
      began.push(nowMs);
      nowMs += tookMs;
    });
    while (nowMs < forMs) {
      ticker.wake();
      const before = nowMs;
      mock.timers.tick(1);
      if (nowMs === before) nowMs++;
    }
    ticker.stop();
    return began;
  } finally {
    mock.timers.reset();
  }
}

test('the tasks of a window are passed on one right behind the other', () => {
  const [first, second, third] = ticksOf(2, 20);
  assert.deepEqual([first, second - first <= 3, third - second <= 3], [0, true, true]);
});

test('over a while ticks take a fifth of the time, and none waits longer than 100 ms', () => {
  for (const tookMs of [2, 5, 10]) {
    const began = ticksOf(tookMs, 2_000);
    const share = (began.length * tookMs) / 2_000;
    assert.ok(share > 0.15 && share < 0.25, `ticks of ${tookMs} ms took ${share}`);
  }
  const began = ticksOf(60, 2_000);
  const gaps = began.slice(1).map((ms, n) => ms - began[n] - 60);
  assert.ok(Math.max(...gaps) <= 101, `one waited ${Math.max(...gaps)} ms`);
  assert.ok(gaps.at(-1)! >= 90, `the last waited only ${gaps.at(-1)} ms`);
});
