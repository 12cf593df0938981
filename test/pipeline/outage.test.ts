/** A partition without an answer for a while, and producers that send on when there is one. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pipeline } from '../../src/pipeline.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { Random } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimSource } from '../support/sim-source.ts';
import { ALONE } from './alone.ts';

const START = 1_700_000_000_000;
/** A leader that is lost, and one that answers nothing for a while, without an error. */
const OUTAGES = [
  { kind: 'outages', partition: 0, fromMs: START + 5_000, toMs: START + 35_000 },
  { kind: 'stalls', partition: 0, fromMs: START + 5_000, toMs: START + 19_000 },
] as const;

for (const out of OUTAGES)
  test(`what producers held is not too late, though others went on: ${out.kind}`, async () => {
    // The producers are heard again a little later, and send what they held in its order.
    const sentAgainMs = out.toMs + 300;
    const clock = new SimClock(START);
    const arrivalOf = (p: number, ts: number) =>
      p === out.partition && ts >= out.fromMs ? Math.max(ts, sentAgainMs) : ts;
    const logs = ['impression', 'click'].map((type, p) => ({
      partition: `${type}s-0`,
      topicId: 't',
      records: Array.from({ length: 600 }, (_, offset) => {
        const ts = START + 100 * offset;
        const text = JSON.stringify({ product_id: 'a', timestamp: ts, event_type: type });
        return { offset, arrivalMs: arrivalOf(p, ts), bytes: Buffer.from(text) };
      }),
    }));
    const random = new Random(1);
    const pipeline = new Pipeline({
      ...ALONE,
      source: new SimSource({ logs, clock, random, [out.kind]: [out], batchRecords: 1_000 }),
      store: new MemoryStore(),
      clock,
    });
    await pipeline.start();
    while (clock.trueMs() < START + 70_000) {
      clock.advance(50);
      await pipeline.step();
    }
    const live = pipeline.health().live!;
    const { counted, too_late: tooLate } = live.ledger.verdicts;
    assert.deepEqual({ counted, tooLate }, { counted: 1_200, tooLate: 0 });
    await pipeline.stop();
  });
