/** Times of generated events, as JSON writes them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventWriter, linesOf } from '../../src/sources/event-writer.ts';

// In a process of its own: no time has been written before the first of these.
test('times are written as they are, on both sides of zero, whatever came before', () => {
  const close = [-1, -9_999, -10_000, -10_001, 0, 1, 9_999, 10_000];
  const far = [1_700_000_000_000, 1_700_000_009_999, 1_700_000_010_000, -1_700_000_000_001];
  const times = [...close, ...far, ...close];
  const writer = new EventWriter();
  for (const ts of times) writer.event(0, 1, ts, 1, 1, null, 0);
  const lines = Buffer.from(linesOf(writer.batch)).toString().trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).timestamp),
    times,
  );
});
