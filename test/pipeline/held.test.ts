/** A partition that must wait does not make the loop spin. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, settingsWith } from '../../src/config.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { Random } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimSource } from '../support/sim-source.ts';
import { ALONE } from './alone.ts';

const START = 1_700_000_000_000;
const FIRST = START - 3_000_000;

class Waits extends SimSource {
  readonly asked: number[] = [];
  override read(wanted: readonly boolean[], waitMs: number) {
    this.asked.push(waitMs);
    return super.read(wanted, waitMs);
  }
}

test('while records are held until another partition speaks, reading it waits as usual', async () => {
  const clock = new SimClock(START);
  const event = (n: number) =>
    Buffer.from(`{"product_id":"a","timestamp":${FIRST + n * 10_000},"event_type":"click"}`);
  const log = (partition: string, events: number) => ({
    partition,
    topicId: 't',
    records: Array.from({ length: events }, (_, offset) => {
      return { offset, arrivalMs: START, bytes: event(offset) };
    }),
  });
  // One partition has 200 windows to open, of which a few fit; the other says nothing after one.
  const logs = [log('p-0', 200), log('p-1', 1)];
  const source = new Waits({ logs, clock, random: new Random(1), batchRecords: 1_000 });
  const pipeline = new Pipeline({
    ...ALONE,
    source,
    store: new MemoryStore(),
    clock,
    settings: settingsWith({ idleAfterMs: 60_000 }),
    limits: { ...LIMITS, openCells: 64 },
  });
  await pipeline.start();
  for (let n = 0; n < 30; n++) await pipeline.step();
  assert.ok((pipeline.health().live?.partitions[0]?.position ?? 200) < 200, 'records are held');
  assert.deepEqual(source.asked.slice(-10), new Array(10).fill(LIMITS.readWaitMs));
  await pipeline.stop();
});
