/** A closing of several commits: one is sent right behind another where the store takes it so. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, settingsWith } from '../../src/config.ts';
import { ClickrateError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { Pipeline, type PipelineParts } from '../../src/pipeline.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import type { Commit, CommitAnswer } from '../../src/stores/store.ts';
import { windowsOf } from '../stores/commits.ts';
import { Random } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimSource } from '../support/sim-source.ts';

const START = 1_700_000_000_000;
const PRODUCTS = 3_000;
/** What comes then closes the second window. */
const END = START + 23_100;
/** Longer than a turn of the pipeline; so long that a commit is mostly in flight. */
const TURNS = 3;
const MANY_TURNS = 9;
/** A commit does not wait the longer for having taken long. */
const PROMPT = { ...LIMITS, commitShare: 0 };

type Fate = 'taken' | 'refused' | 'answer lost';

/** Takes what it is sent in its order, some turns later; `fates` of first sendings, by number. */
class Slow extends MemoryStore {
  readonly sent: Commit[] = [];
  readonly fates = new Map<number, Fate>();
  turns = TURNS;
  inFlight = 0;
  most = 0;
  #last: Promise<unknown> = Promise.resolve();

  override commit(commit: Commit): Promise<CommitAnswer> {
    this.sent.push(commit);
    this.most = Math.max(this.most, ++this.inFlight);
    const fate = this.fates.get(commit.number) ?? 'taken';
    this.fates.delete(commit.number);
    const answer = this.#last.then(() => this.#take(commit, fate));
    this.#last = answer.catch(() => {});
    return answer;
  }

  async #take(commit: Commit, fate: Fate): Promise<CommitAnswer> {
    for (let n = 0; n < this.turns; n++) await new Promise(setImmediate);
    this.inFlight--;
    const answer = fate === 'refused' ? null : await super.commit(commit);
    if (answer === null || fate === 'answer lost')
      throw new ClickrateError('store_unavailable', 'the line is down');
    return answer;
  }
}

/** It takes commits behind one that is on its way, and refuses them where that one failed. */
class Pipelined extends Slow {
  /** Numbers of those that were sent behind another. */
  readonly behind: number[] = [];
  refused = 0;
  #before: Promise<CommitAnswer> | null = null;

  override commit(commit: Commit): Promise<CommitAnswer> {
    const answer = super.commit(commit);
    this.#before = answer;
    return answer;
  }

  commitBehind(commit: Commit): Promise<CommitAnswer> | null {
    if (this.sent.at(-1)!.number !== commit.number - 1) return null;
    this.behind.push(commit.number);
    const before = this.#before as Promise<CommitAnswer>;
    const own = this.commit(commit);
    own.catch(() => {});
    const isTaken = before.then(
      ({ answer }) => answer !== 'fenced',
      () => false,
    );
    return isTaken.then((taken) => {
      if (taken) return own;
      this.refused++;
      throw new ClickrateError('store_unavailable', 'the commit before it was not taken');
    });
  }
}

/**
 * Two events of each product, in two windows. With `keep`, the second one closes as a record is
 * read that is no event, soon after another was counted.
 */
function setUp<S extends Slow>(store: S, keep?: PipelineParts['keep']) {
  const clock = new SimClock(START);
  const count = 2 * PRODUCTS;
  const at = (n: number) => START + Math.floor((n * 20_000) / count);
  const eventOf = (n: number) =>
    JSON.stringify({ product_id: `a${n % PRODUCTS}`, timestamp: at(n), event_type: 'impression' });
  const records = Array.from({ length: count }, (_, n) => ({
    offset: n,
    arrivalMs: at(n),
    bytes: new TextEncoder().encode(eventOf(n)),
  }));
  const late = (timestamp: number) =>
    JSON.stringify({ product_id: 'z', timestamp, event_type: 'click' });
  const last = [
    [END - 1_000, late(END - 1_000)],
    [END, 'broken'],
    [END, late(END)],
  ] as const;
  if (keep !== undefined)
    for (const [arrivalMs, text] of last)
      records.push({ offset: records.length, arrivalMs, bytes: Buffer.from(text) });
  const logs = [{ partition: 'p-0', topicId: 't', records }];
  const source = new SimSource({ logs, clock, random: new Random(1), batchRecords: 1_000 });
  let tokens = 0;
  const pipeline = new Pipeline({
    task: '0',
    source,
    store,
    clock,
    settings: settingsWith({}),
    limits: PROMPT,
    log: silentLog,
    newToken: () => `token-${tokens++}`,
    newIdKey: () => '0'.repeat(32),
    stillOurs: async () => true,
    ...(keep === undefined ? {} : { keep }),
  });
  return { clock, source, store, pipeline };
}

async function runWhole({ pipeline, clock }: ReturnType<typeof setUp>): Promise<void> {
  await pipeline.start();
  for (let n = 0; n < 150; n++) {
    clock.advance(200);
    await pipeline.step();
    await new Promise(setImmediate);
  }
  await pipeline.flush();
}

async function mustBeExact({ store, pipeline }: ReturnType<typeof setUp>): Promise<void> {
  for (const product of ['a0', `a${PRODUCTS - 1}`]) {
    const counts = await windowsOf(store, product, 0, Number.MAX_SAFE_INTEGER);
    assert.deepEqual(
      counts.map(({ impressions }) => impressions),
      [1, 1],
    );
  }
  const numbers = store.sent.map(({ number }) => number);
  const first = store.sent.filter(({ number }, n) => numbers.indexOf(number) === n);
  assert.deepEqual(
    first.map(({ number }) => number),
    first.map((_, n) => n + 1),
  );
  for (const commit of store.sent) assert.equal(commit, first[commit.number - 1], 'frozen');
  assert.equal(pipeline.health().fenced, 0);
}

test('two commits of a closing are on their way at once, no more, and in their order', async () => {
  const world = setUp(new Pipelined({ resultsPerCommit: 1_000 }));
  await runWhole(world);
  await mustBeExact(world);
  const { store } = world;
  assert.equal(store.most, 2);
  assert.ok(store.behind.length >= 4, `${store.behind} behind another`);
  assert.deepEqual([store.refused, world.pipeline.health().retries], [0, 0]);
});

test('what is kept elsewhere is kept before its commit is sent; the rest goes behind again', async () => {
  const keeping: string[] = [];
  const store = new Pipelined({ resultsPerCommit: 1_000 });
  store.turns = MANY_TURNS;
  const world = setUp(store, async (events) => {
    keeping.push(`asked after ${store.sent.at(-1)!.number}`);
    for (let n = 0; n < TURNS; n++) await new Promise(setImmediate);
    keeping.push(`kept ${events.length} after ${store.sent.at(-1)!.number}`);
  });
  await runWhole(world);
  await mustBeExact(world);
  const { number } = store.sent.find(({ kept }) => kept.length > 0)!;
  assert.deepEqual(keeping, [`asked after ${number - 1}`, `kept 1 after ${number - 1}`]);
  assert.deepEqual(
    [store.behind.includes(number), store.behind.includes(number + 1)],
    [false, false],
  );
  assert.ok(store.behind.includes(number + 2), `${store.behind} behind another`);
});

test('where a store takes one at a time the next waits for the answer', async () => {
  const world = setUp(new Slow({ resultsPerCommit: 1_000 }));
  await runWhole(world);
  await mustBeExact(world);
  assert.equal(world.store.most, 1);
});

test('with two on their way a step waits where results do; else it reads on', async () => {
  const { store, pipeline, clock, source } = setUp(new Pipelined({ resultsPerCommit: 1_000 }));
  store.turns = MANY_TURNS;
  let reads = 0;
  const read = source.read.bind(source);
  source.read = (...asked) => {
    reads++;
    return read(...asked);
  };
  const steps: { hasRead: boolean; inFlight: number }[] = [];
  await pipeline.start();
  for (let n = 0; n < 150; n++) {
    clock.advance(200);
    const isFull = store.inFlight === 2;
    const readsBefore = reads;
    await pipeline.step();
    if (isFull) steps.push({ hasRead: reads > readsBefore, inFlight: store.inFlight });
    await new Promise(setImmediate);
  }
  await pipeline.stop();
  const waited = steps.filter(({ inFlight }) => inFlight < 2);
  const readOn = steps.filter(({ hasRead, inFlight }) => hasRead && inFlight === 2);
  assert.ok(waited.length > 0 && readOn.length > 0, `${waited.length}, ${readOn.length}`);
  assert.equal(waited.length + readOn.length, steps.length, 'a step that does nothing spins');
});

test('a stop waits for both that are on their way', async () => {
  const { store, pipeline, clock } = setUp(new Pipelined({ resultsPerCommit: 1_000 }));
  store.turns = MANY_TURNS;
  await pipeline.start();
  for (let n = 0; store.inFlight < 2; n++) {
    assert.ok(n < 150, 'never two');
    clock.advance(200);
    await pipeline.step();
    await new Promise(setImmediate);
  }
  await pipeline.stop();
  assert.equal(store.inFlight, 0);
  assert.equal((await store.read('0')).number, store.sent.length);
});

/** Of the commit before one that is sent behind it, and of that one. */
const FATES: [Fate, Fate][] = [
  ['refused', 'taken'],
  ['answer lost', 'taken'],
  ['answer lost', 'answer lost'],
  ['taken', 'refused'],
  ['taken', 'answer lost'],
];
for (const fates of FATES)
  test(`what is behind a commit that failed is sent again after it: ${fates}`, async () => {
    const calm = setUp(new Pipelined({ resultsPerCommit: 1_000 }));
    await runWhole(calm);
    // Nothing comes behind the last one.
    const number = calm.store.behind.at(-1) as number;
    const world = setUp(new Pipelined({ resultsPerCommit: 1_000 }));
    const { store } = world;
    fates.forEach((fate, n) => {
      store.fates.set(number - 1 + n, fate);
    });
    await runWhole(world);
    assert.ok(store.behind.includes(number));
    await mustBeExact(world);
    const failed = fates.filter((fate) => fate !== 'taken').length;
    const sentAgain = store.sent.length - new Set(store.sent).size;
    assert.equal(sentAgain, Math.max(failed, fates[0] === 'taken' ? 1 : 2));
    assert.equal(store.refused, fates[0] === 'taken' ? 0 : 1);
  });
