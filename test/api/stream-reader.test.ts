/** One reader of the stream: from when on it counts as one that stalls. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { StreamReader } from '../../src/api/stream/reader.ts';

function readerOf(nowMs: () => number) {
  const response = Object.assign(new EventEmitter(), { write: () => false });
  const reader = new StreamReader(
    ...([response as unknown as ServerResponse, { next: () => null }] as const),
    ...([null, 1, 'snapshot', nowMs] as const),
  );
  return { response, reader };
}

test('it stalls from when there was more for it than it had, until its socket takes some', () => {
  let nowMs = 1_000;
  const { response, reader } = readerOf(() => nowMs);
  assert.equal(reader.drainedMs, 1_000);
  reader.isUpToDate = true;
  nowMs = 90_000;
  reader.lags();
  assert.deepEqual([reader.drainedMs, reader.isUpToDate], [90_000, false]);
  reader.write(Buffer.from('x'));
  assert.equal(reader.isFree, false);
  // More that comes meanwhile gives it no more time.
  nowMs = 95_000;
  reader.lags();
  assert.equal(reader.drainedMs, 90_000);
  response.emit('drain');
  assert.deepEqual([reader.drainedMs, reader.isFree], [95_000, true]);
});

test('it does not stall while its snapshot is made, however long that takes', () => {
  let nowMs = 1_000;
  const { reader } = readerOf(() => nowMs);
  reader.isWaiting = true;
  nowMs = 90_000;
  assert.equal(reader.hasStalled(60_000), false);
  reader.queue([Buffer.from('x')]);
  reader.isWaiting = false;
  reader.pump();
  assert.deepEqual([reader.hasStalled(90_000), reader.hasStalled(90_001)], [false, true]);
});
