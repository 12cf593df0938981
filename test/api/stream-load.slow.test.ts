/** The stream under load, in small: the figures of `bench/stream.ts` on any machine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { burst, steady } from '../../bench/stream.ts';
import { LIMITS } from '../../src/config.ts';
import { counts, FakeReader, row, START } from './fake-reader.ts';
import { streaming } from './sse.ts';

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

test('a reader that takes a little now and then stays, however long it takes', async (t) => {
  const reader = new FakeReader();
  const wide = 'w'.repeat(200);
  // Far more than the buffers of both sides of a socket hold.
  const many = Array.from({ length: 100_000 }, (_, k) => row(`${wide}${k}`, counts(START, 4, 1)));
  reader.publish(many);
  const limits = { ...LIMITS, streamStallMs: 2_000, statusMs: 50 };
  const { app, join } = await streaming(t, reader, { limits });
  const slow = await join();
  for (const began = Date.now(); Date.now() - began < 5_000; ) {
    slow.pause();
    await sleep(300);
    slow.resume();
    await sleep(2);
  }
  assert.equal(slow.events.length, 0, 'the snapshot is still coming');
  assert.match((await app.inject('/metrics')).payload, /^clickrate_stream_dropped_total 0$/m);
  slow.close();
});
