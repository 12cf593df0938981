/** The oracle itself, on cases small enough to work out by hand, and the reach of the streams. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REASONS, VERDICTS } from '../../src/event.ts';
import {
  type ComebackEntry,
  type LogRecord,
  type Numbers,
  oracle,
  startOf,
} from '../../src/verify/oracle.ts';
import { broken, brokenReasons } from '../support/event-text.ts';
import { Random } from '../support/random.ts';
import { stream } from '../support/streams.ts';

const NUMBERS: Numbers = {
  windowMs: 10_000,
  watermarkDelayMs: 3_000,
  allowedLatenessMs: 5_000,
  futureMs: 10_000,
  idMemoryMs: 65_000,
  maxEventBytes: 65_536,
  maxProductIdBytes: 256,
  publishFloor: null,
};
const NOW = 1_760_000_000_000;

function log(lines: (string | [ts: number, id?: string])[]): LogRecord[] {
  return lines.map((line, offset) => {
    const [timestamp, event_id] = typeof line === 'string' ? [0] : line;
    const event = { product_id: 'p', timestamp, event_type: 'click', event_id };
    const text = typeof line === 'string' ? line : JSON.stringify(event);
    return { offset, arrivalMs: NOW, bytes: new TextEncoder().encode(text) };
  });
}

function verdicts(
  lines: Parameters<typeof log>[0],
  comebacks: ComebackEntry[] = [],
  numbers: Numbers = NUMBERS,
): string[] {
  const answer = oracle([{ partition: 'p0', records: log(lines) }], comebacks, numbers);
  return answer.judged.get('p0')!.map((judged) => judged.verdict);
}

test('an event is too late from the watermark on that ends its window and lateness', () => {
  // Window [0, 10 000) is closed at watermark 14 999, which needs an event at 17 999.
  assert.deepEqual(verdicts([[17_998], [9_999]]), ['counted', 'counted']);
  assert.deepEqual(verdicts([[17_999], [9_999], [10_000]]), ['counted', 'too_late', 'counted']);
});

test('rejected events move no watermark, duplicates do', () => {
  const unit = '{"product_id":"p","timestamp":1760000000,"event_type":"click"}';
  assert.deepEqual(verdicts([unit, [0]]), ['timestamp_unit', 'counted']);
  assert.deepEqual(verdicts([[0, 'a'], [90_000 - 1, 'a'], [0]]), [
    'counted',
    'duplicate',
    'too_late',
  ]);
});

test('an integer is as long as its decimal text', () => {
  const lines = [123, 1e2, -12, -123, 1234, 1e3].map(
    (id) => `{"product_id":${id},"timestamp":0,"event_type":"click"}`,
  );
  const short = verdicts(lines, [], { ...NUMBERS, maxProductIdBytes: 3 });
  const [good, bad] = ['counted', 'bad_product_id'];
  assert.deepEqual(short, [good, good, good, bad, bad, bad]);
});

test('an id is forgotten at its window end + 65 s of watermark', () => {
  assert.deepEqual(verdicts([[0, 'a'], [77_999], [78_000, 'a']]), [
    'counted',
    'counted',
    'duplicate',
  ]);
  assert.deepEqual(verdicts([[0, 'a'], [78_000], [78_000, 'a']]), [
    'counted',
    'counted',
    'counted',
  ]);
});

test('a comeback moves the watermark before the event at its offset is judged', () => {
  const comeback = { partition: 'p0', offset: 1, watermark: 14_999 };
  assert.deepEqual(verdicts([[5_000], [9_999]], [comeback]), ['counted', 'too_late']);
  assert.deepEqual(verdicts([[5_000], [9_999]], [{ ...comeback, partition: 'p1' }]), [
    'counted',
    'counted',
  ]);
});

test('latest and previous are the newest two windows above the publish floor', () => {
  const records = log([[5_000], [25_000], [15_000], [15_001]]);
  const rows = (publishFloor: number | null) =>
    oracle([{ partition: 'p0', records }], [], { ...NUMBERS, publishFloor }).rows.get('p');
  const middle = { start: 10_000, impressions: 0, clicks: 2 };
  const newest = { start: 20_000, impressions: 0, clicks: 1 };
  assert.deepEqual(rows(null), { latest: newest, previous: middle });
  assert.deepEqual(rows(10_000), { latest: newest, previous: null });
  assert.equal(rows(20_000), undefined);
});

test('windows are half-open, also below zero and at the ends of the safe integers', () => {
  assert.equal(startOf(9_999, 10_000), 0);
  assert.equal(startOf(10_000, 10_000), 10_000);
  assert.equal(startOf(-1, 10_000), -10_000);
  assert.equal(startOf(-10_000, 10_000), -10_000);
  assert.equal(startOf(Number.MAX_SAFE_INTEGER, 10_000), 9_007_199_254_740_000);
});

test('every broken record has the reason it was made for', () => {
  const random = new Random(1);
  for (const reason of brokenReasons()) {
    for (let i = 0; i < 100; i++) {
      const records = [{ offset: 0, arrivalMs: NOW, bytes: broken(reason, NOW, random) }];
      const judged = oracle([{ partition: 'p', records }], [], NUMBERS).judged.get('p');
      const text = new TextDecoder().decode(records[0]!.bytes.subarray(0, 200));
      assert.equal(judged?.[0]?.verdict, reason, text);
    }
  }
  const drawn = [...brokenReasons(), 'too_late', 'too_many_products'].sort();
  assert.deepEqual(drawn, [...REASONS].sort());
});

test('the streams reach every verdict, and are the same for the same seed', () => {
  const seen = new Map<string, number>();
  let silent = 0;
  for (let seed = 1; seed <= 300; seed++) {
    const { logs, settings } = stream(seed);
    const answer = oracle(logs, [], { ...settings, publishFloor: null });
    for (const [verdict, events] of answer.totals)
      seen.set(verdict, (seen.get(verdict) ?? 0) + events);
    if (answer.received === 0) silent += 1;
  }
  const missing = VERDICTS.filter((verdict) => !seen.has(verdict));
  assert.deepEqual(missing, ['too_many_products']);
  assert.ok(seen.get('counted')! > seen.get('too_late')!, 'most events are counted');
  assert.ok(silent > 0 && silent < 60, `${silent} streams without an event`);
  assert.deepEqual(stream(7), stream(7));
  if (process.env.CLICKRATE_VERBOSE) console.log(seen);
});
