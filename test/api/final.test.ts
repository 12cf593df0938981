/** Which windows are called final where some tasks have nothing to count. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { finalBeforeOf } from '../../src/api/finality.ts';
import { createServer } from '../../src/api/server.ts';
import { LIMITS } from '../../src/config.ts';
import type { Status } from '../../src/status.ts';
import { eventually } from '../support/processes.ts';
import { counts, FakeReader, ledgerOf, partsWith, row, START, statusOf } from './fake-reader.ts';

type Hooks = { after(fn: () => unknown): void };
type Window = { window_start: number; status: string };

const HOUR_MS = 3_600_000;
const OLD = START - HOUR_MS;

/** A task whose newest event was at `maxTs`; closed: it is idle and all its windows are final. */
function task(maxTs: number, isClosed: boolean): Status {
  const status = statusOf(ledgerOf({ counted: 5 }, 5));
  const end = Math.floor(maxTs / 10_000) * 10_000 + 10_000;
  const watermark = isClosed ? end + 4_999 : maxTs - 3_000;
  const partitions = [{ ...status.partitions[0], maxTs, watermark, idle: isClosed }];
  return { ...status, partitions, watermark, finalBefore: isClosed ? end : end - 20_000 };
}

/** Task 0 has been quiet for an hour, task 1 counts. */
async function served(t: Hooks, statusMs = LIMITS.statusMs) {
  const reader = new FakeReader();
  reader.statusMap.set('0', task(OLD, true)).set('1', task(START + 20_000, false));
  reader.publish([row('old', counts(OLD, 9, 1), counts(OLD - 10_000, 9, 1))]);
  const [before, latest] = [counts(START, 9, 1), counts(START + 10_000, 9, 1)];
  reader.publish([row('new', latest, before)]);
  reader.histories.set('old', [counts(OLD, 9, 1)]).set('new', [before, latest]);
  const health = () => [];
  const limits = { ...LIMITS, statusMs };
  const app = await createServer(partsWith(reader, { limits, health }).parts);
  t.after(() => app.close());
  const json = async (url: string) => (await app.inject(url)).json();
  const statusesOf = async (product: string) => {
    const { latest, previous } = await json(`/v1/products/${product}`);
    return [latest?.status, previous?.status];
  };
  const historyOf = async (path: string) => {
    const { windows } = await json(`${path}?from=${OLD - 60_000}&to=${START + 60_000}&step=1m`);
    return windows.map(({ status }: Window) => status);
  };
  return { reader, json, statusesOf, historyOf };
}

test('a task without events or open windows holds no other task’s back', async (t) => {
  const { json, statusesOf, historyOf } = await served(t);
  assert.deepEqual(await statusesOf('new'), ['provisional', 'final']);
  assert.deepEqual(await statusesOf('old'), ['final', 'final']);
  const { freshness } = await json('/v1/products/new');
  assert.equal(freshness.final_before, START + 10_000);
  assert.equal(freshness.watermark, START + 17_000);
  // A backlog may still come to task 0: to its own product's minute, and to the total.
  assert.deepEqual(await historyOf('/v1/products/old/history'), ['provisional']);
  assert.deepEqual(await historyOf('/v1/history'), ['provisional', 'provisional']);
});

test('a product that a quiet task cannot own is judged without it in history too', async (t) => {
  const { reader, historyOf } = await served(t, 10);
  reader.statusMap.set('1', task(START + 120_000, false));
  await eventually(async () => {
    const [first] = await historyOf('/v1/products/new/history');
    return first === 'final';
  });
});

test('a backlog for a quiet task is not final before the task is known to be quiet', async (t) => {
  const { reader, json, statusesOf } = await served(t, 10);
  const { promise: gate, resolve: letLook } = Promise.withResolvers<void>();
  const statuses = reader.statuses.bind(reader);
  reader.statuses = () => gate.then(statuses);
  const backlog = OLD + 60_000;
  reader.statusMap.set('0', task(backlog + 10_000, false));
  reader.publish([row('old', counts(backlog, 3, 1), counts(OLD, 9, 1))]);
  assert.deepEqual(await statusesOf('old'), ['provisional', 'final']);
  assert.equal((await json('/v1/products/old')).freshness.final_before, OLD + 10_000);
  letLook();
  await eventually(async () => {
    const { freshness } = await json('/v1/products/old');
    return freshness.final_before === backlog;
  });
  assert.deepEqual(await statusesOf('old'), ['provisional', 'final']);
  reader.statusMap.set('0', task(backlog + 10_000, true));
  await eventually(async () => (await statusesOf('new'))[1] === 'final');
  assert.deepEqual(await statusesOf('old'), ['final', 'final']);
});

test('a look that began before a backlog came does not say that its task is quiet', async (t) => {
  const { reader, json } = await served(t, 60);
  const { promise: gate, resolve: letGo } = Promise.withResolvers<void>();
  const statuses = reader.statuses.bind(reader);
  let isLooking = false;
  reader.statuses = async () => {
    const found = await statuses();
    isLooking = true;
    await gate;
    return found;
  };
  await eventually(async () => isLooking, 30_000, 5);
  reader.publish([row('old', counts(OLD + 60_000, 3, 1), counts(OLD, 9, 1))]);
  let next = 0;
  reader.statuses = () => {
    next++;
    return new Promise(() => {});
  };
  letGo();
  await eventually(async () => next > 0, 30_000, 5);
  assert.equal((await json('/v1/products/old')).freshness.final_before, OLD + 10_000);
});

test('what becomes final while counts are read is not called final with them', async (t) => {
  const { reader, historyOf } = await served(t, 10);
  const history = reader.history.bind(reader);
  reader.history = async (query) => {
    const found = await history(query);
    reader.statusMap.set('1', task(START + 120_000, false));
    const before = reader.looks;
    await eventually(async () => reader.looks > before + 1, 30_000, 5);
    return found;
  };
  assert.deepEqual(await historyOf('/v1/products/new/history'), ['provisional']);
});

test('which task may own a product is told by its newest window', () => {
  const statuses = [task(OLD, true), task(START + 20_000, false)];
  const of = (newestStart: number) => finalBeforeOf(statuses, newestStart);
  assert.deepEqual([of(OLD + 9_999), of(OLD + 10_000)], [OLD + 10_000, START + 10_000]);
});

test('when all tasks are quiet everything is final', async (t) => {
  const { reader, json, statusesOf } = await served(t, 10);
  reader.statusMap.set('1', task(START + 20_000, true));
  await eventually(async () => (await statusesOf('new'))[0] === 'final');
  const { freshness } = await json('/v1/products/new');
  assert.equal(freshness.final_before, START + 30_000);
  assert.equal(freshness.watermark, START + 34_999);
});
