/** Texts that readers share: never those of an earlier change, or of a former load. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Context } from '../../src/api/parts.ts';
import { Results } from '../../src/api/results.ts';
import { Backlog } from '../../src/api/stream/backlog.ts';
import { LIMITS, SETTINGS } from '../../src/config.ts';
import { silentLog } from '../../src/log.ts';
import { SimClock } from '../support/sim-clock.ts';
import { counts, FakeReader, row, START } from './fake-reader.ts';

async function setUp(limits = LIMITS) {
  const reader = new FakeReader();
  const clock = new SimClock(START);
  const { windowMs } = SETTINGS;
  const results = new Results({ reader, clock, limits, windowMs, log: silentLog });
  const watch = { now: () => ({}), finalBefore: () => null };
  const parts = { limits, clock };
  const context = { parts, results, watch, stream: { coalesced: 0 } } as unknown as Context;
  const backlog = new Backlog(context);
  await results.start();
  results.listen({
    changed: (change) => backlog.push(change, true),
    replaced: () => backlog.clear(results.place!.number),
  });
  const publish = (impressions: number) =>
    reader.publish([row('a', counts(START, impressions, 0))]);
  return { reader, results, backlog, publish };
}

test('what a reader missed is told as it is now, also where another missed as much', async () => {
  const { backlog, publish } = await setUp();
  publish(1);
  assert.match(String(backlog.coalesced(0)), /"number":1,.*"impressions":1,/);
  assert.equal(backlog.run(0)?.last, 1);
  publish(2);
  assert.match(String(backlog.coalesced(0)), /"number":2,.*"impressions":2,/);
  assert.equal(backlog.run(0)?.last, 2);
});

test('texts for those who lag alike have a limit: beyond it they are made for each', async () => {
  const { backlog, publish } = await setUp();
  for (let n = 1; n <= 100; n++) publish(n);
  for (const made of [
    (place: number) => backlog.run(place),
    (place: number) => backlog.coalesced(place),
  ]) {
    const first = Array.from({ length: 100 }, (_, place) => made(place));
    const isKept = first.map((text, place) => made(place) === text);
    assert.equal(isKept.indexOf(false), 32);
    assert.ok(!isKept.slice(32).includes(true));
  }
});

test('changes are kept for those who come back up to a number of bytes', async () => {
  const streamBytes = 10_000;
  const { backlog, publish } = await setUp({ ...LIMITS, streamBytes });
  for (let n = 1; n <= 100; n++) publish(n);
  let oldest = backlog.last;
  while (backlog.reaches(oldest - 1)) oldest--;
  const { bytes } = backlog.run(oldest)!;
  assert.ok(bytes.length > streamBytes / 3 && bytes.length <= streamBytes, `${bytes.length} bytes`);
});

test('a snapshot is shared, but not one of a former load, though that came as far', async () => {
  const { reader, results, backlog, publish } = await setUp();
  for (let n = 1; n <= 3; n++) publish(n);
  const former = await backlog.snapshot(null);
  assert.equal(await backlog.snapshot(null), former);
  assert.deepEqual([former.incarnation, former.number], ['one', 3]);
  reader.incarnation = 'two';
  reader.number = 2;
  publish(8);
  while (results.place?.incarnation !== 'two') await new Promise(setImmediate);
  const now = await backlog.snapshot(null);
  assert.deepEqual([now.incarnation, now.number], ['two', 3]);
});
