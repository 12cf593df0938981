/** What a Flink job wrote, read as an outcome: the last row counts, and nothing is made up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shapeFor } from '../../src/cli/verify-flink.ts';
import { SETTINGS } from '../../src/config.ts';
import type { ReadRecord } from '../../src/sources/kafka/reader.ts';
import { differences } from '../../src/verify/compare.ts';
import { flinkOutcome, type Outputs } from '../../src/verify/flink-outcome.ts';
import { type LogRecord, oracle } from '../../src/verify/oracle.ts';
import { expected } from '../../src/verify/outcome.ts';
import { topicNames } from '../../src/verify/topics.ts';

const START = 1_700_000_000_000;
const names = topicNames('v', { partitions: 1, parallelism: 1 });

type Written = { key: object | null; value: object | null; headers?: Record<string, string> };

function outputs(results: Written[], rejected: Written[]): Outputs {
  const bytes = (value: object | null) => Buffer.from(value === null ? '' : JSON.stringify(value));
  async function* read(topic: string): AsyncGenerator<ReadRecord, void> {
    const rows = topic === names.results ? results : topic === names.rejected ? rejected : [];
    for (const [offset, { key, value, headers = {} }] of rows.entries())
      yield { partition: 0, offset, timeMs: 0, key: bytes(key), value: bytes(value), headers };
  }
  return { names, read };
}

function row(impressions: number, clicks: number, startMs = START): Written {
  const key = { product_id: 'p', window_start: new Date(startMs).toISOString() };
  const end = new Date(startMs + 10_000).toISOString();
  return { key, value: { ...key, window_end: end, impressions, clicks } };
}

const tombstone = { key: row(0, 0).key, value: null };

function rejection(offset: number, reason: string): Written {
  const headers = { reason, topic: 'v-events', partition: '0', offset: String(offset) };
  return { key: null, value: {}, headers };
}

function truth() {
  const event = (event_type: string, event_id?: string) =>
    JSON.stringify({ product_id: 'p', timestamp: START, event_type, event_id });
  const lines = [event('impression'), event('click', 'a'), event('click', 'a'), 'nonsense'];
  const records = lines.map(
    (text, offset): LogRecord => ({ offset, arrivalMs: START, bytes: Buffer.from(text) }),
  );
  const log = { partition: 'v-events-0', records };
  return expected(oracle([log], [], { ...SETTINGS, publishFloor: null }));
}

const NOT_JSON = rejection(3, 'not_json');

test('the last row of a window counts; what is neither counted nor rejected is a duplicate', async () => {
  const outcome = await flinkOutcome(outputs([row(1, 0), tombstone, row(1, 1)], [NOT_JSON]), 4);
  assert.deepEqual(differences(truth(), outcome), []);
});

test('more than there is to count is a difference, not nothing', async () => {
  const { ledger } = await flinkOutcome(outputs([row(4, 1)], [NOT_JSON]), 4);
  assert.equal(ledger.get('duplicate'), -2);
});

test('a wrong count, a lost window, one too many, a lost or doubled rejection are seen', async () => {
  const whats = async (results: Written[], rejected: Written[]) => {
    const found = differences(truth(), await flinkOutcome(outputs(results, rejected), 4));
    return found.map(({ what, where }) => (what === 'ledger' ? where : what)).sort();
  };
  assert.deepEqual(await whats([row(2, 1)], [NOT_JSON]), ['counted', 'duplicate', 'window']);
  assert.deepEqual(await whats([row(1, 1), tombstone], [NOT_JSON]), [
    'counted',
    'duplicate',
    'window',
  ]);
  const other = row(0, 1, START + 10_000);
  assert.deepEqual(await whats([row(1, 0), other], [NOT_JSON]), ['window', 'window']);
  assert.deepEqual(await whats([row(1, 1)], []), ['duplicate', 'event', 'not_json']);
  assert.deepEqual(await whats([row(1, 1)], [NOT_JSON, NOT_JSON]), ['duplicate', 'not_json']);
  const other2 = rejection(2, 'not_json');
  assert.deepEqual(await whats([row(1, 1)], [other2]), ['event', 'event']);
});

test('one partition where some event is too late, several where none is', () => {
  const event = (timestamp: number) =>
    JSON.stringify({ product_id: 'p', timestamp, event_type: 'click' });
  const shapeOf = (...times: number[]) => {
    const records = times.map(
      (ts, offset): LogRecord => ({ offset, arrivalMs: START, bytes: Buffer.from(event(ts)) }),
    );
    return shapeFor(
      oracle([{ partition: 'file-0', records }], [], { ...SETTINGS, publishFloor: null }),
    );
  };
  // A window that ends at START is closed by the event at START + 7 999.
  assert.deepEqual(shapeOf(START + 7_998, START - 1), { partitions: 3, parallelism: 2 });
  assert.deepEqual(shapeOf(START + 7_999, START - 1), { partitions: 1, parallelism: 1 });
});
