/** What a pipeline makes of the answers to its commits. */
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

/** Answers a few turns of the pipeline later. */
class Late extends MemoryStore {
  /** Position that each commit makes durable. */
  readonly positions: (number | null)[] = [];

  override async commit(commit: Commit): Promise<CommitAnswer> {
    this.positions.push(commit.status.partitions[0].position);
    for (let n = 0; n < 3; n++) await new Promise(setImmediate);
    return super.commit(commit);
  }
}

/** A task whose events of a product come at these times, in milliseconds from the start. */
function taskOf(task: string, store: MemoryStore, clock: SimClock, eventsMs: readonly number[]) {
  const records = eventsMs.map((ms, offset) => {
    const text = JSON.stringify({ product_id: 'a', timestamp: START + ms, event_type: 'click' });
    const arrivalMs = START + Math.max(ms, ...eventsMs.slice(0, offset));
    return { offset, arrivalMs, bytes: Buffer.from(text) };
  });
  const logs = [{ partition: `p-${task}`, topicId: 't', records }];
  const source = new SimSource({ logs, clock, random: new Random(1) });
  const pipeline = new Pipeline({
    task,
    source,
    store,
    clock,
    limits: LIMITS,
    log: silentLog,
    settings: settingsWith({}),
    newToken: () => `token-${task}`,
    newIdKey: () => '0'.repeat(32),
    stillOurs: async () => true,
  });
  return { source, pipeline };
}

async function turns(clock: SimClock, pipelines: readonly Pipeline[], count: number) {
  for (let n = 0; n < count; n++) {
    clock.advance(200);
    for (const pipeline of pipelines) await pipeline.step();
    await new Promise(setImmediate);
  }
}

test('what another task owns is written by that one alone, and counted here', async () => {
  const clock = new SimClock(START);
  const store = new Late();
  const events = Array.from({ length: 30 }, (_, n) => n * 1_000);
  const [owner, other] = ['0', '1'].map((task) => taskOf(task, store, clock, events).pipeline);
  await owner.start();
  await turns(clock, [owner], 20);
  await other.start();
  await turns(clock, [owner, other], 200);
  for (const pipeline of [owner, other]) await pipeline.flush();
  assert.deepEqual(
    (await windowsOf(store, 'a', 0, Number.MAX_SAFE_INTEGER)).map(({ clicks }) => clicks),
    [10, 10, 10],
  );
  const [ours, others] = [owner, other].map((pipeline) => pipeline.health());
  assert.deepEqual([ours.live!.heldElsewhere, others.live!.heldElsewhere], [0, 1]);
  assert.match(others.reasons.join(), /1 products are owned by another task/);
});

test('revisions are counted with the commits that publish them', async () => {
  const clock = new SimClock(START);
  // The last but one is late, and within lateness.
  const { pipeline } = taskOf('0', new MemoryStore(), clock, [1_000, 13_500, 9_000, 14_000]);
  await pipeline.start();
  await turns(clock, [pipeline], 100);
  assert.equal(pipeline.health().revisions, 1);
});

test('what is acknowledged is what was committed, not what was read meanwhile', async () => {
  const clock = new SimClock(START);
  const store = new Late();
  const events = Array.from({ length: 3_000 }, (_, n) => n * 10);
  const { source, pipeline } = taskOf('0', store, clock, events);
  let failures = 3;
  const acknowledge = source.acknowledge.bind(source);
  const told: number[] = [];
  source.acknowledge = async (positions) => {
    if (failures-- > 0) throw new ClickrateError('source_unavailable', 'no broker answers');
    told.push(positions[0]);
    await acknowledge(positions);
  };
  await pipeline.start();
  await turns(clock, [pipeline], 100);
  await pipeline.flush();
  assert.ok(new Set(told).size > 5, `${told}`);
  assert.deepEqual(told, store.positions);
});

test('a flush waits for the commit on its way, also where nothing is new', async () => {
  const clock = new SimClock(START);
  const store = new Late();
  const { pipeline } = taskOf('0', store, clock, [1_000]);
  await pipeline.start();
  await pipeline.step();
  await pipeline.flush();
  assert.deepEqual([(await store.read('0')).number, store.positions.length], [1, 1]);
});

test('what is closed at once is all committed, however little fits a commit', async () => {
  const clock = new SimClock(START);
  const store = new MemoryStore({ resultsPerCommit: 1 });
  const events = Array.from({ length: 30 }, (_, n) => n * 1_000);
  const { pipeline } = taskOf('0', store, clock, events);
  await pipeline.start();
  clock.advance(30_000);
  await pipeline.step();
  await pipeline.close();
  const windows = await windowsOf(store, 'a', 0, Number.MAX_SAFE_INTEGER);
  assert.deepEqual(
    windows.map(({ clicks }) => clicks),
    [10, 10, 10],
  );
});

test('a commit that waits behind one that is fenced is not sent', async () => {
  const sent: number[] = [];
  class Fencing extends MemoryStore {
    override async commit(commit: Commit): Promise<CommitAnswer> {
      sent.push(commit.number);
      for (let n = 0; n < 3; n++) await new Promise(setImmediate);
      return sent.length === 2 ? { answer: 'fenced' } : super.commit(commit);
    }
  }
  const clock = new SimClock(START);
  // The first claims the product; then each window is a commit, sent behind the one before.
  const store = new Fencing({ resultsPerCommit: 1 });
  const events = Array.from({ length: 40 }, (_, n) => n * 1_000);
  const { pipeline } = taskOf('0', store, clock, events);
  await pipeline.start();
  clock.advance(60_000);
  await turns(clock, [pipeline], 20);
  assert.equal(pipeline.health().fenced, 1);
  assert.deepEqual(sent.slice(0, 4), [1, 2, 2, 3]);
});
