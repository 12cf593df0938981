/** History over HTTP: any grouping is the sum of the windows, whatever has been folded. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { csvText } from '../../src/api/export.ts';
import { addLive, textOf } from '../../src/api/live.ts';
import { createServer } from '../../src/api/server.ts';
import { STEPS, Step } from '../../src/api/steps.ts';
import { Calendar } from '../../src/calendar.ts';
import { LIMITS } from '../../src/config.ts';
import type { Counts } from '../../src/result.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { SqliteStore } from '../../src/stores/sqlite/store.ts';
import { commitOf, countsOf, resultIn, START, statusOf } from '../stores/commits.ts';
import { fc } from '../support/fast-check.ts';
import { shareOf } from '../support/random.ts';
import { counts, FakeReader, partsWith, row } from './fake-reader.ts';

const KEEP = { windowsMs: 30_000, minutesMs: 600_000, quartersMs: 7_200_000 };
const ZONES = ['UTC', 'Europe/Berlin', 'Asia/Kathmandu'];

async function served(t: { after(fn: () => unknown): void }) {
  const reader = new FakeReader();
  const app = await createServer(partsWith(reader, {}).parts);
  t.after(() => app.close());
  return { app, reader, json: async (url: string) => (await app.inject(url)).json() };
}

/** A store that has counted those windows of `x`, some of them twice, folding on the way. */
async function storeOf(windows: readonly Counts[], timeZone: string): Promise<MemoryStore> {
  const store = new MemoryStore({ limits: { ...LIMITS, historyKeep: KEEP }, timeZone });
  const fence = await store.claim('a', 'token');
  let number = 0;
  const send = async (content: object) =>
    void (await store.commit(commitOf('a', fence, ++number, content)));
  await send({ claims: ['x'] });
  for (const latest of windows) {
    const early = { ...latest, clicks: Math.floor(latest.clicks / 2) };
    for (const cell of [early, latest])
      await send({ results: [{ product: 'x', latest: cell, previous: null, cells: [cell] }] });
  }
  return store;
}

const windowsOf = fc
  .uniqueArray(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 40 })
  .chain((starts) => {
    const sorted = starts.sort((a, b) => a - b);
    const pair = fc.tuple(fc.nat(1_000), fc.nat(1_000));
    return fc
      .array(pair, { minLength: sorted.length, maxLength: sorted.length })
      .map((pairs) => sorted.map((n, i) => countsOf(n, pairs[i][0], pairs[i][1])));
  });

suite('steps of history', () => {
  test('are the sums of the windows in their periods, after revisions and foldings', async () => {
    const property = fc.asyncProperty(
      windowsOf,
      fc.constantFrom(...ZONES),
      fc.constantFrom(...STEPS.slice(1)),
      async (windows, zone, name) => {
        const store = await storeOf(windows, zone);
        const step = new Step(name, 10_000, zone);
        const span = { products: ['x'], fromMs: -Infinity, toMs: Infinity };
        const found = step.sums(await store.history({ levels: step.levels, ...span }));
        // A step finer than what is left of old windows cannot tell them; the others tell all.
        const held = (await store.historyHeld()).levels;
        const coarser = held.filter(({ level }) => !step.levels.includes(level));
        const told = step.sums([windows]);
        if (coarser.every(({ cells }) => cells === 0)) assert.deepEqual(found, told);
        // The oldest period may be in part in a coarser one already.
        else
          for (const period of found.filter(({ start }) => start > step.oldestOf(held)))
            assert.deepEqual(
              period,
              told.find(({ start }) => start === period.start),
            );
        const all = held.map(({ level }) => level);
        const levels = await store.history({ levels: all, ...span });
        const total = (key: 'impressions' | 'clicks') =>
          levels.flat().reduce((sum, one) => sum + one[key], 0);
        for (const key of ['impressions', 'clicks'] as const)
          assert.equal(
            total(key),
            windows.reduce((sum, one) => sum + one[key], 0),
          );
      },
    );
    await fc.assert(property, { numRuns: shareOf(60) });
  });

  test('hours are those of the zone, days have 23 hours when they do', () => {
    const hours = new Step('1h', 10_000, 'Asia/Kathmandu');
    assert.equal(
      hours.startOf(Date.parse('2026-01-01T10:30:00Z')),
      Date.parse('2026-01-01T10:15Z'),
    );
    const days = new Step('1d', 10_000, 'Europe/Berlin');
    const start = days.startOf(Date.parse('2026-03-29T12:00:00Z'));
    assert.equal(days.endOf(start) - start, 23 * 3_600_000);
    assert.equal(new Calendar('Europe/Berlin').dayStart(start), start);
  });

  test('windows that do not add up to a step are told', () => {
    assert.throws(() => new Step('1m', 7_000, 'UTC'), /do not add up to a step of 1m/);
    assert.throws(() => new Step('1d', 10_000, 'Nowhere'), { code: 'bad_request' });
  });
});

suite('history over HTTP', () => {
  const windows = [0, 1, 2, 90].map((n) => counts(START + n * 10_000, 10, n));

  test('by step, in whole periods, with the ratio of the sums', async (t) => {
    const { json, reader } = await served(t);
    reader.histories.set('a', windows);
    reader.publish([row('a', windows[3])]);
    const body = await json('/v1/products/a/history?step=1h&tz=UTC');
    assert.equal(body.step, '1h');
    assert.equal(body.from % 3_600_000, 0);
    assert.equal(body.to % 3_600_000, 0);
    const sum = body.windows.reduce((all: number, one: Counts) => all + one.clicks, 0);
    assert.equal(sum, 93);
    for (const one of body.windows) assert.equal(one.window_end - one.window_start, 3_600_000);
    assert.ok('freshness' in body);
  });

  test('windows are told from the one that holds from, whole like other periods', async (t) => {
    const { json, reader } = await served(t);
    reader.histories.set('a', windows.slice(0, 3));
    reader.publish([row('a', windows[2])]);
    for (const path of ['/v1/products/a/history', '/v1/history']) {
      const body = await json(`${path}?from=${START + 10_001}&to=${START + 20_001}`);
      assert.deepEqual([body.from, body.to], [START + 10_000, START + 30_000]);
      assert.deepEqual(
        body.windows.map((one: { clicks: number }) => one.clicks),
        [1, 2],
      );
      const most = Number.MAX_SAFE_INTEGER;
      const all = await json(`${path}?from=${-most}&to=${most}`);
      assert.deepEqual([all.from, all.to, all.windows.length], [-most, most, 3]);
    }
  });

  test('totals of some products, or of all', async (t) => {
    const { json, reader } = await served(t);
    reader.histories.set('a', windows.slice(0, 2));
    reader.histories.set('b', windows.slice(0, 1));
    reader.publish([row('a', windows[1]), row('b', windows[0])]);
    const of = async (query: string) => {
      const body = await json(`/v1/history?from=${START}&to=${START + 60_000}${query}`);
      return body.windows.map((one: Counts & { product_id?: string }) => {
        assert.equal(one.product_id, undefined);
        return one.impressions;
      });
    };
    assert.deepEqual(await of(''), [20, 10]);
    assert.deepEqual(await of('&product=b'), [10]);
    assert.deepEqual(await of('&product=a&product=b'), [20, 10]);
  });

  test('since a time after the newest window there is nothing, which is no error', async (t) => {
    const { app, reader } = await served(t);
    reader.publish([row('a', windows[0])]);
    reader.histories.set('a', windows.slice(0, 1));
    for (const path of ['/v1/history', '/v1/products/a/history'])
      for (const step of ['window', '1m']) {
        const answer = await app.inject(`${path}?from=${START + 3_600_000}&step=${step}`);
        assert.equal(answer.statusCode, 200, answer.body);
        assert.deepEqual(answer.json().windows, []);
        const wrong = await app.inject(`${path}?from=${START + 2}&to=${START + 1}&step=${step}`);
        assert.match(wrong.body, /from must not be after to/);
      }
  });

  test('as CSV and as lines, by header or parameter', async (t) => {
    const { app, reader } = await served(t);
    const name = '=1+"2"';
    reader.histories.set(name, windows.slice(0, 1));
    reader.publish([row(name, windows[0])]);
    const url = `/v1/products/${encodeURIComponent(name)}/history`;
    const csv = await app.inject({ url, headers: { accept: 'text/csv' } });
    assert.match(String(csv.headers['content-type']), /^text\/csv/);
    const [head, line, last] = csv.body.split('\r\n');
    assert.equal(head.split(',').length, 13);
    assert.ok(line.startsWith(`"'=1+""2""",2025-10-09T`), line);
    assert.equal(last, '');
    const lines = await app.inject(`${url}?format=ndjson`);
    assert.equal(JSON.parse(lines.body.trim()).product_id, name);
    assert.equal((await app.inject(`${url}?format=csv`)).body, csv.body);
    const accept = 'application/json, Text/CSV ; q=0.5, application/x-ndjson;q=0';
    const json = await app.inject({ url, headers: { accept } });
    assert.match(String(json.headers['content-type']), /^application\/json/);
    const rather = { accept: accept.replace('json,', 'json;q=0.4,') };
    assert.equal((await app.inject({ url, headers: rather })).body, csv.body);
  });

  test('a period is complete when it is final and nothing of it may be elsewhere', async (t) => {
    const names = Array.from({ length: 3_000 }, (_, i) => `p${i}`);
    const limits = { ...LIMITS, historyFolds: 1, historyKeep: KEEP };
    const db = openDatabase(':memory:');
    t.after(() => db.close());
    const store = new SqliteStore(db, { limits, resultsPerCommit: 3_000 });
    const fence = await store.claim('a', 'token');
    await store.commit(commitOf('a', fence, 1, { claims: names }));
    for (let n = 0; n < 6; n++) {
      const results = names.map((name) => resultIn(name, n, 1));
      const status = { ...statusOf(n), finalBefore: START + 50_000 };
      await store.commit(commitOf('a', fence, n + 2, { results, status }));
    }
    const app = await createServer(partsWith(new FakeReader(), { reader: store }).parts);
    t.after(() => app.close());
    const answer = await app.inject(`/v1/history?from=${START}&to=${START + 100_000}`);
    const told = answer.json().windows as (Counts & { complete: boolean })[];
    // The oldest is being folded: 953 of 3 000 are left in it.
    assert.ok(told[0].impressions > 0 && told[0].impressions < 3_000);
    assert.equal(told[0].complete, false);
    for (const one of told.slice(1)) assert.equal(one.impressions, 3_000);
    assert.deepEqual(
      told.map(({ complete }) => complete),
      [false, true, true, true, true, false],
    );
  });

  test('says what is kept', async (t) => {
    const { json, reader } = await served(t);
    reader.histories.set('a', windows);
    const { levels, cells, limit } = await json('/v1/history/kept');
    assert.deepEqual(levels[0], { level: 'window', tz: null, from: START, cells: 4 });
    assert.deepEqual(levels[1], { level: '1d', tz: 'UTC', from: null, cells: 0 });
    assert.deepEqual([cells, limit], [4, LIMITS.historyCells]);
  });

  test('more periods than an answer has are refused with a way out', async (t) => {
    const { app, reader } = await served(t);
    const many = Array.from({ length: 10_001 }, (_, n) => counts(START - n * 10_000, 1, 0));
    reader.histories.set('a', many);
    reader.publish([row('a', windows[0])]);
    const answer = await app.inject(
      '/v1/products/a/history?from=-9000000000000000&to=9000000000000000',
    );
    assert.equal(answer.statusCode, 400);
    assert.match(answer.body, /10001 periods of step=window are more than 10000: ask for a larger/);
    for (const step of ['1m', '15m', '1h', '1d']) {
      const all = await app.inject(
        `/v1/products/a/history?from=-9000000000000000&to=9000000000000000&step=${step}`,
      );
      const total = all
        .json()
        .windows.reduce((sum: number, one: Counts) => sum + one.impressions, 0);
      assert.equal(total, 10_001, step);
    }
    const zone = await app.inject('/v1/products/a/history?step=1d&tz=Nowhere');
    assert.match(zone.body, /query parameter tz: there is no zone/);
  });
});

test('CSV: a total has no product; few, and an interval rounded outwards, as in JSON', () => {
  const counts = countsOf(0, 2, 1);
  const told = { ...counts, end: START + 10_000, isFinal: true, isComplete: true };
  const lineOf = (minSample: number) => csvText(null, [told], minSample).split('\r\n')[1];
  const yardstick = { finalBefore: null, minSample: 100 };
  const { ctr_low, ctr_high } = JSON.parse(
    textOf((bytes) => addLive(bytes, '{', counts, 10_000, yardstick)),
  );
  const ends = `${ctr_low},${ctr_high}`.replaceAll('.', '\\.');
  const line = (few: boolean) =>
    new RegExp(`^,2025-10-09T08:53:20.000Z,.*,2,1,0.5,${ends},${few},final,true$`);
  assert.match(lineOf(100), line(true));
  assert.match(lineOf(2), line(false));
});
