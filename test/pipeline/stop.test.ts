/** A stop leaves nothing behind that could have been committed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../src/config.ts';
import { BLOCK_PRODUCTS } from '../../src/decode/columns.ts';
import { BLOCK_PARTS, PRODUCT_PARTS } from '../../src/part-names.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { windowsOf } from '../stores/commits.ts';
import { Random } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimSource } from '../support/sim-source.ts';
import { ALONE } from './alone.ts';

const START = 1_700_000_000_000;
const LATER = START + 2 * 3_600_000;

/**
 * The store of an engine that was stopped after a click on each of `old`, and one on `new` so much
 * later that it closes their window and ends their life at once.
 */
async function afterClicksOn(old: readonly string[], limits = LIMITS): Promise<MemoryStore> {
  const clock = new SimClock(LATER);
  const click = (product: string, ts: number, offset: number) => {
    const text = `{"product_id":"${product}","timestamp":${ts},"event_type":"click"}`;
    return { offset, arrivalMs: ts, bytes: Buffer.from(text) };
  };
  const records = old.map((product, n) => click(product, START, n));
  records.push(click('new', LATER, records.length));
  const logs = [{ partition: 'p-0', topicId: 't', records }];
  const store = new MemoryStore();
  const pipeline = new Pipeline({
    ...ALONE,
    source: new SimSource({ logs, clock, random: new Random(1), batchRecords: 10_000 }),
    store,
    clock,
    limits,
  });
  await pipeline.start();
  while (pipeline.health().live?.partitions[0].position !== records.length) await pipeline.step();
  await pipeline.stop();
  return store;
}

test('a product that expired as its last window was published has no row', async () => {
  const store = await afterClicksOn(['old']);
  assert.deepEqual((await store.load()).rows, []);
  assert.deepEqual(await windowsOf(store, 'old'), [{ start: START, impressions: 0, clicks: 1 }]);
});

test('a block whose products are all gone leaves no part in the checkpoint', async () => {
  const old = Array.from({ length: BLOCK_PRODUCTS }, (_, n) => `old${n}`);
  const { parts, status } = await (await afterClicksOn(old)).read('0');
  assert.equal(status?.ledger.verdicts.counted, BLOCK_PRODUCTS + 1);
  for (const names of [BLOCK_PARTS, PRODUCT_PARTS]) {
    const found = parts.filter(({ name }) => names.has(name)).map(({ name }) => name);
    assert.deepEqual(found, [names.name(1)]);
  }
});

test('of a fetch with more records than a batch has, each is counted', async () => {
  const old = Array.from({ length: 200 }, (_, n) => `old${n}`);
  const store = await afterClicksOn(old, { ...LIMITS, batchRecords: 16 });
  assert.equal((await store.read('0')).status?.ledger.verdicts.counted, 201);
});
