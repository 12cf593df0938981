/** What is rejected or too late neither ends idleness nor silence, however long it goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pipeline } from '../../src/pipeline.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { Random } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimSource } from '../support/sim-source.ts';
import { ALONE } from './alone.ts';

const START = 1_700_000_000_000;
const LAST = START + 60_000;

const click = (ts: number) => `{"product_id":"a","timestamp":${ts},"event_type":"click"}`;
const JUNK = { rejected: 'x', 'too late': click(START - 3_600_000) };

/** Events every 100 ms until `goodMs`, then junk. */
function logOf(partition: string, goodMs: number, junk: string) {
  const records = Array.from({ length: 600 }, (_, offset) => {
    const arrivalMs = START + offset * 100;
    const text = arrivalMs < START + goodMs ? click(arrivalMs) : junk;
    return { offset, arrivalMs, bytes: Buffer.from(text) };
  });
  return { partition, topicId: 't', records };
}

/** A task as it stands while the last record comes. */
async function atTheEnd(logs: ReturnType<typeof logOf>[]) {
  const clock = new SimClock(START);
  const pipeline = new Pipeline({
    ...ALONE,
    source: new SimSource({ logs, clock, random: new Random(1) }),
    store: new MemoryStore(),
    clock,
  });
  await pipeline.start();
  while (clock.trueMs() < LAST) {
    clock.advance(10);
    await pipeline.step();
  }
  const { openWindows } = pipeline;
  const { watermark, ledger } = pipeline.health().live!;
  await pipeline.stop();
  return { openWindows, watermark: watermark!, counted: ledger.verdicts.counted };
}

for (const [kind, junk] of Object.entries(JUNK)) {
  test(`every window closes while all that comes is ${kind}`, async () => {
    const { openWindows, counted } = await atTheEnd([logOf('p-0', 5_000, junk)]);
    assert.deepEqual([openWindows, counted], [0, 50]);
  });

  test(`time goes on with others past a partition in which all is ${kind}`, async () => {
    const others = logOf('p-0', 60_000, junk);
    const { watermark } = await atTheEnd([others, logOf('p-1', 5_000, junk)]);
    assert.ok(watermark >= LAST - 4_000, `${LAST - watermark} ms behind`);
  });
}
