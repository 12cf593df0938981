/** What the page works out by itself, without a browser. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { historyAddress } from '../../dashboard/src/address.ts';
import { aged, behindMs } from '../../dashboard/src/aged.ts';
import { columns, topOfClicks } from '../../dashboard/src/chart-data.ts';
import { csvOf } from '../../dashboard/src/csv.ts';
import { EventParser } from '../../dashboard/src/events.ts';
import { finalBeforeOf, isFinal } from '../../dashboard/src/final.ts';
import {
  axisCount,
  count,
  duration,
  percent,
  percents,
  points,
  scaleText,
  share,
  short,
} from '../../dashboard/src/format.ts';
import { aloneIn, breaksIn } from '../../dashboard/src/gaps.ts';
import { heldLines } from '../../dashboard/src/held.ts';
import { ordered, realUpTo, SORT_KEYS, scaleOf, totalsOf } from '../../dashboard/src/league.ts';
import { lineOf } from '../../dashboard/src/line.ts';
import { fetchedAgain, gapBefore, withNewest } from '../../dashboard/src/newest.ts';
import { openOf, sumOf } from '../../dashboard/src/open.ts';
import { nameText, rawText } from '../../dashboard/src/raw.ts';
import { hashOf, productHash, type Route, routeOf } from '../../dashboard/src/route.ts';
import { ofLastHour } from '../../dashboard/src/sparks.ts';
import * as pageStatistics from '../../dashboard/src/statistics.ts';
import {
  type Step as PageStep,
  RANGES,
  type Range,
  STEPS,
  stepsOf,
  zoneFor,
} from '../../dashboard/src/steps.ts';
import type {
  Freshness,
  Live,
  Open,
  PipelineStatus,
  Row,
  TaskTime,
} from '../../dashboard/src/types.ts';
import { benjaminiHochberg, twoProportionP } from '../../src/api/statistics.ts';
import { Step } from '../../src/api/steps.ts';
import { fc } from '../support/fast-check.ts';
import { builtPage } from './built.ts';

const live = (product_id: string, impressions: number, clicks: number, more = {}): Live => ({
  product_id,
  impressions,
  clicks,
  ctr: impressions === 0 ? null : clicks / impressions,
  window_start: 10_000,
  window_end: 20_000,
  ctr_low: null,
  ctr_high: null,
  few: false,
  status: 'final' as const,
  ...more,
});
const rowOf = (latest: Live | null, previous: Live | null = null, p_value: number | null = null) =>
  ({ product_id: (latest ?? previous)!.product_id, latest, previous, p_value }) satisfies Row;
const mapOf = (rows: Row[]) => new Map(rows.map((row) => [row.product_id, row]));

test('events come whole from any pieces', () => {
  const text =
    'retry: 1000\n\nevent: snapshot\nid: a-1\ndata: {"x":\ndata: "é😀"}\n\n: heartbeat\n\n' +
    'event: change\r\nid: a-2\r\ndata: two\r\n\r\ndata: plain\n\nevent: cut\ndata: never';
  const expected = [
    { name: 'snapshot', data: '{"x":\n"é😀"}', id: 'a-1' },
    { name: 'change', data: 'two', id: 'a-2' },
    { name: 'message', data: 'plain', id: null },
  ];
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: text.length - 1 })), (cuts) => {
      const parser = new EventParser();
      const places = [0, ...[...new Set(cuts)].sort((a, b) => a - b), text.length];
      const found = places.slice(1).flatMap((end, i) => parser.push(text.slice(places[i], end)));
      assert.deepEqual(found, expected);
    }),
  );
});

test('figures as people read them', () => {
  assert.equal(count(1_304_512), '1\u00a0304\u00a0512');
  assert.equal(count(999), '999');
  assert.equal(percent(0.0001), '0.01');
  assert.equal(percent(1), '100.00');
  assert.equal(percent(null), '–');
  assert.equal(percent(99.9), '9990.00');
  assert.equal(percent(1e6), '>\u00a09\u00a0999');
  assert.equal(points(-0.0213), '2.13');
  assert.equal(share(1, 1_000_000), '< 0.01 %');
  assert.equal(share(999_999, 1_000_000), '> 99.9 %');
  assert.equal(share(9_994, 10_000), '99.9 %');
  assert.equal(share(2, 2), '100.0 %');
  assert.equal(share(0, 0), '');
  assert.equal(percents(0.1, 0.125), '10.00–12.50');
  assert.equal(percents(null, null), '–');
  assert.deepEqual(
    [9_999_999, 12_345_678, 999_999_999, 1_234_567_890, 1e12].map(short),
    ['9 999 999', '12.35 M', '1000 M', '1.235 bn', '1.000 tn'].map((text) =>
      text.replaceAll(' ', '\u00a0'),
    ),
  );
  assert.equal(scaleText(0.005), '0.5');
  assert.deepEqual(
    [400, 9_900, 61_000, 3_600_000, 90_000_000].map(duration),
    ['0.4', '9.9', '61', '60', '25'].map((n, i) => `${n}\u202f${['s', 's', 's', 'min', 'h'][i]}`),
  );
});

test('counts beside an axis are short, or a part of them would be cut off', () => {
  const counts = [0, 20_000, 100_000, 250_000, 5_000_000, 12_500_000, 1e12];
  const texts = ['0', '20 000', '100 k', '250 k', '5 M', '12.5 M', '1 tn'];
  assert.deepEqual(
    counts.map(axisCount),
    texts.map((text) => text.replaceAll(' ', '\u00a0')),
  );
});

test('the page and the API judge alike', () => {
  const counts = fc.tuple(fc.nat(10_000), fc.nat(10_000));
  fc.assert(
    fc.property(counts, counts, ([a, b], [c, d]) => {
      const ours = pageStatistics.twoProportionP(
        { impressions: a, clicks: b },
        { impressions: c, clicks: d },
      );
      const theirs = twoProportionP(a, b, c, d);
      if (theirs === null || ours === null) assert.equal(ours, theirs);
      else assert.ok(Math.abs(ours - theirs) < 1e-6, `${ours} and ${theirs}`);
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true })), (pValues) => {
      const limit = pageStatistics.threshold(pValues);
      const ours = pValues.map((p) => p <= limit);
      assert.deepEqual(ours, benjaminiHochberg(pValues));
    }),
  );
});

test('rows rank by the rate, few views by what is sure, and nothing last', () => {
  const rows = [
    rowOf(live('sure', 1_000, 300)),
    rowOf(live('lucky', 3, 3, { few: true, ctr_low: 0.29 })),
    rowOf(live('none', 0, 2)),
    rowOf(live('low', 1_000, 10), live('low', 1_000, 200)),
  ];
  const by = (key: 'ctr' | 'change' | 'product', descending: boolean, search = '') =>
    ordered(rows, { key, descending }, search);
  assert.deepEqual(by('ctr', true), ['sure', 'lucky', 'low', 'none']);
  assert.deepEqual(by('ctr', false), ['low', 'lucky', 'sure', 'none']);
  assert.deepEqual(by('change', true)[0], 'low');
  assert.deepEqual(by('product', false, ' L'), ['low', 'lucky']);
});

test('a change is real among those shown', () => {
  const rows = mapOf([
    rowOf(live('a', 9, 1), null, 0.001),
    rowOf(live('b', 9, 1), null, 0.04),
    rowOf(live('c', 9, 1), null, 0.9),
    rowOf(live('d', 9, 1), null, null),
  ]);
  assert.equal(realUpTo(['a', 'b', 'c', 'd'], rows), 0.001);
  assert.equal(realUpTo(['b', 'd'], rows), 0.04);
  assert.equal(realUpTo(['c'], rows), -1);
});

test('totals are of one window, and the scale fits the sure rows', () => {
  const before = live('a', 100, 10, { window_start: 0, window_end: 10_000 });
  const rows = mapOf([
    rowOf(live('a', 200, 40, { ctr_high: 0.26 }), before),
    rowOf(live('old', 50, 5, { window_start: 0, ctr_high: 0.2 })),
    rowOf(live('few', 1, 1, { few: true, ctr_high: 1, window_start: -10_000 })),
  ]);
  const totals = totalsOf(rows, 10_000, 10_000);
  assert.deepEqual(totals.latest, { impressions: 200, clicks: 40 });
  assert.equal(totals.active, 1);
  assert.equal(totals.products, 3);
  assert.equal(totals.difference, 0.1);
  assert.equal(scaleOf([...rows.keys()], rows), 0.3);
  assert.equal(scaleOf(['few'], rows), 1);
});

test('what all products together changed by is of those that are in both windows', () => {
  const before = (id: string, impressions: number, clicks: number) =>
    live(id, impressions, clicks, { window_start: 0, window_end: 10_000 });
  const steady = rowOf(live('steady', 1_000, 100), before('steady', 1_000, 100));
  // The task of a product with a high rate closes its window some time later.
  const awaited = rowOf(before('awaited', 1_000, 900));
  const started = rowOf(
    live('started', 1_000, 0),
    live('started', 9, 9, { window_start: -10_000 }),
  );
  const totals = totalsOf(mapOf([steady, awaited, started]), 10_000, 10_000);
  assert.deepEqual(totals.latest, { impressions: 2_000, clicks: 100 });
  assert.equal(totals.active, 2);
  assert.equal(totals.difference, 0);
  assert.equal(totals.significant, false);
  const none = totalsOf(mapOf([awaited, started]), 10_000, 10_000);
  assert.deepEqual([none.difference, none.significant], [null, false]);
});

test('a sparkline is ratios of sums, a minute each, with gaps', () => {
  const window = (window_start: number, impressions: number, clicks: number) => ({
    window_start,
    impressions,
    clicks,
  });
  const some = [window(0, 9, 9), window(3_540_000, 10, 1), window(3_590_000, 30, 11)];
  const rates = ofLastHour(some, 60_000);
  assert.equal(rates.length, 60);
  assert.equal(rates[0], 1);
  assert.equal(rates[59], 0.3);
  assert.equal(rates.filter((rate) => rate === null).length, 58);
  assert.ok(ofLastHour([], 60_000).every((rate) => rate === null));
  // Windows longer than a minute are its points themselves.
  const longer = ofLastHour([window(0, 10, 1), window(3_300_000, 10, 5)], 300_000);
  assert.deepEqual([longer.length, longer[0], longer[11]], [12, 0.1, 0.5]);
});

const at = (start: number, more = {}) =>
  live('a', 10, 1, { window_start: start, window_end: start + 10_000, ...more });

test('a line takes its part of the time, and begins when it is one', () => {
  const hour = (known: number[]) => [...Array(59 - known.length).fill(null), ...known];
  const xs = (path: string) => path.match(/(?<=[ML])[\d.]+/g)!.map(Number);
  const few = lineOf(hour([0.2, 0.3]), 0.25)!;
  assert.equal(few.path, '');
  assert.deepEqual([few.x, few.low, few.high], [117, 0.2, 0.3]);
  const enough = lineOf(hour([0.2, 0.3, 0.25, 0.22]), 0.25)!;
  assert.deepEqual(xs(enough.path).length, 5);
  assert.ok(xs(enough.path)[0]! > 100, enough.path);
  assert.equal(enough.from, xs(enough.path)[0]);
  const full = lineOf(Array(60).fill(0.2), null)!;
  assert.deepEqual([full.from, full.x, full.y], [3, 117, 12]);
  const broken = lineOf([0.1, 0.1, null, 0.1, 0.1, 0.1], null)!;
  assert.equal(broken.path.match(/M/g)!.length, 2);
  assert.equal(lineOf([null, null], null), null);
});

test('what may well be chance is no mountain of a line', () => {
  const rates = [0.2, 0.21, 0.19, 0.2, 0.21, 0.2];
  const y = (line: { path: string } | null) => line!.path.match(/(?<= )[\d.]+/g)!.map(Number);
  const tall = (ys: number[]) => Math.max(...ys) - Math.min(...ys);
  assert.equal(tall(y(lineOf(rates, null))), 18);
  assert.ok(tall(y(lineOf(rates, null, [0.15, 0.25]))) < 4);
  // An interval that is narrower than the line changes nothing, and no figure that is told.
  assert.equal(tall(y(lineOf(rates, null, [0.195, 0.205]))), 18);
  assert.equal(lineOf(rates, null, [0, 1])!.high, 0.21);
});

test('a previous window that is not known shows that there may be a gap', () => {
  const known = [at(0), at(10_000)];
  const told = (previous: number, latest: number) => rowOf(at(latest), at(previous));
  assert.equal(gapBefore(known, told(0, 10_000)), null);
  assert.equal(gapBefore(known, told(10_000, 20_000)), null);
  // Two closed at once, one right after the other: both are told.
  assert.equal(gapBefore(known, told(20_000, 30_000)), null);
  assert.equal(gapBefore(known, told(30_000, 40_000)), 30_000);
  assert.equal(gapBefore([], told(0, 10_000)), 0);
  assert.equal(gapBefore(known, rowOf(at(90_000))), null);
  assert.equal(gapBefore(known, undefined), null);
});

test('what the stream tells is put in place, and what leaves the range goes', () => {
  const span = { windows: [at(0), at(10_000)], fromMs: 0, toMs: 20_000 };
  const revised = at(10_000, { clicks: 2 });
  withNewest(span, rowOf(at(20_000), revised), 20_000);
  assert.deepEqual(span.windows, [{ ...revised, revisions: 1 }, at(20_000)]);
  assert.deepEqual([span.fromMs, span.toMs], [10_000, 30_000]);
  // What is told again is nothing to draw.
  const { windows } = span;
  withNewest(span, rowOf({ ...at(20_000) }, { ...revised }), 20_000);
  assert.equal(span.windows, windows);
  withNewest(span, rowOf(at(30_000), { ...at(20_000), status: 'provisional' }), 20_000);
  assert.notEqual(span.windows, windows);
  assert.deepEqual(
    span.windows.map(({ window_start, status }) => [window_start, status]),
    [
      [20_000, 'provisional'],
      [30_000, 'final'],
    ],
  );
  span.windows = windows;
  // Fetched again they have the revisions that were seen.
  const again = fetchedAgain([revised, at(20_000, { clicks: 3 }), at(30_000)], span.windows);
  assert.deepEqual(
    again.map(({ revisions }) => revisions),
    [1, 1, undefined],
  );
});

test('steps to choose from are those that the windows add up to', () => {
  assert.deepEqual(stepsOf('24h', 10_000), ['1m', '15m', 'window']);
  assert.deepEqual(stepsOf('24h', 300_000), ['15m', 'window']);
  assert.deepEqual(stepsOf('24h', 3_600_000), ['window']);
  assert.deepEqual(stepsOf('7d', 3_600_000), ['1d']);
  assert.deepEqual(stepsOf('24h', 7_000), ['window']);
  assert.deepEqual(stepsOf('90d', 7_000), ['window']);
  // More than the server tells at once.
  assert.deepEqual(stepsOf('1h', 100), ['1m']);
});

test('any product id comes through the address of its history', () => {
  for (const product of ['..', '.', 'a/b', '%2e%2e', '?x=1&y#z', 'é +\u{1f600}', ' ']) {
    const url = new URL(historyAddress(product, { step: '1m' }), 'http://h/');
    assert.equal(url.pathname, '/v1/history');
    assert.deepEqual([...url.searchParams], Object.entries({ product, step: '1m' }));
  }
});

test('what is looked at comes back from its address, as a browser writes it', () => {
  const text = fc.string({ unit: 'grapheme' });
  const range = fc.constantFrom(...(Object.keys(RANGES) as Range[]));
  const step = fc.option(fc.constantFrom(...(Object.keys(STEPS) as PageStep[])));
  const sort = fc.record({ key: fc.constantFrom(...SORT_KEYS), descending: fc.boolean() });
  const view = fc.constantFrom('league' as const);
  const product = text.filter((id) => id !== '');
  const route: fc.Arbitrary<Route> = fc.oneof(
    fc.record({ view, sort, search: text }),
    fc.record({ view: fc.constant('pipeline' as const), reason: text }),
    fc.record({ view: fc.constant('product' as const), product, range, step }),
  );
  const written = (hash: string) => new URL(hash, 'http://h/').hash;
  fc.assert(
    fc.property(route, (one) =>
      assert.equal(JSON.stringify(routeOf(written(hashOf(one)))), JSON.stringify(one)),
    ),
  );
  assert.equal(productHash('a/b?'), '#/product/a%2Fb%3F');
  const start = routeOf('');
  for (const hash of ['#/', '#/nothing', '#/product/', '#/product/%ff', '#/?sort=-none', '#?'])
    assert.deepEqual(routeOf(hash), start, hash);
  assert.equal(hashOf(start), '#/');
});

test('days are the reader’s own as far back as the server can tell them', () => {
  assert.equal(zoneFor('7d', 'Europe/Berlin'), 'Europe/Berlin');
  assert.equal(zoneFor('90d', 'Europe/Berlin'), null);
});

test('a zone’s days are found by any of its names', () => {
  const held = (zone: string) => ({ level: `1d ${zone}`, oldest: null, cells: 0 });
  const levelsOf = (zone: string, ...zones: string[]) =>
    new Step('1d', 10_000, zone, zones.map(held)).levels.filter((level) => level.startsWith('1d'));
  assert.deepEqual(levelsOf('Asia/Calcutta', 'Asia/Kolkata', 'UTC'), ['1d Asia/Kolkata']);
  assert.deepEqual(levelsOf('Asia/Kolkata', 'asia/calcutta'), ['1d asia/calcutta']);
  assert.deepEqual(levelsOf('utc', 'UTC', 'Etc/UTC', 'Gone/Zone'), ['1d UTC', '1d Etc/UTC']);
  assert.deepEqual(levelsOf('Europe/Berlin', 'UTC'), ['1d Europe/Berlin']);
});

test('time makes windows final, and no period whose counts are of some time ago', () => {
  const freshness = { final_before: 80_000 } as Freshness;
  const minute = at(60_000, { window_end: 120_000, status: 'provisional' });
  for (const step of ['1m', '15m', '1d'] as const) {
    const before = finalBeforeOf(step, freshness);
    assert.equal(isFinal(minute, before), false);
    assert.equal(isFinal({ ...minute, status: 'final' }, before), true);
    assert.match(csvOf([minute], before), /,provisional,/);
  }
  const before = finalBeforeOf('window', freshness);
  const window = (start: number) => isFinal(at(start, { status: 'provisional' }), before);
  assert.deepEqual([70_000, 80_000].map(window), [true, false]);
  assert.equal(finalBeforeOf('window', null), null);
});

test('what holds time back is told once, with the tasks that it holds', () => {
  const statusOf = (why: string | null, whys: (string | null)[]) =>
    ({
      freshness: { why } as Freshness,
      tasks: whys.map((each, i) => ({ task: String(i), why: each }) as TaskTime),
    }) as PipelineStatus;
  assert.deepEqual(heldLines(statusOf(null, [null, null])), []);
  assert.deepEqual(heldLines(statusOf('no event', ['no event'])), ['no event']);
  assert.deepEqual(heldLines(statusOf('task 0: no answer', ['no answer', 'idle', 'no answer'])), [
    'tasks 0, 2: no answer',
    'task 1: idle',
  ]);
  assert.deepEqual(heldLines(statusOf('no store', [null, 'idle'])), ['no store', 'task 1: idle']);
});

test('what is told of a task grows old while there is no news', () => {
  const tasks = [
    { lag_ms: 3_000, commit_age_ms: 200 },
    { lag_ms: null, commit_age_ms: null },
  ];
  const status = { events_per_second: 5, tasks } as PipelineStatus;
  assert.deepEqual(aged(status, 60_000), {
    events_per_second: 5,
    tasks: [
      { lag_ms: 63_000, commit_age_ms: 60_200 },
      { lag_ms: null, commit_age_ms: null },
    ],
  });
  const quiet = { lag_ms: 3_600_000, watermark: 1_000 } as TaskTime;
  const freshness = { watermark: 3_598_000 } as Freshness;
  assert.equal(behindMs({ ...status, freshness, tasks: [quiet] }), 3_000);
  assert.equal(behindMs({ ...status, freshness, tasks: [] }), null);
  // The clock of the browser may be set back.
  assert.deepEqual(aged(status, -1), status);
});

test('CSV bears any product id and starts no formula', () => {
  const text = csvOf([live('=1+1,"x"\n', 3, 1), live('-2', 0, 0)], null);
  const lines = text.split('\r\n');
  assert.equal(lines.length, 4);
  assert.match(lines[1]!, /^"'=1\+1,""x""\n",10000,1970-01-01T00:00:10.000Z,20000,3,1,/);
  assert.match(lines[2]!, /^'-2,10000,.*,0,0,,,,final,$/);
});

test('bytes from outside cannot hide anything', () => {
  const bytes = Buffer.from([0x7b, 0xff, 0x00, 0x41]).toString('base64');
  assert.equal(rawText({ bytes }), '{\\xff\\x00A');
  assert.equal(rawText({ bytes: '', text: 'a\u202eb\ne\u{1f600}' }), 'a\\u{202e}b\\x0ae\u{1f600}');
  assert.equal(nameText('a\u202egnp.exe\n'), 'a\\u{202e}gnp.exe\\x0a');
  for (const plain of ['desk lamp', 'مصباح!', '\u{1f469}\u200d\u{1f680}'])
    assert.equal(nameText(plain), plain);
  assert.deepEqual(['', ' ', '\t'].map(nameText), ['“”', '“ ”', '“\t”']);
});

test('all scripts together are under 60 KB compressed', () => {
  const scripts = [...builtPage().assets].filter(([path]) => path.endsWith('.js'));
  assert.ok(scripts.length > 0);
  const bytes = scripts.reduce((sum, [, { plain }]) => sum + gzipSync(plain).length, 0);
  assert.ok(bytes < 60_000, `${bytes} bytes`);
});

test('a line is broken where windows are missing, and a window between two breaks is a point', () => {
  const windowsAt = (...starts: number[]) =>
    starts.map((n) => live('a', 10, 1, { window_start: n * 10, window_end: n * 10 + 10 }));
  const cases: [number[], number[], number[]][] = [
    [[], [], []],
    [[1], [], [0]],
    [[1, 2, 3], [], []],
    [[1, 2, 4, 5], [2], []],
    [
      [1, 3, 4, 7],
      [1, 3],
      [0, 3],
    ],
    [[1, 2, 9, 11, 12], [2, 3], [2]],
  ];
  for (const [starts, breaks, alone] of cases) {
    assert.deepEqual(breaksIn(windowsAt(...starts)), breaks);
    assert.deepEqual(aloneIn(starts.length, breaks), alone);
  }
});

test('the charts go from the last window over all that are open', () => {
  const windows = [live('a', 100, 10), live('a', 100, 30, { window_start: 20_000 })];
  const open = { window_start: 30_000, window_end: 40_000, impressions: 8, clicks: 4 };
  const data = { windows, fromMs: 0, toMs: 40_000 };
  const [rate, counts] = columns({ ...data, open: [open] });
  assert.deepEqual(
    [rate[0], rate[3], rate[5]],
    [
      [10, 20, 30],
      [10, 30, null],
      [null, 30, 50],
    ],
  );
  assert.deepEqual(counts, [
    [10, 20, 30],
    [100, 100, 8],
    [10, 30, 4],
  ]);
  const [line, bars] = columns({ ...data, open: [] });
  assert.deepEqual(
    [line[5], bars[2]],
    [
      [null, null],
      [10, 30],
    ],
  );
  // One that has ended and waits for late events is no hole.
  const [both, bothBars] = columns({ ...data, open: [open, { ...open, window_start: 40_000 }] });
  assert.deepEqual(
    [both[0], both[5], bothBars[1]],
    [
      [10, 20, 30, 40],
      [null, 30, 50, 50],
      [100, 100, 8, 8],
    ],
  );
});

test('open are the windows of a product that were not published meanwhile', () => {
  const of = (window_start: number, product_id = 'a') => ({
    product_id,
    window_start,
    impressions: 8,
    clicks: 4,
  });
  const products = [of(40_000), of(20_000), of(30_000, 'b'), of(30_000)];
  const told: Open = { at: 0, available: true, windows: [], products };
  const latest = live('a', 100, 30, { window_start: 20_000 });
  const open = openOf(told, 'a', latest, 10_000);
  assert.deepEqual(
    open.map((w) => [w.window_start, w.window_end]),
    [
      [30_000, 40_000],
      [40_000, 50_000],
    ],
  );
  assert.deepEqual(sumOf(open), { impressions: 16, clicks: 8 });
  assert.equal(openOf(told, 'a', null, 10_000).length, 3);
  assert.equal(sumOf(openOf(null, 'a', latest, 10_000)), null);
});

test('bars of clicks show the rate, but where they would be too small to be seen', () => {
  for (const [clicks, top] of [
    [[1, 20, null], 60],
    [[40], 105],
    [[100], 105],
    [[130], 130],
    [[], 3],
  ] as const)
    assert.equal(topOfClicks(clicks, 105), top, `${clicks}`);
});
