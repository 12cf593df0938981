/** Checkpoints of version 1, whose blocks had 1 024 products, are gone on from. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, settingsWith } from '../../src/config.ts';
import { readPart, writePart } from '../../src/decode/products-part.ts';
import { PackReader, PackWriter } from '../../src/engine/packing.ts';
import { silentLog } from '../../src/log.ts';
import { Pipeline } from '../../src/pipeline.ts';
import type { Part } from '../../src/status.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { Random } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimSource } from '../support/sim-source.ts';

const START = 1_700_000_000_000;
const PRODUCTS = 2_500;
const NOW = 512;

type Event = { product: number; ms: number };
const round = (ms: number): Event[] =>
  Array.from({ length: PRODUCTS }, (_, product) => ({ product, ms: ms + (product % 7) }));
/** One window is closed, one is open. */
const BEFORE = [...round(1_000), ...round(18_500)];
const ALL = [...BEFORE, ...round(18_600), ...round(40_000)];

async function run(store: MemoryStore, events: readonly Event[]): Promise<void> {
  const clock = new SimClock(START + events[events.length - 1].ms);
  const records = events.map(({ product, ms }, offset) => {
    const event = { product_id: `p${product}`, timestamp: START + ms, event_type: 'impression' };
    const bytes = new TextEncoder().encode(JSON.stringify(event));
    return { offset, arrivalMs: START + ms, bytes };
  });
  const logs = [{ partition: 'p-0', topicId: 't', records }];
  const pipeline = new Pipeline({
    task: '0',
    source: new SimSource({ logs, clock, random: new Random(1) }),
    store,
    clock,
    limits: LIMITS,
    log: silentLog,
    settings: settingsWith({}),
    newToken: () => `token-${Math.random()}`,
    newIdKey: () => '0'.repeat(32),
    stillOurs: async () => true,
  });
  await pipeline.start();
  const position = () => pipeline.health().live?.partitions[0].position ?? 0;
  // Behind the last record no time passes: what is open stays so.
  while (position() < records.length) await pipeline.step();
  await pipeline.stop();
}

/** Packed numbers of a block, the first of each entry a distance to the slot before. */
function entriesOf(reader: PackReader, next: (distance: number) => number[]) {
  const entries: { slot: number; rest: number[] }[] = [];
  let slot = 0;
  for (let left = reader.uint(); left > 0; left--) {
    const distance = reader.uint();
    const [moved, ...rest] = next(distance);
    slot += moved;
    entries.push({ slot, rest });
  }
  return entries;
}

/** A part of `takeBlockParts` in which every product has a latest window and one is open. */
function read({ name, bytes }: Part) {
  const reader = new PackReader(name, bytes);
  assert.equal(reader.uint(), 1);
  const living = reader.uint();
  const newest = reader.float();
  const published: { slot: number; rest: number[] }[] = [];
  for (let n = 0, slot = 0; n < living; n++) {
    slot += reader.uint();
    const [end, flags] = [reader.uint(), reader.uint()];
    assert.equal(flags, 1);
    published.push({ slot, rest: [end, flags, reader.uint(), reader.uint(), reader.uint()] });
  }
  assert.equal(reader.uint(), 1);
  const open = { start: reader.float(), fired: reader.uint() };
  const cells = entriesOf(reader, (head) => [head >>> 1, head & 1, reader.uint(), reader.uint()]);
  reader.end();
  return { newest, published, open, cells };
}

/** Two neighbours as the one block that they were. */
function joined(name: string, parts: readonly Part[]): Part {
  const halves = parts.map(read);
  const both = <T extends { slot: number }>(of: (half: (typeof halves)[number]) => T[]) =>
    halves.flatMap((half, n) => of(half).map((one) => ({ ...one, slot: one.slot + n * NOW })));
  const newest = Math.max(...halves.map((half) => half.newest));
  const published = both((half) =>
    half.published.map(({ slot, rest: [end, ...rest] }) => ({
      slot,
      rest: [end + newest - half.newest, ...rest],
    })),
  );
  const cells = both((half) => half.cells);
  const writer = new PackWriter();
  for (const number of [1, published.length]) writer.uint(number);
  writer.float(newest);
  let before = 0;
  for (const { slot, rest } of published) {
    for (const number of [slot - before, ...rest]) writer.uint(number);
    before = slot;
  }
  writer.uint(1);
  writer.float(halves[0].open.start);
  for (const number of [halves[0].open.fired, cells.length]) writer.uint(number);
  before = 0;
  for (const { slot, rest } of cells) {
    const [flag, impressions, clicks] = rest;
    for (const number of [(slot - before) * 2 + flag, impressions, clicks]) writer.uint(number);
    before = slot;
  }
  return { name, bytes: writer.take() };
}

function partsOfFirst(parts: readonly Part[]): Part[] {
  const named = (name: string) => parts.filter((part) => part.name === name);
  const old: Part[] = [];
  for (let b = 0; b * 2 * NOW < PRODUCTS; b++) {
    const pair = (kind: string) => [2 * b, 2 * b + 1].flatMap((n) => named(`${kind}/${n}`));
    old.push(joined(`block/${b}`, pair('block')));
    const entries = pair('products').flatMap(({ bytes }, n) =>
      readPart(bytes)!.map(({ slot, key }) => ({ slot: slot + n * NOW, key })),
    );
    old.push({ name: `products/${b}`, bytes: writePart(entries) });
  }
  return old;
}

/** A store whose checkpoint, behind `BEFORE`, has these parts and is of version 1. */
async function storeOf(chosen: (parts: readonly Part[]) => Part[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  await run(store, BEFORE);
  const { parts, status, number } = await store.read('0');
  const old = chosen(partsOfFirst(parts));
  const names = new Set(old.map(({ name }) => name));
  const isGone = ({ name }: Part) => /^(block|products)\//.test(name) && !names.has(name);
  const fence = await store.claim('0', 'another');
  await store.commit({
    task: '0',
    ...fence,
    number: number + 1,
    status: { ...status!, version: 1 },
    parts: old,
    removedParts: parts.filter(isGone).map(({ name }) => name),
    removals: [],
    claims: [],
    results: [],
    kept: [],
    comebacks: [],
  });
  return store;
}

const byName = (parts: readonly Part[]) => new Map(parts.map(({ name, bytes }) => [name, bytes]));

test('a checkpoint of larger blocks is gone on from, and written in those of now', async () => {
  const calm = new MemoryStore();
  await run(calm, BEFORE);
  const store = await storeOf((parts) => [...parts]);
  await run(store, BEFORE);
  assert.deepEqual(byName((await store.read('0')).parts), byName((await calm.read('0')).parts));
  await run(calm, ALL);
  await run(store, ALL);
  const [mine, calms] = await Promise.all([store.read('0'), calm.read('0')]);
  assert.equal(mine.status?.version, 2);
  assert.deepEqual(mine.status, calms.status);
  assert.deepEqual(byName(mine.parts), byName(calms.parts));
  assert.deepEqual((await store.load()).rows, (await calm.load()).rows);
});

test('of a larger block whose name is that of another now nothing is left', async () => {
  const store = await storeOf((parts) => parts.filter(({ name }) => name.endsWith('/2')));
  await run(store, BEFORE);
  const names = (await store.read('0')).parts.map(({ name }) => name);
  assert.deepEqual(names.sort(), ['block/4', 'products/4']);
});
