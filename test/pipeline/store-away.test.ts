/** A store that fails for a while: retried, said, and nothing lost or sent anew. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, settingsWith } from '../../src/config.ts';
import { ClickrateError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import type { Commit, CommitAnswer } from '../../src/stores/store.ts';
import { windowsOf } from '../stores/commits.ts';
import { Random } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimSource } from '../support/sim-source.ts';

const START = 1_700_000_000_000;

/** Fails `failures` commits; of those, every second one was applied before its answer got lost. */
class Flaky extends MemoryStore {
  failures = 0;
  readonly sent: Commit[] = [];

  override async commit(commit: Commit): Promise<CommitAnswer> {
    this.sent.push(commit);
    if (this.failures === 0) return super.commit(commit);
    this.failures--;
    // A failure takes a turn, because this clock's sleeps take none.
    await new Promise(setImmediate);
    if (this.failures % 2 === 1) await super.commit(commit);
    throw new ClickrateError('store_unavailable', 'the line is down');
  }
}

function setUp() {
  const clock = new SimClock(START);
  const bytes = (n: number) =>
    new TextEncoder().encode(
      JSON.stringify({ product_id: 'a', timestamp: START + n * 100, event_type: 'impression' }),
    );
  const records = Array.from({ length: 200 }, (_, n) => ({
    offset: n,
    arrivalMs: START + n * 100,
    bytes: bytes(n),
  }));
  const logs = [{ partition: 'p-0', topicId: 't', records }];
  const store = new Flaky();
  const pipeline = new Pipeline({
    task: '0',
    source: new SimSource({ logs, clock, random: new Random(1) }),
    store,
    clock,
    settings: settingsWith({}),
    limits: LIMITS,
    log: silentLog,
    newToken: () => `token-${Math.random()}`,
    newIdKey: () => '0'.repeat(32),
    stillOurs: async () => true,
  });
  return { clock, store, pipeline };
}

async function turns(pipeline: Pipeline, clock: SimClock, count: number) {
  for (let n = 0; n < count; n++) {
    clock.advance(200);
    await pipeline.step();
    await new Promise(setImmediate);
  }
}

test('a failing commit is the same commit again, the task not ready, and the end exact', async () => {
  const { clock, store, pipeline } = setUp();
  await pipeline.start();
  await turns(pipeline, clock, 20);
  assert.equal(pipeline.health().ready, true);
  store.failures = 5;
  await turns(pipeline, clock, 150);
  assert.equal(store.failures, 0);
  const health = pipeline.health();
  assert.deepEqual([health.ready, health.retries, health.fenced], [true, 5, 0]);
  const numbers = store.sent.map(({ number }) => number);
  const repeated = store.sent.filter(({ number }, n) => numbers.indexOf(number) !== n);
  assert.equal(repeated.length, 5);
  for (const commit of repeated) assert.equal(commit, store.sent[numbers.indexOf(commit.number)]);
  const history = await windowsOf(store, 'a', 0, Number.MAX_SAFE_INTEGER);
  assert.deepEqual(
    history.map(({ impressions }) => impressions),
    [100, 100],
  );
});

test('while the store is away the reason is told, and a stop does not hang', async () => {
  const { clock, store, pipeline } = setUp();
  const abort = new AbortController();
  const seen: string[] = [];
  store.failures = Number.POSITIVE_INFINITY;
  const running = pipeline.run(abort.signal);
  for (let n = 0; n < 50; n++) {
    clock.advance(200);
    await new Promise(setImmediate);
    seen.push(...pipeline.health().reasons);
  }
  assert.ok(seen.some((reason) => /the commit fails: the line is down/.test(reason)));
  assert.equal(pipeline.health().ready, false);
  abort.abort();
  await running;
  assert.equal(pipeline.health().state, 'stopped');
});
