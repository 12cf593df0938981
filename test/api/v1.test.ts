import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareIds } from '../../src/api/order.ts';
import { createServer } from '../../src/api/server.ts';
import { LIMITS } from '../../src/config.ts';
import { ClickrateError } from '../../src/errors.ts';
import type { StoredEvent } from '../../src/stores/store.ts';
import { anyText } from '../support/any-text.ts';
import { fc } from '../support/fast-check.ts';
import { eventually } from '../support/processes.ts';
import { shareOf } from '../support/random.ts';
import {
  counts,
  FakeReader,
  keptEvent,
  ledgerOf,
  partsWith,
  row,
  START,
  statusOf,
} from './fake-reader.ts';

type Hooks = { after(fn: () => unknown): void };

async function served(t: Hooks, reader = new FakeReader(), limits = LIMITS) {
  const app = await createServer(partsWith(reader, { limits }).parts);
  t.after(() => app.close());
  const json = async (url: string) => (await app.inject(url)).json();
  /** Ids of every page, following the cursors. */
  const pages = async (query: string) => {
    const ids: string[] = [];
    let cursor = '';
    for (;;) {
      const page = await json(`/v1/products?${query}${cursor}`);
      ids.push(...page.products.map(({ product_id }: { product_id: string }) => product_id));
      if (page.next === null) return ids;
      cursor = `&cursor=${page.next}`;
    }
  };
  return { app, reader, json, pages };
}

async function assertRefused(
  app: Awaited<ReturnType<typeof served>>['app'],
  url: string,
  detail: RegExp,
) {
  const answer = await app.inject(url);
  assert.equal(answer.statusCode, 400, url);
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  assert.equal(answer.json().code, 'bad_request');
  assert.match(answer.json().detail, detail);
}

test('a product that left is in no list, also where nothing else has changed', async (t) => {
  const { reader, pages } = await served(t);
  reader.publish(['a', 'b', 'c'].map((product, n) => row(product, counts(START, 10, n))));
  assert.deepEqual(await pages('sort=-ctr'), ['c', 'b', 'a']);
  reader.publish([], ['b']);
  assert.deepEqual(await pages('sort=-ctr'), ['c', 'a']);
});

test('a rate without impressions is null, more clicks than impressions are flagged', async (t) => {
  const { app, reader } = await served(t);
  reader.publish([row('a', counts(START, 0, 2), counts(START - 10_000, 4, 1))]);
  const { latest, previous } = (await app.inject('/v1/products/a')).json();
  assert.deepEqual(latest, {
    product_id: 'a',
    ctr: null,
    impressions: 0,
    clicks: 2,
    window_start: START,
    window_end: START + 10_000,
    clicks_exceed_impressions: true,
    ctr_low: null,
    ctr_high: null,
    few: true,
    status: 'provisional',
  });
  assert.deepEqual(previous, {
    product_id: 'a',
    ctr: 0.25,
    impressions: 4,
    clicks: 1,
    window_start: START - 10_000,
    window_end: START,
    clicks_exceed_impressions: false,
    ctr_low: 0.045587,
    ctr_high: 0.699359,
    few: true,
    status: 'provisional',
  });
  assert.equal((await app.inject('/v1/products/b')).statusCode, 404);
});

test('pages follow any order from end to end', async (t) => {
  const { reader, pages, json } = await served(t);
  reader.publish([
    row('b', counts(START, 10, 5)),
    row('a', counts(START, 10, 1)),
    row('c', counts(START, 0, 7)),
    row('d', counts(START, 4, 2)),
    row('e', null, counts(START, 1, 1)),
  ]);
  assert.deepEqual(await pages('limit=2'), ['a', 'b', 'c', 'd', 'e']);
  assert.deepEqual(await pages('sort=-product_id&limit=2'), ['e', 'd', 'c', 'b', 'a']);
  assert.deepEqual(await pages('sort=impressions&limit=1'), ['e', 'c', 'd', 'a', 'b']);
  assert.deepEqual(await pages('sort=-clicks&limit=3'), ['c', 'b', 'd', 'a', 'e']);
  assert.deepEqual(await pages('sort=-ctr&limit=2'), ['d', 'b', 'a', 'e', 'c']);
  assert.deepEqual(await pages('sort=ctr'), ['c', 'e', 'a', 'b', 'd']);
  assert.equal((await json('/v1/products?limit=1')).total, 5);
});

test('rows that come or leave between pages neither repeat nor hide those that stay', async (t) => {
  const { reader, json } = await served(t);
  const names = Array.from({ length: 30 }, (_, i) => `p${String(i).padStart(2, '0')}`);
  reader.publish(names.map((name, i) => row(name, counts(START, 100 + i, 1))));
  const first = await json('/v1/products?sort=impressions&limit=10');
  // The row the cursor stands on leaves, as do others; new ones come before and after it.
  reader.publish([row('x', counts(START, 50, 0)), row('y', counts(START, 125, 0))], ['p09', 'p15']);
  const second = await json(`/v1/products?sort=impressions&limit=100&cursor=${first.next}`);
  const ids = second.products.map(({ product_id }: { product_id: string }) => product_id);
  const rest = names.slice(10).filter((name) => name !== 'p15');
  assert.deepEqual(
    ids.filter((id: string) => id !== 'y'),
    rest,
  );
  assert.ok(ids.includes('y') && !ids.includes('x'));
});

test('pages are those of the results that are there, also where as many were loaded anew', async (t) => {
  const { reader, pages } = await served(t);
  reader.publish([row('a', counts(START, 1, 0)), row('b', counts(START, 2, 0))]);
  reader.publish([row('a', counts(START, 3, 0))]);
  assert.deepEqual(await pages('sort=-impressions'), ['a', 'b']);
  reader.incarnation = 'two';
  reader.rows.clear();
  reader.publishUnheard([row('a', counts(START, 1, 0)), row('c', counts(START, 2, 0))]);
  reader.publish([row('d', counts(START, 5, 0))]);
  await eventually(async () => (await pages('sort=clicks')).length === 3);
  assert.deepEqual(await pages('sort=-impressions'), ['d', 'c', 'a']);
});

test('pages hold every product once, sorted by bytes, for any ids', async (t) => {
  const { reader, pages } = await served(t);
  const property = fc.asyncProperty(
    fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 5 }), { maxLength: 40 }),
    fc.integer({ min: 1, max: 7 }),
    fc.constantFrom(
      'product_id',
      '-product_id',
      'ctr',
      '-ctr',
      '-ctr_low',
      'impressions',
      '-clicks',
    ),
    async (ids, limit, sort) => {
      const left = [...reader.rows.keys()].filter((id) => !ids.includes(id));
      reader.publish(
        ids.map((id, i) => row(id, counts(START, i % 3, i % 5))),
        left,
      );
      const found = await pages(`sort=${sort}&limit=${limit}`);
      assert.deepEqual([...found].sort(), [...ids].sort());
      const byBytes = [...ids].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      if (sort === 'product_id') assert.deepEqual(found, byBytes);
      if (sort === '-product_id') assert.deepEqual(found, byBytes.reverse());
    },
  );
  await fc.assert(property, { numRuns: shareOf(60) });
});

test('ids are compared as their bytes are', () => {
  const sign = (value: number) => Math.sign(value);
  fc.assert(
    fc.property(anyText(), anyText(), (a, b) => {
      assert.equal(sign(compareIds(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
    { numRuns: shareOf(2_000) },
  );
  // Where the units of UTF-16 and code points are in another order.
  const codes = [0, 0xd7ff, 0xe000, 0xffff, 0x1_0000, 0x1_03ff, 0x1_0400, 0x10_ffff];
  const ids = codes.map((code) => String.fromCodePoint(code));
  for (const a of ids)
    for (const b of ids)
      assert.equal(sign(compareIds(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
});

test('a query that cannot be is refused by the name of its parameter', async (t) => {
  const { app, reader, json } = await served(t);
  reader.publish([row('a', counts(START, 1, 1)), row('b', counts(START, 1, 1))]);
  await assertRefused(app, '/v1/products?limit=0', /limit/);
  await assertRefused(app, '/v1/products?limit=1001', /limit/);
  await assertRefused(app, '/v1/products?limit=x', /limit/);
  // What becomes an infinity is a number, and over every bound.
  for (const number of ['Infinity', '1e400', '-1e400', '9007199254740992'])
    for (const path of ['products?limit', 'rejected?limit', 'rejected?before'])
      await assertRefused(app, `/v1/${path}=${number}`, /limit|before/);
  await assertRefused(app, '/v1/products?sort=price', /sort .*-impressions/);
  await assertRefused(app, '/v1/products?limt=5', /limt is not known/);
  // Where there is no parameter, too; the original's clients may add what they like.
  for (const path of ['products/a', 'ledger', 'watermark', 'open', 'history/kept', 'rejected/1'])
    await assertRefused(app, `/v1/${path}?from=5`, /query parameter from is not known here/);
  const posted = await app.inject({ method: 'POST', url: '/v1/events?key=x', payload: '{}' });
  assert.equal(posted.statusCode, 400);
  for (const path of ['/v1/ledger?', '/ctr/latest?_=1', '/ctr/a?_=1', '/livez?_=1'])
    assert.equal((await app.inject(path)).statusCode, 200, path);
  for (const cursor of ['x', 'bm9uZQ', 'W10', 'WzEsMiwzXQ', '%00'])
    await assertRefused(app, `/v1/products?cursor=${cursor}`, /cursor/);
  const { next } = await json('/v1/products?limit=1');
  await assertRefused(
    app,
    `/v1/products?sort=ctr&cursor=${next}`,
    /cursor belongs to sort=product_id/,
  );
  const many = Array.from({ length: 101 }, (_, i) => `product=${i}`).join('&');
  await assertRefused(app, `/v1/history?${many}`, /product must NOT have more than 100 items/);
  await assertRefused(app, '/v1/products/a/history?from=yesterday', /from/);
  await assertRefused(app, '/v1/products/a/history?from=2&to=1', /from must not be after to/);
  await assertRefused(app, '/v1/products/a/history?to=2026-13-01', /to must be/);
  await assertRefused(app, '/v1/products/a/history?to=2026-02-30T12:00:00Z', /to must be/);
  await assertRefused(app, '/v1/rejected?reason=counted', /reason/);
  await assertRefused(app, '/v1/rejected?before=-1', /before/);
});

test('history is the last hour up to the latest window, or the span asked for', async (t) => {
  const { json, reader } = await served(t);
  const starts = [START - 3_600_000, START - 3_590_000, START - 10_000, START];
  reader.histories.set(
    'a',
    starts.map((start, i) => counts(start, 4, i)),
  );
  reader.publish([row('a', counts(START, 4, 3)), row('quiet', counts(START, 1, 0))]);
  const spanOf = async (query: string) => {
    const body = await json(`/v1/products/a/history${query}`);
    const windows = body.windows.map(({ window_start }: { window_start: number }) => window_start);
    return { from: body.from, to: body.to, windows };
  };
  const to = START + 10_000;
  assert.deepEqual(await spanOf(''), { from: to - 3_600_000, to, windows: starts.slice(1) });
  const from = START - 10_000;
  assert.deepEqual(await spanOf(`?from=${from}&to=${START}`), { from, to: START, windows: [from] });
  const iso = new Date(from).toISOString();
  assert.deepEqual(await spanOf(`?from=${iso}`), { from, to, windows: [from, START] });
  const zoned = encodeURIComponent(iso.replace('Z', '+00:00'));
  assert.deepEqual(await spanOf(`?from=${zoned}`), { from, to, windows: [from, START] });
  const first = (await json(`/v1/products/a/history?from=${START}`)).windows[0];
  assert.deepEqual(first, {
    product_id: 'a',
    ctr: 0.75,
    impressions: 4,
    clicks: 3,
    window_start: START,
    window_end: START + 10_000,
    clicks_exceed_impressions: false,
    ctr_low: 0.300641,
    ctr_high: 0.954413,
    few: true,
    status: 'provisional',
    complete: false,
  });
  assert.deepEqual((await json('/v1/products/quiet/history')).windows, []);
  assert.equal((await json('/v1/products/nobody/history')).code, 'not_found');
});

test('a product that has left latest still has its history', async (t) => {
  const { json, reader } = await served(t);
  reader.histories.set('gone', [counts(START, 1, 1)]);
  const body = await json(`/v1/products/gone/history?from=${START}&to=${START + 1}`);
  assert.equal(body.windows.length, 1);
});

test('the ledger adds up, and says when it does not', async (t) => {
  const { json, reader } = await served(t);
  assert.equal((await json('/v1/ledger')).total.balanced, true);
  reader.statusMap.set('0', statusOf(ledgerOf({ counted: 5, too_late: 2, not_json: 1 }, 8)));
  reader.statusMap.set('1', statusOf({ ...ledgerOf({ counted: 3 }, 3), missed: 4 }));
  const good = await json('/v1/ledger');
  assert.equal(good.total.received, 11);
  assert.equal(good.total.verdicts.counted, 8);
  assert.equal(good.total.verdicts.too_late, 2);
  assert.equal(good.total.missed, 4);
  assert.equal(good.total.balanced, true);
  assert.deepEqual(
    good.tasks.map(({ task, balanced }: { task: string; balanced: boolean }) => [task, balanced]),
    [
      ['0', true],
      ['1', true],
    ],
  );
  assert.deepEqual(good.tasks[0].since, { 'events-0': 0 });
  reader.statusMap.set('1', statusOf(ledgerOf({ counted: 3 }, 4)));
  const bad = await json('/v1/ledger');
  assert.equal(bad.total.balanced, false);
  assert.equal(bad.tasks[1].balanced, false);
});

function kept(id: number, overrides: Partial<StoredEvent> = {}): StoredEvent {
  return { ...keptEvent(id, `{${id}`), ...overrides };
}

test('rejected events come newest first, with bytes, reason and origin', async (t) => {
  const { json, reader } = await served(t);
  reader.pruned = 9;
  for (let id = 1; id <= 5; id++) reader.kept.push(kept(id));
  reader.kept.push(kept(6, { reason: 'too_late', bytes: Uint8Array.of(0xff, 0xfe) }));
  const first = await json('/v1/rejected?limit=2');
  assert.deepEqual(first.rejected, [
    {
      id: 6,
      task: '0',
      partition: 'events-0',
      offset: 60,
      reason: 'too_late',
      message: 'not JSON',
      arrival: START,
      bytes: '//4=',
    },
    {
      id: 5,
      task: '0',
      partition: 'events-0',
      offset: 50,
      reason: 'not_json',
      message: 'not JSON',
      arrival: START,
      bytes: 'ezU=',
      text: '{5',
    },
  ]);
  assert.equal(first.totals.events, 6);
  assert.equal(first.totals.pruned, 9);
  const second = await json(`/v1/rejected?limit=4&before=${first.next}`);
  assert.deepEqual(
    second.rejected.map(({ id }: { id: number }) => id),
    [4, 3, 2, 1],
  );
  assert.equal(second.next, null);
  const late = await json('/v1/rejected?reason=too_late');
  assert.equal(late.rejected.length, 1);
});

test('a page of rejected events ends before it becomes too large', async (t) => {
  const { json, reader } = await served(t, new FakeReader(), { ...LIMITS, bodyBytes: 250 });
  for (let id = 1; id <= 4; id++) reader.kept.push(kept(id, { bytes: Buffer.alloc(100, 'x') }));
  reader.kept.push(kept(5, { bytes: Buffer.alloc(1_000, 'x') }));
  const sizes: number[] = [];
  for (let before: number | null = 99; before !== null; ) {
    const page: { rejected: unknown[]; next: number | null } = await json(
      `/v1/rejected?before=${before}`,
    );
    sizes.push(page.rejected.length);
    before = page.next;
  }
  // The one with which the limit is reached ends a page, and only the next is empty.
  assert.deepEqual(sizes, [1, 3, 1]);
});

test('without the store, what needs it is 503 and what does not goes on', async (t) => {
  const { app, reader } = await served(t);
  reader.publish([row('a', counts(START, 1, 1))]);
  reader.failure = new ClickrateError('store_unavailable', 'no answer');
  for (const url of ['/v1/ledger', '/v1/rejected', '/v1/products/a/history']) {
    const answer = await app.inject(url);
    assert.equal(answer.statusCode, 503, url);
    assert.equal(answer.headers['retry-after'], '1');
  }
  for (const url of ['/ctr/latest', '/v1/products', '/metrics'])
    assert.equal((await app.inject(url)).statusCode, 200, url);
});

test('a fault of ours tells nothing of itself', async (t) => {
  const { app, reader } = await served(t);
  reader.failure = new TypeError('secret is undefined');
  const answer = await app.inject('/v1/ledger');
  assert.equal(answer.statusCode, 500);
  assert.equal(answer.json().code, 'internal');
  assert.doesNotMatch(answer.payload, /secret|\.ts|at /);
});
