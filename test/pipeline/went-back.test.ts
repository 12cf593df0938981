/** A fence says why there is one, where that is known: the store lost commits, or another wrote. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, settingsWith } from '../../src/config.ts';
import { silentLog } from '../../src/log.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { commitOf } from '../stores/commits.ts';
import { Random } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimSource } from '../support/sim-source.ts';

const START = 1_700_000_000_000;

function setUp() {
  const clock = new SimClock(START);
  const records = Array.from({ length: 200 }, (_, n) => {
    const arrivalMs = START + n * 100;
    const event = { product_id: 'a', timestamp: arrivalMs, event_type: 'impression' };
    return { offset: n, arrivalMs, bytes: Buffer.from(JSON.stringify(event)) };
  });
  const logs = [{ partition: 'p-0', topicId: 't', records }];
  const store = new MemoryStore();
  const warnings: string[] = [];
  const pipeline = new Pipeline({
    task: '0',
    store,
    clock,
    settings: settingsWith({}),
    limits: LIMITS,
    source: new SimSource({ logs, clock, random: new Random(1) }),
    log: { ...silentLog, warn: (_, line) => void warnings.push(line) },
    newToken: () => `token-${Math.random()}`,
    newIdKey: () => '0'.repeat(32),
    stillOurs: async () => true,
  });
  const step = async () => {
    clock.advance(200);
    await pipeline.step();
  };
  /** Until the store has taken so many commits. */
  const until = async (number: number) => {
    while ((await store.read('0')).number < number) {
      await step();
      await new Promise(setImmediate);
    }
  };
  return { store, pipeline, warnings, step, until };
}

test('a store that went back: how far, and that nothing is lost', async () => {
  const { store, pipeline, warnings, until } = setUp();
  await pipeline.start();
  await until(3);
  const before = store.snapshot();
  await until(6);
  store.rollback(before);
  await until(5);
  const { fenced, retries } = pipeline.health();
  assert.deepEqual([fenced, retries], [1, 0]);
  assert.deepEqual(warnings, [
    'fenced at commit 7: the state is dropped',
    'the store has lost commits 4 to 6 of this task: their events are counted again',
  ]);
});

test('another owner, who committed or not: nothing of the kind is said', async () => {
  for (const commits of [0, 1]) {
    const { store, pipeline, warnings, until } = setUp();
    await pipeline.start();
    await until(3);
    const fence = await store.claim('0', 'of another');
    const { status } = await store.read('0');
    if (commits === 1) await store.commit(commitOf('0', fence, 4, { status: status! }));
    await until(6);
    assert.deepEqual(warnings, ['fenced at commit 4: the state is dropped']);
  }
});

test('another owner met while stopping is told, and nothing more is committed', async () => {
  const { store, pipeline, warnings, step, until } = setUp();
  await pipeline.start();
  await until(3);
  await store.claim('0', 'of another');
  await step();
  await pipeline.stop();
  assert.deepEqual(warnings, ['fenced while stopping at commit 4']);
  assert.equal(pipeline.health().state, 'stopped');
  assert.equal((await store.read('0')).number, 3);
});
