/** The stream read by an independent client: the npm package `eventsource`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventSource } from 'eventsource';
import { LIMITS } from '../../src/config.ts';
import { counts, FakeReader, row, START } from './fake-reader.ts';
import { streaming } from './sse.ts';

const CHANGES = 10_000;
const DISCONNECTS = 20;
/** Changes published at a time. */
const STEP = 50;

test('10 000 changes with 20 forced disconnects arrive without gap or repeat', async (t) => {
  const reader = new FakeReader();
  reader.publish([row('a', counts(START, 1, 0))]);
  const { app, url } = await streaming(t, reader, { limits: { ...LIMITS, streamRetryMs: 20 } });
  const source = new EventSource(`${url}/v1/stream`);
  t.after(() => source.close());
  const numbers: number[] = [];
  const rates: number[] = [];
  let opened = 0;
  let cut = 0;
  let snapshots = 0;
  let resets = 0;
  source.addEventListener('open', () => opened++);
  source.addEventListener('snapshot', () => snapshots++);
  source.addEventListener('reset', () => resets++);
  source.addEventListener('change', ({ data, lastEventId }) => {
    const { number, rows } = JSON.parse(data);
    assert.equal(lastEventId, `one-${number}`);
    numbers.push(number);
    rates.push(rows[0].latest.impressions);
  });
  while (snapshots === 0) await sleep(5);
  for (let i = 0; i < CHANGES; i += STEP) {
    for (let k = 1; k <= STEP; k++) reader.publish([row(`p${k}`, counts(START, i + k, 0))]);
    if (i % (CHANGES / DISCONNECTS) === 0) {
      // Once it is back, in the midst of what is on its way.
      while (opened <= cut) await sleep(2);
      cut++;
      app.server.closeAllConnections();
    }
    await sleep(2);
  }
  for (let tries = 0; numbers.length < CHANGES && tries < 1_000; tries++) await sleep(10);
  const all = Array.from({ length: CHANGES }, (_, i) => i);
  assert.deepEqual(
    numbers,
    all.map((i) => i + 2),
  );
  assert.deepEqual(
    rates,
    all.map((i) => i + 1),
  );
  assert.equal(opened, DISCONNECTS + 1);
  assert.equal(snapshots, 1);
  assert.equal(resets, 0);
});
