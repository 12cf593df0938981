import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { ClickrateError } from '../../src/errors.ts';
import type { RecordBatch } from '../../src/event.ts';
import { silentLog } from '../../src/log.ts';
import { linesOf } from '../../src/sources/event-writer.ts';
import { Generator, type GeneratorOptions } from '../../src/sources/generate.ts';
import { GeneratedTraffic } from '../../src/sources/traffic.ts';
import type { TruthRow } from '../../src/sources/truth.ts';
import { SimClock } from '../support/sim-clock.ts';

const START = 1_700_000_000_000;

function textsOf(batch: RecordBatch): string[] {
  return Array.from({ length: batch.count }, (_, i) =>
    Buffer.from(batch.bytes.slice(batch.starts[i], batch.ends[i])).toString(),
  );
}

function all(options: Partial<GeneratorOptions>, ms: number) {
  const generator = new Generator(START, options);
  const records: string[] = [];
  for (let at = START; at < START + ms; at += 333)
    records.push(...textsOf(generator.next(Math.min(at + 333, START + ms))));
  records.push(...textsOf(generator.rest()));
  return { records, truth: generator.truth() };
}

test('the original traffic: an impression each millisecond, a click try every two, its spacing', () => {
  const { records, truth } = all({}, 20_000);
  assert.match(
    records[0],
    /^\{"user_id": "user_\d+", "product_id": "product[1-5]", "timestamp": 1700000000000, "event_type": "impression", "session_id": "session_\d+"\}$/,
  );
  const events = records.map((text) => JSON.parse(text));
  const impressions = events.filter((e) => e.event_type === 'impression');
  assert.equal(impressions.length, 20_000);
  for (const [n, rate] of [0.8, 0.6, 0.4, 0.3, 0.2].entries()) {
    const of = (type: string) =>
      events.filter((e) => e.event_type === type && e.product_id === `product${n + 1}`).length;
    // Half as many tries as impressions.
    assert.ok(Math.abs(of('click') / of('impression') - rate / 2) < 0.04, `product${n + 1}`);
  }
  assert.equal(truth.events, records.length);
});

/** What a reader finds in the records: the first of each id, by the rule of too late. */
function recount(records: readonly string[]) {
  const counts = { in_time: 0, too_late: 0, broken: 0, duplicates: 0 };
  const rows = { in_time: new Map<string, number>(), too_late: new Map<string, number>() };
  const ids = new Set<string>();
  let newest = -Infinity;
  for (const text of records) {
    if (!text.includes('"event_id"')) {
      counts.broken++;
      continue;
    }
    const event = JSON.parse(text);
    if (ids.has(event.event_id)) {
      counts.duplicates++;
      continue;
    }
    ids.add(event.event_id);
    const start = event.timestamp - (event.timestamp % 10_000);
    const verdict = start + 9_999 + 5_000 <= newest - 3_000 ? 'too_late' : 'in_time';
    newest = Math.max(newest, event.timestamp);
    counts[verdict]++;
    const key = `${event.product_id}|${start}|${event.event_type}`;
    rows[verdict].set(key, (rows[verdict].get(key) ?? 0) + 1);
  }
  return { counts, rows };
}

function cellsOf(rows: readonly TruthRow[]): Map<string, number> {
  const cells = new Map<string, number>();
  for (const { product_id, window_start, impressions, clicks } of rows) {
    if (impressions > 0) cells.set(`${product_id}|${window_start}|impression`, impressions);
    if (clicks > 0) cells.set(`${product_id}|${window_start}|click`, clicks);
  }
  return cells;
}

test('the truth is a recount of the good, distinct records, in time and too late', () => {
  const options = {
    duplicates: 0.3,
    broken: 0.05,
    late: 0.05,
    disorderMs: 2_000,
    clickDelayMs: 500,
    zipf: 1,
    products: 30,
  };
  // The second runs over more windows than are open at once.
  for (const [ms, rate] of [
    [30_000, 1_500],
    [900_000, 50],
  ]) {
    const { records, truth } = all({ ...options, rate }, ms);
    const { counts, rows } = recount(records);
    const { in_time, too_late, broken, duplicates } = truth;
    assert.deepEqual({ in_time, too_late, broken, duplicates }, counts);
    assert.equal(truth.events, in_time + too_late);
    assert.equal(truth.records, records.length);
    assert.deepEqual(cellsOf(truth.windows), rows.in_time);
    assert.deepEqual(cellsOf(truth.too_late_windows), rows.too_late);
    assert.ok(broken > 1_000 && duplicates > 2_000 && truth.late > 1_000 && too_late > 200);
    const first = truth.windows.filter((w) => w.product_id === 'product1').length;
    assert.ok(first >= ms / 10_000, 'the most popular product is in every window');
  }
});

test('the truth of live traffic remembers the newest windows only', () => {
  const { truth } = all({ truthWindows: 2, rate: 100, products: 3 }, 95_000);
  const starts = new Set(truth.windows.map(({ window_start }) => window_start));
  assert.deepEqual([...starts], [START + 80_000, START + 90_000]);
});

test('what a seed gives never changes', () => {
  const options: Partial<GeneratorOptions> = {
    seed: 5,
    ids: true,
    products: 300,
    zipf: 1,
    disorderMs: 3_000,
    duplicates: 0.02,
    broken: 0.01,
    late: 0.05,
    rate: 20_000,
    clickDelayMs: 700,
  };
  const generator = new Generator(START, options);
  const hash = createHash('sha256');
  hash.update(linesOf(generator.next(Infinity, 60_000)));
  hash.update(linesOf(generator.rest()));
  // Files of this seed are out there; their figures stand in the README.
  assert.equal(
    hash.digest('hex'),
    '8105d65dc49ee58605e058b687c6b31de9849e2782744a52e7391503d99f9ea6',
  );
});

test('options that make no traffic are refused by name', () => {
  const wrong: Partial<GeneratorOptions>[] = [
    { rate: 0 },
    { rate: Number.NaN },
    { rate: Number.POSITIVE_INFINITY },
    { products: 0 },
    { products: 1.5 },
    { products: 1_000_001 },
    { zipf: -1 },
    { late: 1.1 },
    { duplicates: -0.1 },
    { broken: Number.NaN },
    { disorderMs: 0.5 },
    { clickDelayMs: 1e12 },
    { seed: 0.5 },
    { windowMs: 0 },
  ];
  for (const options of wrong) {
    const [name] = Object.keys(options);
    const message = new RegExp(`^${name} must be .*, not `);
    assert.throws(() => new Generator(START, options), { code: 'config_invalid', message });
  }
});

test('the same seed gives the same records, another seed others', () => {
  const once = all({ seed: 7, duplicates: 0.1, disorderMs: 100 }, 1_000).records;
  assert.deepEqual(all({ seed: 7, duplicates: 0.1, disorderMs: 100 }, 1_000).records, once);
  assert.notDeepEqual(all({ seed: 8, duplicates: 0.1, disorderMs: 100 }, 1_000).records, once);
});

test('disorder stays within its bound', () => {
  const { records } = all({ disorderMs: 1_500 }, 20_000);
  let newest = 0;
  let worst = 0;
  for (const text of records) {
    const { timestamp } = JSON.parse(text);
    newest = Math.max(newest, timestamp);
    worst = Math.max(worst, newest - timestamp);
  }
  assert.ok(worst > 1_000 && worst <= 1_501, `${worst}`);
});

test('live traffic keeps its rate, sends again what was refused, and starts anew after a jump', async () => {
  // The clock advances by itself whenever the traffic sleeps.
  const clock = new SimClock(START);
  const abort = new AbortController();
  let refuse = 3;
  let jumped = false;
  const times: number[] = [];
  const behind: number[] = [];
  const refused: string[] = [];
  const warn = ({ behindMs }: { behindMs?: number }, sentence: string) => {
    if (behindMs === undefined) refused.push(sentence);
    else behind.push(behindMs);
  };
  const traffic = new GeneratedTraffic({
    clock,
    log: { ...silentLog, warn },
    generator: {},
    push: async (records) => {
      if (refuse-- > 0) throw new ClickrateError('journal_full', 'full');
      const { bytes, starts, ends } = records;
      for (let i = 0; i < records.count; i++)
        times.push(JSON.parse(Buffer.from(bytes.slice(starts[i], ends[i])).toString()).timestamp);
      if (!jumped && clock.wallMs() > START + 4_000) {
        jumped = true;
        clock.advance(3_600_000);
      }
      if (clock.wallMs() > START + 3_605_000) abort.abort();
    },
  });
  await traffic.run(abort.signal);
  const before = times.filter((time) => time < START + 10_000);
  assert.ok(before.length > 4_000 && before.length < 6_000, `${before.length} in 4 s`);
  assert.deepEqual(
    before,
    [...before].sort((a, b) => a - b),
  );
  const after = times.length - before.length;
  assert.ok(after > 500 && after < 3_000, `${after}: an hour away is not made up for`);
  assert.deepEqual(behind.map(Number.isInteger), [true]);
  // Of refusals in a row the first, the second and the fourth are told.
  assert.deepEqual(refused, Array(2).fill('generated traffic waits: full'));
});

test('traffic of less than an event a second is no more than that', async () => {
  const clock = new SimClock(START);
  const abort = new AbortController();
  let records = 0;
  const traffic = new GeneratedTraffic({
    clock,
    log: silentLog,
    generator: { rate: 0.25 },
    push: async ({ count }) => {
      records += count;
      if (clock.wallMs() > START + 60_000 || records > 1_000) abort.abort();
    },
  });
  await traffic.run(abort.signal);
  // Of 15 slots five are click tries.
  assert.ok(records >= 10 && records <= 17, `${records} in a minute`);
});
