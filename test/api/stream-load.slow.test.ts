/** The stream under load, in small: the figures of `bench/stream.ts` on any machine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { burst, steady } from '../../bench/stream.ts';

/** Far above what a free machine needs: this fails when the work grows, not when others work. */
const PATIENCE_MS = 2_000;

test('50 readers get every one of 500 changes a second, soon', async () => {
  const load = { readers: 50, stuck: 0, changesPerSecond: 500, seconds: 4, products: 1_000 };
  const { events, gaps, least, last, p99Ms } = await steady(load);
  assert.equal(gaps, 0);
  assert.equal(least, last);
  assert.ok(events >= 50 * 500 * 4, `${events} events`);
  assert.ok(p99Ms < PATIENCE_MS, `p99 ${p99Ms} ms`);
});

test('readers that never read delay nobody', async () => {
  const load = { readers: 100, stuck: 20, changesPerSecond: 200, seconds: 4, products: 1_000 };
  const { gaps, least, last, p99Ms } = await steady(load);
  assert.equal(gaps, 0);
  assert.equal(least, last);
  assert.ok(p99Ms < PATIENCE_MS, `p99 ${p99Ms} ms`);
});

test('a burst of 5 000 changes reaches 50 readers without loss', async () => {
  const { events, gaps, least, last } = await burst(50, 5_000);
  assert.equal(events, 50 * 5_000);
  assert.equal(gaps, 0);
  assert.equal(least, last);
});
