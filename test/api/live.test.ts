/** What comes with a result under /v1: status, freshness, change, open windows, watermarks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createServer } from '../../src/api/server.ts';
import { LIMITS } from '../../src/config.ts';
import { ClickrateError } from '../../src/errors.ts';
import type { OpenCounts, Status, TaskHealth } from '../../src/status.ts';
import {
  counts,
  FakeReader,
  healthOf,
  keptEvent,
  ledgerOf,
  partsWith,
  row,
  START,
  statusOf,
} from './fake-reader.ts';

type Hooks = { after(fn: () => unknown): void };
type Overrides = Parameters<typeof partsWith>[1];

async function served(t: Hooks, reader: FakeReader, overrides: Overrides = {}) {
  const limits = { ...LIMITS, statusMs: 10 };
  const { parts, pushed } = partsWith(reader, { limits, ...overrides });
  const app = await createServer(parts);
  t.after(() => app.close());
  const json = async (url: string) => (await app.inject(url)).json();
  return { app, json, pushed };
}

const status = (overrides: Partial<Status>): Status => ({
  ...statusOf(ledgerOf({ counted: 5 }, 5)),
  ...overrides,
});

test('a window is final once it is before the final time of every task that has one', async (t) => {
  const reader = new FakeReader();
  reader.statusMap.set('0', status({ finalBefore: START }));
  reader.statusMap.set('1', status({ finalBefore: START + 10_000 }));
  reader.statusMap.set('2', status({ finalBefore: null, watermark: null }));
  reader.publish([row('a', counts(START, 200, 20), counts(START - 10_000, 99, 20))]);
  const { json } = await served(t, reader);
  const { latest, previous, freshness } = await json('/v1/products/a');
  assert.equal(latest.status, 'provisional');
  assert.equal(previous.status, 'final');
  assert.deepEqual([latest.few, previous.few], [false, true]);
  assert.equal(freshness.final_before, START);
  assert.equal(freshness.watermark, START - 3_000);
  assert.equal(freshness.window_start, START);
  assert.equal(freshness.window_end, START + 10_000);
});

test('the minimum sample is an option', async (t) => {
  const reader = new FakeReader();
  reader.publish([row('a', counts(START, 10, 2))]);
  const { json } = await served(t, reader, { minSample: 10 });
  assert.equal((await json('/v1/products/a')).latest.few, false);
});

test('changes are significant over the rows that are shown', async (t) => {
  const reader = new FakeReader();
  reader.publish([
    row('a', counts(START, 1_000, 300), counts(START - 10_000, 1_000, 200)),
    row('b', counts(START, 1_000, 235), counts(START - 10_000, 1_000, 200)),
    row('c', counts(START, 1_000, 201), counts(START - 10_000, 1_000, 200)),
    row('d', counts(START, 1_000, 201)),
    row('e', counts(START, 10, 11), counts(START - 10_000, 1_000, 200)),
  ]);
  const { json } = await served(t, reader);
  const { products } = await json('/v1/products');
  const changes = products.map(({ change }: { change: unknown }) => change);
  assert.deepEqual(changes[0].significant, true);
  assert.equal(changes[0].difference, 0.1);
  // p = 0.058 is not enough among three, nor alone.
  assert.equal(changes[1].significant, false);
  assert.ok(Math.abs(changes[1].p_value - 0.0583) < 0.001, changes[1].p_value);
  assert.equal(changes[2].significant, false);
  assert.deepEqual(changes.slice(3), [null, null]);
  assert.equal(products[0].p_value, products[0].change.p_value);
});

test('ranked by the lower bound, a lucky few do not come first', async (t) => {
  const reader = new FakeReader();
  reader.publish([
    row('lucky', counts(START, 2, 2)),
    row('steady', counts(START, 1_000, 600)),
    row('none', counts(START, 0, 1)),
  ]);
  const { json } = await served(t, reader);
  const ids = async (sort: string) =>
    (await json(`/v1/products?sort=${sort}`)).products.map(
      (p: { product_id: string }) => p.product_id,
    );
  assert.deepEqual(await ids('-ctr'), ['lucky', 'steady', 'none']);
  assert.deepEqual(await ids('-ctr_low'), ['steady', 'lucky', 'none']);
});

test('freshness tells the age of the last change, and why it is not ready', async (t) => {
  const reader = new FakeReader();
  let health = healthOf();
  const { json } = await served(t, reader, { health: () => [health] });
  const before = (await json('/v1/products')).freshness;
  assert.deepEqual(
    [before.window_start, before.window_end, before.published_at, before.age_ms],
    [null, null, null, null],
  );
  reader.publish([row('a', counts(START, 1, 1))]);
  health = healthOf({ ready: false, state: 'retrying', reasons: ['the disk is full'] });
  await new Promise((resolve) => setTimeout(resolve, 120));
  const { freshness } = await json('/v1/products');
  assert.ok(freshness.age_ms >= 100 && freshness.age_ms < 5_000, freshness.age_ms);
  assert.equal(freshness.ready, false);
  assert.equal(freshness.why, 'the disk is full; nothing closes until that is over');
});

test('the watermark answer has every task, here and elsewhere', async (t) => {
  const reader = new FakeReader();
  const held = status({
    partitions: [
      {
        name: 'impressions-0',
        topicId: 'a',
        position: 90,
        maxTs: START,
        watermark: START - 3_000,
        idle: false,
      },
      {
        name: 'clicks-0',
        topicId: 'a',
        position: 7,
        maxTs: START - 60_000,
        watermark: START - 63_000,
        idle: false,
      },
    ],
    watermark: START - 63_000,
  });
  reader.statusMap.set('0', status({}));
  reader.statusMap.set('10', status({ watermark: START - 9_000 }));
  reader.statusMap.set('2', status({ watermark: START - 8_000 }));
  const health: TaskHealth[] = [
    healthOf({
      live: held,
      sights: [
        { end: 95, quietMs: 10 },
        { end: null, quietMs: 20 },
      ],
    }),
  ];
  const { app, json } = await served(t, reader, { health: () => health, owner: 'me' });
  const body = await json('/v1/watermark');
  assert.deepEqual(
    body.tasks.map(({ task, owner }: { task: string; owner: string }) => [task, owner]),
    [
      ['0', 'me'],
      ['2', null],
      ['10', null],
    ],
  );
  const [here, elsewhere] = body.tasks;
  assert.equal(here.watermark, START - 63_000);
  assert.equal(here.lag_ms, body.now - (START - 63_000));
  assert.equal(here.commit_age_ms, 250);
  assert.equal(elsewhere.commit_age_ms, null);
  assert.deepEqual(
    here.partitions.map(({ name, end, lag, holds }: Record<string, unknown>) => [
      name,
      end,
      lag,
      holds,
    ]),
    [
      ['impressions-0', 95, 5, false],
      ['clicks-0', null, null, true],
    ],
  );
  assert.match(here.why, /^clicks-0 is 60\.0 s of event time behind/);
  assert.equal(body.why, `task 0: ${here.why}`);
  const ready = (await app.inject('/readyz?verbose')).json();
  assert.equal(ready.tasks[0].why, here.why);
});

test('idle since is told in wall clock time', async (t) => {
  const live = status({});
  live.partitions[0].idle = true;
  const health = [healthOf({ live, sights: [{ end: 6, quietMs: 4_000 }] })];
  const { json } = await served(t, new FakeReader(), { health: () => health });
  const { now, tasks } = await json('/v1/watermark');
  const since = tasks[0].partitions[0].idle_since;
  assert.ok(Math.abs(now - 4_000 - since) <= 2, `${now} ${since}`);
});

test('open windows of several tasks are one answer, the most active first', async (t) => {
  const open: OpenCounts[] = [
    {
      windows: [counts(START, 3, 1), counts(START + 10_000, 1, 0)],
      products: [{ product: 'a', ...counts(START, 3, 1) }],
    },
    {
      windows: [counts(START, 7, 7)],
      products: [{ product: 'b', ...counts(START, 7, 7) }],
    },
  ];
  const limits = { ...LIMITS, statusMs: 10, openProducts: 1 };
  const asked: number[] = [];
  const reader = new FakeReader();
  reader.publish([row('b', counts(START - 10_000, 1, 1)), row('a', counts(START, 1, 1))]);
  const { json } = await served(t, reader, {
    limits,
    open: (limit) => {
      asked.push(limit);
      return open;
    },
  });
  const body = await json('/v1/open');
  assert.equal(body.available, true);
  assert.equal(body.status, 'provisional');
  assert.deepEqual(body.windows, [
    { window_start: START, window_end: START + 10_000, impressions: 10, clicks: 8 },
    { window_start: START + 10_000, window_end: START + 20_000, impressions: 1, clicks: 0 },
  ]);
  assert.deepEqual(body.products, [
    { product_id: 'b', window_start: START, impressions: 7, clicks: 7 },
  ]);
  assert.ok(asked.every((limit) => limit === 1));
  const { open: ofB } = await json('/v1/products/b');
  assert.equal(ofB.windows[0].impressions, 7);
  assert.equal((await json('/v1/products/a')).open, null);
  // Never part of the latest window.
  assert.equal((await json('/ctr/b')).latest.impressions, 1);
});

test('where nobody counts, open windows are said to be unavailable', async (t) => {
  const { json } = await served(t, new FakeReader());
  const body = await json('/v1/open');
  assert.equal(body.available, false);
  assert.match(body.why, /not on Flink/);
  assert.deepEqual([body.windows, body.products], [[], []]);
});

test('events a second are counted over the last looks', async (t) => {
  const reader = new FakeReader();
  const began = performance.now();
  const received = () => Math.floor((performance.now() - began) * 2);
  const health = () => [healthOf({ live: status({ ledger: ledgerOf({}, received()) }) })];
  const { json } = await served(t, reader, { health });
  assert.equal((await json('/v1/ledger')).events_per_second, 0);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { events_per_second: rate } = await json('/v1/ledger');
  assert.ok(rate > 1_000 && rate < 4_000, `${rate}`);
});

const CLICK = '{"product_id":"a","timestamp":1760000000000,"event_type":"click"}';

test('one rejected event can be looked at, and sent again after a fix', async (t) => {
  const reader = new FakeReader();
  reader.kept.push(keptEvent(1, CLICK), keptEvent(2, 'not JSON'), keptEvent(4, CLICK));
  const { app, json, pushed } = await served(t, reader);
  assert.equal((await json('/v1/rejected/2')).text, 'not JSON');
  assert.equal((await json('/v1/rejected/3')).code, 'not_found');
  for (const id of ['x', 'Infinity', '1e300'])
    assert.equal((await json(`/v1/rejected/${id}`)).code, 'bad_request', id);
  const replay = (id: number) => app.inject({ url: `/v1/rejected/${id}/replay`, method: 'POST' });
  const answer = await replay(1);
  assert.equal(answer.statusCode, 202);
  assert.deepEqual(answer.json(), { accepted: 1, unusable: [], unusable_total: 0 });
  assert.deepEqual(pushed, [[CLICK]]);
  const still = await replay(2);
  assert.equal(still.statusCode, 400);
  assert.equal(still.json().code, 'nothing_usable');
  assert.equal((await replay(3)).statusCode, 404);
  assert.equal(pushed.length, 1);
});

test('an event is sent again only when it is durable', async (t) => {
  const reader = new FakeReader();
  reader.kept.push(keptEvent(1, CLICK));
  const push = async () => {
    await new Promise(setImmediate);
    throw new ClickrateError('journal_full', 'too much waits');
  };
  const app = await createServer(partsWith(reader, { push }).parts);
  t.after(() => app.close());
  const answer = await app.inject({ url: '/v1/rejected/1/replay', method: 'POST' });
  assert.deepEqual([answer.statusCode, answer.json().code], [429, 'journal_full']);
});

test('sending an event again takes no body but a small one', async (t) => {
  const reader = new FakeReader();
  reader.kept.push(keptEvent(1, CLICK));
  const { app, pushed } = await served(t, reader);
  const json = { 'content-type': 'application/json' };
  const replay = (payload: string, headers: Record<string, string> = json) =>
    app.inject({ url: '/v1/rejected/1/replay', method: 'POST', headers, payload });
  assert.equal((await replay('', {})).statusCode, 202);
  assert.equal((await replay('')).statusCode, 202);
  assert.equal((await replay('{}')).statusCode, 202);
  const answer = await replay(`{}${' '.repeat(100_000)}`);
  assert.equal(answer.statusCode, 413);
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  assert.equal(answer.json().code, 'body_too_large');
  assert.match(answer.json().detail, /larger than the 1024 bytes/);
  assert.equal(pushed.length, 3);
});

test('without a way in there is no replay', async (t) => {
  const reader = new FakeReader();
  reader.kept.push(keptEvent(1, CLICK));
  const { parts } = partsWith(reader);
  const { push: _, ...others } = parts;
  const app = await createServer(others);
  t.after(() => app.close());
  const answer = await app.inject({ url: '/v1/rejected/1/replay', method: 'POST' });
  assert.equal(answer.statusCode, 404);
});

test('rejected events are found by the time they arrived', async (t) => {
  const reader = new FakeReader();
  for (let id = 1; id <= 4; id++)
    reader.kept.push({ ...keptEvent(id, CLICK), arrivalMs: START + id * 1_000 });
  const { json } = await served(t, reader);
  const ids = async (query: string) =>
    (await json(`/v1/rejected?${query}`)).rejected.map(({ id }: { id: number }) => id);
  assert.deepEqual(await ids(`from=${START + 2_000}&to=${START + 4_000}`), [3, 2]);
  const iso = new Date(START + 3_000).toISOString();
  assert.deepEqual(await ids(`from=${iso}`), [4, 3]);
  assert.deepEqual(await ids(`to=${iso}&limit=1`), [2]);
  assert.equal((await json('/v1/rejected?from=yesterday')).code, 'bad_request');
  assert.match((await json('/v1/rejected?from=2&to=1')).detail, /from must not be after to/);
});
