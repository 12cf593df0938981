/** Settings that are others than those the checkpoint was written with. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, type Settings, settingsWith } from '../../src/config.ts';
import { silentLog } from '../../src/log.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { windowsOf } from '../stores/commits.ts';
import { Random } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimSource } from '../support/sim-source.ts';

const START = 1_700_000_000_000;

type Event = { ts: number; arrivalMs: number; product?: string };

/** Until all is read and the engine stops; or for so many steps, after which it is gone. */
async function run(
  events: readonly Event[],
  store: MemoryStore,
  settings: Partial<Settings>,
  mostSteps = Number.POSITIVE_INFINITY,
) {
  const records = events.map(({ ts, arrivalMs, product = 'a' }, offset) => {
    const event = { product_id: product, timestamp: START + ts, event_type: 'impression' };
    const bytes = new TextEncoder().encode(JSON.stringify(event));
    return { offset, arrivalMs: START + arrivalMs, bytes };
  });
  const last = Math.max(...events.map(({ arrivalMs }) => arrivalMs));
  const clock = new SimClock(START + last);
  const logs = [{ partition: 'p-0', topicId: 't', records }];
  const source = new SimSource({ logs, clock, random: new Random(1) });
  const pipeline = new Pipeline({
    task: '0',
    source,
    store,
    clock,
    limits: LIMITS,
    log: silentLog,
    settings: settingsWith(settings),
    newToken: () => `token-${Math.random()}`,
    newIdKey: () => '0'.repeat(32),
    stillOurs: async () => true,
    resetWindows: true,
  });
  await pipeline.start();
  const position = () => pipeline.health().live?.partitions[0].position ?? 0;
  for (let rest = 30, steps = 0; rest > 0; steps++) {
    if (steps === mostSteps) return;
    clock.advance(10);
    await pipeline.step();
    if (position() === records.length) rest--;
  }
  await pipeline.stop();
}

test('a longer lateness brings no window back that was final', async () => {
  const store = new MemoryStore();
  const usual = [0, 1, 2, 30_000].map((ts) => ({ ts, arrivalMs: ts }));
  await run(usual, store, {});
  const before = await windowsOf(store, 'a', 0, 9e15);
  assert.deepEqual(before[0], { start: START, impressions: 3, clicks: 0 });
  const late = [
    { ts: 5_000, arrivalMs: 31_000 },
    { ts: 29_000, arrivalMs: 31_001 },
    { ts: 60_000, arrivalMs: 60_000 },
  ];
  await run([...usual, ...late], store, { allowedLatenessMs: 60_000 });
  const status = (await store.statuses()).get('0')!;
  assert.equal(status.ledger.verdicts.counted, 7);
  const after = await windowsOf(store, 'a', 0, 9e15);
  assert.deepEqual(after[0], before[0]);
  // One that was not final yet takes what is late now.
  assert.equal(after.find(({ start }) => start === START + 20_000)?.impressions, 1);
});

test('fewer products allowed than a checkpoint has: no new ones, and nothing is damaged', async () => {
  const store = new MemoryStore();
  const many = Array.from({ length: 5_000 }, (_, n) => ({ ts: n, arrivalMs: n, product: `p${n}` }));
  await run(many, store, {});
  const more = ['p4999', 'new'].map((product) => ({ ts: 6_000, arrivalMs: 6_000, product }));
  await run([...many, ...more], store, { maxProducts: 100 });
  const { verdicts } = (await store.statuses()).get('0')!.ledger;
  assert.deepEqual([verdicts.counted, verdicts.too_many_products], [5_001, 1]);
  assert.throws(() => settingsWith({ maxProducts: 2 ** 24 + 1 }), { code: 'config_invalid' });
});

/** One event of each of three products in a window that the last one closes. */
const usual = [
  ...['a', 'b', 'c'].map((product, n) => ({ ts: n, arrivalMs: n, product })),
  { ts: 30_000, arrivalMs: 30_000, product: 'b' },
];
const productsOf = async (store: MemoryStore) =>
  (await store.load()).rows.map(({ product }) => product).sort();

test('rows of windows of another size leave at once; products come again as windows close', async () => {
  // Also where a commit has room for a single product.
  for (const resultsPerCommit of [20_000, 1]) {
    const store = new MemoryStore({ resultsPerCommit });
    await run(usual, store, {});
    assert.deepEqual(await productsOf(store), ['a', 'b', 'c']);
    await run(usual, store, { windowMs: 1_000 });
    assert.deepEqual(await productsOf(store), []);
    const again = [...usual, { ts: 40_500, arrivalMs: 40_500, product: 'a' }];
    await run([...again, { ts: 50_000, arrivalMs: 50_000, product: 'b' }], store, {
      windowMs: 1_000,
    });
    const latest = { start: START + 40_000, impressions: 1, clicks: 0 };
    assert.deepEqual((await store.load()).rows, [{ product: 'a', latest, previous: null }]);
  }
});

test('what was left of these rows when the engine was killed leaves after the next start', async () => {
  const store = new MemoryStore({ resultsPerCommit: 1 });
  await run(usual, store, {});
  await run(usual, store, { windowMs: 1_000 }, 2);
  assert.equal((await productsOf(store)).length, 2);
  await run(usual, store, { windowMs: 1_000 });
  assert.deepEqual(await productsOf(store), []);
});

test('a product that expires before it is claimed again takes its row along', async () => {
  const store = new MemoryStore({ resultsPerCommit: 1 });
  await run(usual, store, {});
  await run(usual, store, { windowMs: 1_000 }, 2);
  // The hour passes before all are claimed.
  const late = [0, 10_000].map((ms) => ({ ts: 7_200_000 + ms, arrivalMs: 7_200_000 + ms }));
  await run([...usual, ...late], store, { windowMs: 1_000 });
  assert.deepEqual(await productsOf(store), ['a']);
});
