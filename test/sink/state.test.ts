/** What the sink holds goes on from a checkpoint as if it had never been away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settingsWith } from '../../src/config.ts';
import { type Place, SinkState } from '../../src/sink/state.ts';

const PLACES: Place[] = [
  { name: 'results-0', kind: 'results' },
  { name: 'progress-0', kind: 'progress' },
];

test('a checkpoint that is taken up is what the next one says, from the first commit on', () => {
  const stateOf = () => new SinkState(PLACES, settingsWith({}), 500);
  const at = (state: SinkState) => state.status([70, 8], ['r', 'p'], state.watermark);
  const before = stateOf();
  before.watermark = 25_000;
  before.since = { 'results-0': 5, 'progress-0': 0 };
  before.missed = 3;
  before.heldElsewhere = 2;
  const kept = at(before);
  kept.partitions[0].maxTs = 29_999;
  const after = stateOf();
  after.restore(kept, before.parts(before.table.take(500)), 0);
  assert.deepEqual(at(after), kept);
});
