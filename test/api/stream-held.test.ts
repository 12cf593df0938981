/** What waits for readers of the live stream is bounded: who takes least has to go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { beyond } from '../../src/api/stream/held.ts';
import { LIMITS } from '../../src/config.ts';
import { counts, FakeReader, row, START } from './fake-reader.ts';
import { streaming } from './sse.ts';

test('where too much text waits, those go that have taken nothing for longest', () => {
  const [a, b, c] = [100, 100, 100].map((size) => Buffer.alloc(size));
  const readers = [
    { name: 'none', waiting: [], drainedMs: 1 },
    { name: 'late', waiting: [a, b], drainedMs: 3 },
    { name: 'soon', waiting: [b, c], drainedMs: 9 },
    { name: 'shares', waiting: [b], drainedMs: 2 },
  ];
  const namesBeyond = (limit: number) => beyond(readers, limit).map(({ name }) => name);
  assert.deepEqual(namesBeyond(300), []);
  // What others wait for too is not freed by one that goes.
  assert.deepEqual(namesBeyond(299), ['shares', 'late']);
  assert.deepEqual(namesBeyond(199), ['shares', 'late', 'soon']);
});

test('a reader for whom too much waits is dropped long before it has stalled', async (t) => {
  const reader = new FakeReader();
  // More than the buffers of both sides of a socket hold.
  const wide = 'w'.repeat(4_000);
  const rows = Array.from({ length: 4_000 }, (_, k) => row(`${wide}${k}`, counts(START, 1, 1)));
  reader.publish([row('a', counts(START, 1, 1)), ...rows]);
  const limits = { ...LIMITS, statusMs: 20, streamHeldBytes: 1_000_000 };
  const { app, join } = await streaming(t, reader, { limits });
  const keen = await join('?product=a');
  await keen.until(({ event }) => event === 'snapshot');
  const stuck = await join();
  stuck.pause();
  const readers = async () =>
    /^clickrate_stream_readers (\d)$/m.exec((await app.inject('/metrics')).payload)?.[1];
  for (let tries = 0; (await readers()) !== '1'; tries++) {
    assert.ok(tries < 200, 'it is not dropped');
    await sleep(20);
  }
  stuck.resume();
  await stuck.closed;
  reader.publish([row('a', counts(START, 2, 1))]);
  await keen.until(({ event }) => event === 'change');
});
