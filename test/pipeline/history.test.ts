/** Counts that wait for their product's claim reach history, however far others were published. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pipeline } from '../../src/pipeline.ts';
import { MemoryHarness, SqliteHarness } from '../stores/harness.ts';
import { LEVELS } from '../stores/zone.ts';
import { Random } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimSource } from '../support/sim-source.ts';
import { ALONE } from './alone.ts';

const START = 1_700_000_000_000;
const EVENTS = 4_000;

for (const Kind of [MemoryHarness, SqliteHarness])
  test(`history has every count of hours that are caught up at once: ${Kind.name}`, async () => {
    const clock = new SimClock(START + EVENTS * 10_000);
    const harness = new Kind({ clock }, ':memory:');
    const { store } = harness;
    // An event every 10 s; some products come when the others have been known for hours.
    const productOf = (n: number) => (n % 100 === 99 ? `new-${n}` : `p-${n % 2}`);
    const records = Array.from({ length: EVENTS }, (_, offset) => ({
      offset,
      arrivalMs: START + offset * 10_000,
      bytes: Buffer.from(
        JSON.stringify({
          product_id: productOf(offset),
          event_type: 'impression',
          timestamp: START + offset * 10_000,
        }),
      ),
    }));
    const logs = [{ partition: 'p-0', topicId: 't', records }];
    const pipeline = new Pipeline({
      ...ALONE,
      source: new SimSource({ logs, clock, random: new Random(1), batchRecords: EVENTS / 2 }),
      store,
      clock,
    });
    await pipeline.start();
    for (let n = 0; n < 40; n++) {
      clock.advance(1_000);
      await pipeline.step();
      await new Promise(setImmediate);
    }
    await pipeline.flush();
    const span = { levels: LEVELS, products: null, fromMs: -Infinity, toMs: Infinity };
    const found = (await store.history(span)).flat();
    const sum = found.reduce((all, { impressions }) => all + impressions, 0);
    const { counted } = pipeline.health().live!.ledger.verdicts;
    const { skipped } = await store.historyHeld();
    assert.deepEqual({ counted, sum, skipped }, { counted: EVENTS, sum: EVENTS, skipped: 0 });
    await harness.close();
  });
