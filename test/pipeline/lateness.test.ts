/** Settings that take later events than before: what was final stays as it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, settingsWith } from '../../src/config.ts';
import { silentLog } from '../../src/log.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { windowsOf } from '../stores/commits.ts';
import { Random } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimSource } from '../support/sim-source.ts';

const START = 1_700_000_000_000;

type Event = { ts: number; arrivalMs: number };

async function run(events: readonly Event[], store: MemoryStore, allowedLatenessMs: number) {
  const records = events.map(({ ts, arrivalMs }, offset) => {
    const event = { product_id: 'a', timestamp: START + ts, event_type: 'impression' };
    const bytes = new TextEncoder().encode(JSON.stringify(event));
    return { offset, arrivalMs: START + arrivalMs, bytes };
  });
  const last = Math.max(...events.map(({ arrivalMs }) => arrivalMs));
  const clock = new SimClock(START + last);
  const logs = [{ partition: 'p-0', topicId: 't', records }];
  const source = new SimSource({ logs, clock, random: new Random(1) });
  const pipeline = new Pipeline({
    ...{ task: '0', source, store, clock, limits: LIMITS, log: silentLog },
    settings: settingsWith({ allowedLatenessMs }),
    newToken: () => `token-${Math.random()}`,
    newIdKey: () => '0'.repeat(32),
    stillOurs: async () => true,
  });
  await pipeline.start();
  for (let n = 0; n < 30; n++) {
    clock.advance(100);
    await pipeline.step();
  }
  await pipeline.stop();
}

test('a longer lateness brings no window back that was final', async () => {
  const store = new MemoryStore();
  const usual = [0, 1, 2, 30_000].map((ts) => ({ ts, arrivalMs: ts }));
  await run(usual, store, 5_000);
  const before = await windowsOf(store, 'a', 0, 9e15);
  assert.deepEqual(before[0], { start: START, impressions: 3, clicks: 0 });
  const late = [
    { ts: 5_000, arrivalMs: 31_000 },
    { ts: 29_000, arrivalMs: 31_001 },
    { ts: 60_000, arrivalMs: 60_000 },
  ];
  await run([...usual, ...late], store, 60_000);
  const status = (await store.statuses()).get('0')!;
  assert.equal(status.ledger.verdicts.counted, 7);
  const after = await windowsOf(store, 'a', 0, 9e15);
  assert.deepEqual(after[0], before[0]);
  // One that was not final yet takes what is late now.
  assert.equal(after.find(({ start }) => start === START + 20_000)?.impressions, 1);
});
