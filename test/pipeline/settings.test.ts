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

async function run(events: readonly Event[], store: MemoryStore, settings: Partial<Settings>) {
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
    ...{ task: '0', source, store, clock, limits: LIMITS, log: silentLog },
    settings: settingsWith(settings),
    newToken: () => `token-${Math.random()}`,
    newIdKey: () => '0'.repeat(32),
    stillOurs: async () => true,
    resetWindows: true,
  });
  await pipeline.start();
  const position = () => pipeline.health().live?.partitions[0].position ?? 0;
  for (let rest = 30; rest > 0; ) {
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

test('rows of windows of another size leave with their products, also after another start', async () => {
  const store = new MemoryStore();
  const first = ['a', 'b', 'c'].map((product, n) => ({ ts: n, arrivalMs: n, product }));
  const usual = [...first, { ts: 30_000, arrivalMs: 30_000, product: 'b' }];
  await run(usual, store, {});
  assert.equal((await store.load()).rows.length, 3);
  await run(usual, store, { windowMs: 1_000 });
  // The hour passes before the new owner has asked for anything.
  const late = [0, 10_000].map((ms) => ({ ts: 7_200_000 + ms, arrivalMs: 7_200_000 + ms }));
  await run([...usual, ...late], store, { windowMs: 1_000 });
  const { rows } = await store.load();
  assert.deepEqual(
    rows.map(({ product }) => product),
    ['a'],
  );
});
