/** An idle partition far ahead of its task, which is not read but probed, loses its leader. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pipeline } from '../../src/pipeline.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { Random } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimSource } from '../support/sim-source.ts';
import { ALONE } from './alone.ts';

const START = 1_700_000_000_000;
/** When the impression comes; before it nothing does. */
const NOW = START + 300_000;

function logOf(type: string, events: { ts: number; arrivalMs: number }[]) {
  const records = events.map(({ ts, arrivalMs }, offset) => {
    const text = JSON.stringify({ product_id: 'a', timestamp: ts, event_type: type });
    return { offset, arrivalMs, bytes: Buffer.from(text) };
  });
  return { partition: `${type}s-0`, topicId: 't', records };
}

test('time goes on once it is back, and nobody waits for it without a pause', async () => {
  const clock = new SimClock(NOW);
  // Clicks that were held for minutes: the first makes impressions drift, most come later.
  const waits = [0, 900, 1_700];
  const clicks = Array.from({ length: 200 }, (_, n) => ({
    ts: START + 1_000 * n,
    arrivalMs: NOW + 5_000 + (waits[n] ?? 2_000),
  }));
  const source = new SimSource({
    logs: [logOf('impression', [{ ts: NOW, arrivalMs: NOW }]), logOf('click', clicks)],
    outages: [
      { partition: 1, fromMs: NOW, toMs: NOW + 5_000 },
      { partition: 0, fromMs: NOW + 6_500, toMs: NOW + 20_000 },
    ],
    clock,
    random: new Random(1),
    batchRecords: 1,
  });
  const pipeline = new Pipeline({
    ...ALONE,
    source,
    store: new MemoryStore(),
    clock,
  });
  await pipeline.start();
  while (clock.trueMs() < NOW + 10_000) {
    clock.advance(10);
    await pipeline.step();
  }
  const { partitions, watermark } = pipeline.health().live!;
  assert.ok(partitions[0]!.idle && partitions[1]!.watermark! > watermark! + 60_000, 'both drifted');
  let steps = 0;
  for (; clock.trueMs() < NOW + 60_000 && steps < 5_000; steps++) await pipeline.step();
  assert.ok(steps < 5_000, `${steps} steps in ${clock.trueMs() - NOW} ms`);
  assert.equal(pipeline.health().live!.ledger.verdicts.counted, 201);
  assert.equal(pipeline.openWindows, 0);
  await pipeline.stop();
});
