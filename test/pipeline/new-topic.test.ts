/** A topic deleted and made anew under a kept checkpoint: a new ledger, and nothing of the old. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, settingsWith } from '../../src/config.ts';
import type { ClickrateError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { Pipeline } from '../../src/pipeline.ts';
import type { Opened, Position } from '../../src/sources/source.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { windowsOf } from '../stores/commits.ts';
import { Random } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimSource } from '../support/sim-source.ts';

const START = 1_700_000_000_000;

/** Begins anew where the topic is another one, as the Kafka source does. */
class Renewable extends SimSource {
  readonly topicId: string;
  /** Windows up to this may lack events, as after a gap that was skipped. */
  floorMs: number | null = null;
  constructor(
    topicId: string,
    clock: SimClock,
    events: readonly { product: string; ts: number }[],
  ) {
    const records = events.map(({ product, ts }, offset) => ({
      offset,
      arrivalMs: ts,
      bytes: new TextEncoder().encode(
        JSON.stringify({ product_id: product, timestamp: ts, event_type: 'impression' }),
      ),
    }));
    super({ logs: [{ partition: 'p-0', topicId, records }], clock, random: new Random(1) });
    this.topicId = topicId;
  }
  override async open(positions: readonly Position[]): Promise<Opened[]> {
    const isOther = positions[0].topicId !== null && positions[0].topicId !== this.topicId;
    const opened = await super.open(isOther ? [{ offset: null, topicId: null }] : positions);
    return opened.map((at) => ({ ...at, floorMs: this.floorMs ?? at.floorMs }));
  }
}

function pipelineOf(source: SimSource, store: MemoryStore, clock: SimClock, windowMs = 10_000) {
  return new Pipeline({
    task: '0',
    source,
    store,
    clock,
    limits: LIMITS,
    log: silentLog,
    settings: settingsWith({ windowMs }),
    newToken: () => `token-${Math.random()}`,
    newIdKey: () => '0'.repeat(32),
    stillOurs: async () => true,
    resetWindows: windowMs !== 10_000,
  });
}

async function runAll(pipeline: Pipeline, clock: SimClock, steps = 60): Promise<void> {
  await pipeline.start();
  for (let n = 0; n < steps; n++) {
    clock.advance(500);
    await pipeline.step();
  }
  await pipeline.stop();
}

const many = (count: number, from: number) =>
  Array.from({ length: count }, (_, n) => ({ product: `old${n}`, ts: from + n }));

test('state, parts and ledger of the old topic are gone, and its open windows stay unpublished', async () => {
  const clock = new SimClock(START + 5_000);
  const store = new MemoryStore();
  // More products than a block has, and one window that stays open.
  const old = pipelineOf(new Renewable('old', clock, many(3_000, START)), store, clock);
  await old.start();
  for (let n = 0; n < 200; n++) await old.step();
  await old.stop();
  assert.ok((await store.read('0')).parts.length > 4);

  const events = [
    { product: 'a', ts: START + 6_000 },
    { product: 'a', ts: START + 12_000 },
    { product: 'a', ts: START + 30_000 },
  ];
  await runAll(pipelineOf(new Renewable('new', clock, events), store, clock), clock);
  const state = await store.read('0');
  assert.deepEqual(state.parts.map(({ name }) => name).sort(), ['block/0', 'products/0']);
  assert.equal(state.status!.ledger.received, 3);
  assert.deepEqual(state.status!.ledger.since, { 'p-0': 0 });
  const windows = await windowsOf(store, 'a', 0, Number.MAX_SAFE_INTEGER);
  assert.deepEqual(
    windows.map(({ start, impressions }) => [start - START, impressions]),
    [
      [10_000, 1],
      [30_000, 1],
    ],
    'the window that the old topic began may lack its events',
  );

  // The next start takes up what is there, and nothing else.
  const again = pipelineOf(new Renewable('new', clock, events), store, clock);
  await runAll(again, clock, 2);
  assert.equal((await store.read('0')).status!.ledger.received, 3);
});

test('a checkpoint of topics with other names is refused, not taken for a beginning', async () => {
  const clock = new SimClock(START + 5_000);
  const store = new MemoryStore();
  const first = pipelineOf(new Renewable('t', clock, many(10, START)), store, clock);
  await first.start();
  await first.stop();
  const logs = [{ partition: 'q-0', topicId: 'u', records: [] }];
  const other = new SimSource({ logs, clock, random: new Random(1) });
  await assert.rejects(
    pipelineOf(other, store, clock).start(),
    (error: ClickrateError) =>
      error.code === 'source_foreign' && /is of p-0, not of q-0/.test(error.message),
  );
});

test('open windows of another size are dropped from the checkpoint for good', async () => {
  const clock = new SimClock(START + 5_000);
  const store = new MemoryStore();
  const first = pipelineOf(new Renewable('t', clock, many(3_000, START)), store, clock);
  await first.start();
  for (let n = 0; n < 200; n++) await first.step();
  await first.stop();
  const blocks = async () =>
    (await store.read('0')).parts.filter(({ name }) => name.startsWith('block/')).length;
  assert.equal(await blocks(), 6);
  const second = pipelineOf(new Renewable('t', clock, many(3_000, START)), store, clock, 1_000);
  await second.start();
  await second.stop();
  const kept = await store.read('0');
  // Products stay known, and are asked for anew.
  assert.equal(kept.parts.filter(({ name }) => name.startsWith('products/')).length, 6);
  const third = pipelineOf(new Renewable('t', clock, many(3_000, START)), store, clock, 1_000);
  await third.start();
  assert.equal(third.openWindows, 0);
});

test('windows that may lack events stay unpublished, with other windows and another topic too', async () => {
  const floorMs = START + 60_000;
  for (const [topicId, windowMs] of [
    ['t', 1_000],
    ['new', 10_000],
  ] as const) {
    const clock = new SimClock(START + 5_000);
    const store = new MemoryStore();
    const source = new Renewable('t', clock, many(10, START));
    source.floorMs = floorMs;
    await runAll(pipelineOf(source, store, clock), clock, 10);
    assert.equal((await store.read('0')).status!.publishFloor, floorMs);
    const next = new Renewable(topicId, clock, many(10, START));
    await runAll(pipelineOf(next, store, clock, windowMs), clock, 10);
    assert.equal((await store.read('0')).status!.publishFloor, floorMs, topicId);
  }
});

test('rows of products that the new topic does not have leave; those it has stay', async () => {
  const clock = new SimClock(START + 5_000);
  const store = new MemoryStore({ resultsPerCommit: 500 });
  const closed = [...many(2_100, START), { product: 'old7', ts: START + 20_000 }];
  await runAll(pipelineOf(new Renewable('old', clock, closed), store, clock), clock, 120);
  assert.equal((await store.load()).rows.length, 2_100);
  // One of the last to go comes first.
  const events = [0, 1, 2].flatMap((n) =>
    ['old2099', 'a', 'old5'].map((product) => ({ product, ts: START + 70_000 + n * 10_000 })),
  );
  const renewed = pipelineOf(new Renewable('new', clock, events), store, clock);
  await renewed.start();
  let published = 0;
  for (let n = 0; n < 120; n++) {
    clock.advance(500);
    await renewed.step();
    const rows = (await store.load()).rows.filter(({ latest }) => latest!.start > START + 60_000);
    assert.ok(rows.length >= published, `${rows.length} after ${published}`);
    published = rows.length;
  }
  await renewed.stop();
  const { rows } = await store.load();
  assert.deepEqual(rows.map(({ product }) => product).sort(), ['a', 'old2099', 'old5']);
  for (const { latest } of rows) assert.equal(latest?.start, START + 90_000);
});

test('rows of former products leave before a stop, also where nothing new comes', async () => {
  const clock = new SimClock(START + 5_000);
  const store = new MemoryStore();
  await runAll(pipelineOf(new Renewable('old', clock, many(3_000, START)), store, clock), clock);
  assert.ok((await store.read('0')).parts.length > 4);
  await runAll(pipelineOf(new Renewable('new', clock, []), store, clock), clock, 1);
  const { parts } = await store.read('0');
  assert.deepEqual(
    parts.map(({ name }) => name),
    [],
  );
});

test('a byte order mark at the beginning of a former product id is part of it', async () => {
  const clock = new SimClock(START + 5_000);
  const store = new MemoryStore();
  const closed = [0, 1, 2].map((n) => ({ product: '\ufeffa', ts: START + n * 10_000 }));
  await runAll(pipelineOf(new Renewable('old', clock, closed), store, clock), clock, 120);
  assert.deepEqual(
    (await store.load()).rows.map(({ product }) => product),
    ['\ufeffa'],
  );
  const events = [0, 1, 2].map((n) => ({ product: 'a', ts: START + 70_000 + n * 10_000 }));
  await runAll(pipelineOf(new Renewable('new', clock, events), store, clock), clock, 120);
  const { rows } = await store.load();
  assert.deepEqual(
    rows.map(({ product }) => product),
    ['a'],
  );
});

test('a crash while rows of former products leave forgets none', async () => {
  const clock = new SimClock(START + 5_000);
  const store = new MemoryStore({ resultsPerCommit: 500 });
  const closed = [...many(4_000, START), { product: 'old7', ts: START + 20_000 }];
  await runAll(pipelineOf(new Renewable('old', clock, closed), store, clock), clock, 120);
  assert.equal((await store.load()).rows.length, 4_000);
  const events = [{ product: 'old5', ts: START + 70_000 }];
  let least = 4_000;
  for (let n = 0; n < 5; n++) {
    const dying = pipelineOf(new Renewable('new', clock, events), store, clock);
    await dying.start();
    // Two commits, and it is gone.
    for (let step = 0; step < 5; step++) {
      clock.advance(500);
      await dying.step();
    }
    const left = (await store.load()).rows.length;
    assert.ok(n === 0 || left < least, `${left} after ${least}`);
    least = left;
  }
  await runAll(pipelineOf(new Renewable('new', clock, events), store, clock), clock, 60);
  const { rows } = await store.load();
  assert.deepEqual(
    rows.map(({ product }) => product),
    ['old5'],
  );
  const names = (await store.read('0')).parts.map(({ name }) => name);
  assert.deepEqual(names.sort(), ['block/0', 'products/0']);
});
