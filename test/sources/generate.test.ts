import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClickrateError } from '../../src/errors.ts';
import type { RecordBatch } from '../../src/event.ts';
import { silentLog } from '../../src/log.ts';
import { Generator, type GeneratorOptions } from '../../src/sources/generate.ts';
import { GeneratedTraffic } from '../../src/sources/traffic.ts';
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

test('the truth is a recount of the good, distinct records', () => {
  const options = {
    duplicates: 0.1,
    broken: 0.05,
    late: 0.05,
    disorderMs: 2_000,
    clickDelayMs: 500,
    zipf: 1,
    products: 30,
  };
  const { records, truth } = all(options, 30_000);
  const cells = new Map<string, number>();
  const ids = new Set<string>();
  let broken = 0;
  let duplicates = 0;
  for (const text of records) {
    if (!text.includes('"event_id"')) {
      broken++;
      continue;
    }
    const event = JSON.parse(text);
    if (ids.has(event.event_id)) duplicates++;
    else {
      ids.add(event.event_id);
      const key = `${event.product_id}|${event.timestamp - (event.timestamp % 10_000)}|${event.event_type}`;
      cells.set(key, (cells.get(key) ?? 0) + 1);
    }
  }
  assert.deepEqual([ids.size, broken, duplicates], [truth.events, truth.broken, truth.duplicates]);
  for (const { product_id, window_start, impressions, clicks } of truth.windows) {
    assert.equal(cells.get(`${product_id}|${window_start}|impression`) ?? 0, impressions);
    assert.equal(cells.get(`${product_id}|${window_start}|click`) ?? 0, clicks);
  }
  assert.ok(broken > 1_000 && duplicates > 2_000 && truth.late > 1_000);
  const first = truth.windows.filter((w) => w.product_id === 'product1').length;
  assert.ok(first >= 3, 'the most popular product is in every window');
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
  const traffic = new GeneratedTraffic({
    clock,
    log: silentLog,
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
});
