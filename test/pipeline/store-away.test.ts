/** A store that fails for a while: retried, said, and nothing lost or sent anew. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, settingsWith } from '../../src/config.ts';
import { ClickrateError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { type KeptEvent, SILENT_MS } from '../../src/status.ts';
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
  /** What a commit waits for before it is written. */
  onCommit = async () => {};

  override async commit(commit: Commit): Promise<CommitAnswer> {
    this.sent.push(commit);
    await this.onCommit();
    if (this.failures === 0) return super.commit(commit);
    this.failures--;
    // A failure takes a turn, because this clock's sleeps take none.
    await new Promise(setImmediate);
    if (this.failures % 2 === 1) await super.commit(commit);
    throw new ClickrateError('store_unavailable', 'the line is down');
  }
}

type SetUp = {
  records?: number;
  /** Offset of a record that is no event. */
  broken?: number;
  keep?: (events: readonly KeptEvent[]) => Promise<void>;
};

function setUp(options: SetUp = {}) {
  const { records: count = 200, broken, keep } = options;
  const clock = new SimClock(START);
  const at = (n: number) => START + Math.floor((n * 20_000) / count);
  const bytes = (n: number) =>
    new TextEncoder().encode(
      JSON.stringify({ product_id: 'a', timestamp: at(n), event_type: 'impression' }),
    );
  const records = Array.from({ length: count }, (_, n) => ({
    offset: n,
    arrivalMs: at(n),
    bytes: n === broken ? Buffer.from('broken') : bytes(n),
  }));
  const logs = [{ partition: 'p-0', topicId: 't', records }];
  const store = new Flaky();
  const source = new SimSource({ logs, clock, random: new Random(1) });
  const pipeline = new Pipeline({
    task: '0',
    source,
    store,
    clock,
    settings: settingsWith({}),
    limits: LIMITS,
    log: silentLog,
    newToken: () => `token-${Math.random()}`,
    newIdKey: () => '0'.repeat(32),
    stillOurs: async () => true,
    ...(keep === undefined ? {} : { keep }),
  });
  return { clock, source, store, pipeline };
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

test('what is not counted is kept elsewhere before the commit that counts it', async () => {
  const kept: number[] = [];
  let failures = 2;
  const keep = async (events: readonly KeptEvent[]) => {
    await new Promise(setImmediate);
    if (failures-- > 0) throw new ClickrateError('source_unavailable', 'no broker answers');
    kept.push(...events.map(({ offset }) => offset));
  };
  const { clock, store, pipeline } = setUp({ broken: 5, keep });
  const committed: [offset: number, isKept: boolean][] = [];
  store.onCommit = async () => {
    for (const { offset } of store.sent.at(-1)!.kept)
      committed.push([offset, kept.includes(offset)]);
  };
  await pipeline.start();
  await turns(pipeline, clock, 20);
  await pipeline.flush();
  assert.deepEqual(committed, [[5, true]]);
  assert.equal(failures, -1);
});

test('a commit that waits for long without a failure makes the task not ready', async () => {
  const asked = Promise.withResolvers<void>();
  const mayGoOn = Promise.withResolvers<void>();
  const keep = () => {
    asked.resolve();
    return mayGoOn.promise;
  };
  const { clock, pipeline } = setUp({ broken: 5, keep });
  await pipeline.start();
  // The first one of an owner, and then the one that waits.
  await turns(pipeline, clock, 20);
  await asked.promise;
  const { commitAgeMs } = pipeline.health();
  clock.advance(SILENT_MS - commitAgeMs!);
  assert.equal(pipeline.health().ready, true);
  clock.advance(1);
  const { ready, reasons } = pipeline.health();
  assert.deepEqual([ready, reasons], [false, ['the last commit is 15 s old']]);
  mayGoOn.resolve();
  await pipeline.flush();
  assert.deepEqual([pipeline.health().ready, pipeline.health().reasons], [true, []]);
});

test('a partition that cannot be read makes the task not ready, by name', async () => {
  const { clock, source, pipeline } = setUp();
  await pipeline.start();
  await turns(pipeline, clock, 5);
  assert.equal(pipeline.health().ready, true);
  Object.defineProperty(source, 'trouble', { value: 'p-0 has no leader now' });
  const { ready, reasons } = pipeline.health();
  assert.deepEqual([ready, reasons], [false, ['p-0 has no leader now']]);
});

test('when a pipeline fails for good the commit in flight is not tried again', async () => {
  const { source, store, pipeline } = setUp();
  store.failures = Number.POSITIVE_INFINITY;
  const running = pipeline.run(new AbortController().signal);
  const failed = assert.rejects(running, { code: 'source_damaged' });
  // No window is due yet: then it would wait for the commit, not read.
  while (store.sent.length < 3) await new Promise(setImmediate);
  source.read = async () => {
    throw new ClickrateError('source_damaged', 'a broken batch');
  };
  await failed;
  const tries = store.sent.length;
  for (let n = 0; n < 20; n++) await new Promise(setImmediate);
  assert.equal(store.sent.length, tries);
  assert.equal(pipeline.health().state, 'failed');
});
