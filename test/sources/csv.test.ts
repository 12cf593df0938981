import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LIMITS } from '../../src/config.ts';
import { parseCsvMapping } from '../../src/sources/csv.ts';
import { FileSource } from '../../src/sources/file.ts';
import { parseTime } from '../../src/sources/timestamps.ts';
import { temporary } from '../support/processes.ts';
import { SimClock } from '../support/sim-clock.ts';

async function recordsOf(
  t: Parameters<typeof temporary>[0],
  text: string,
  mapping: string,
  batchRecords = 100,
) {
  const file = join(temporary(t), 'f.csv');
  writeFileSync(file, text);
  const limits = { ...LIMITS, batchRecords };
  const source = new FileSource({
    files: [file],
    clock: new SimClock(0),
    limits,
    csv: parseCsvMapping(mapping),
  });
  await source.open([{ offset: null, topicId: null }]);
  const records: string[] = [];
  while (!source.ended) {
    const [{ records: batch }] = await source.read([true]);
    for (let i = 0; i < batch.count; i++)
      records.push(Buffer.from(batch.bytes.slice(batch.starts[i], batch.ends[i])).toString());
  }
  return records;
}

const event = (product: string, timestamp: number, event_type: string) =>
  JSON.stringify({ product_id: product, timestamp, event_type });

test('a row is an impression, and a click at the same time where it was clicked', async (t) => {
  const text =
    'ts,item,click,more\n2020-01-01T00:00:00Z,a,0,x\n1577836801000,"b ""q"", c",1,y\n2020-01-01,c,TRUE,"two\nlines"\n';
  for (const size of [2, 3, 100])
    assert.deepEqual(await recordsOf(t, text, 'time=ts,product=item,clicked=click', size), [
      event('a', 1577836800000, 'impression'),
      event('b "q", c', 1577836801000, 'impression'),
      event('b "q", c', 1577836801000, 'click'),
      event('c', 1577836800000, 'impression'),
      event('c', 1577836800000, 'click'),
    ]);
});

test('a row that cannot be read says what it can, and is kept in the record', async (t) => {
  const text = 'ts,item,click\nyesterday,a,0\n2020-01-01,a,maybe\n2020-01-01\n';
  const records = await recordsOf(t, text, 'time=ts,product=item,clicked=click');
  assert.deepEqual(
    records.map((record) => JSON.parse(record)),
    [
      { product_id: 'a', timestamp: 'yesterday', event_type: 'impression', row: 'yesterday,a,0' },
      { product_id: 'a', timestamp: 1577836800000, event_type: 'impression' },
      {
        product_id: 'a',
        timestamp: 1577836800000,
        event_type: 'clicked: maybe',
        row: '2020-01-01,a,maybe',
      },
      { timestamp: 1577836800000, row: '2020-01-01' },
    ],
  );
});

test('a missing column is named with those there are; a bad mapping too', async (t) => {
  await assert.rejects(recordsOf(t, 'a,b\n1,2\n', 'time=a,product=nope'), {
    code: 'usage',
    message: /no column nope; its columns are a, b/,
  });
  for (const bad of ['', 'time=a', 'time=a,product=b,x=c', 'time=a,time=b,product=c'])
    assert.throws(() => parseCsvMapping(bad), { code: 'usage' });
});

test('times: ISO 8601 with any fraction, floored, also before 1970; epoch milliseconds', () => {
  const cases: [string, number | null][] = [
    ['2019-11-24 00:01:03.979311+00:00', Date.UTC(2019, 10, 24, 0, 1, 3, 979)],
    ['2019-11-24T00:01:03.979999999Z', Date.UTC(2019, 10, 24, 0, 1, 3, 979)],
    ['2019-11-24T01:01:03+0100', Date.UTC(2019, 10, 24, 0, 1, 3)],
    ['2019-11-24T01:01:03-01', Date.UTC(2019, 10, 24, 2, 1, 3)],
    ['2019-11-24T00:01:03,5Z', Date.UTC(2019, 10, 24, 0, 1, 3, 500)],
    ['2019-11-24 00:01', Date.UTC(2019, 10, 24, 0, 1)],
    ['1969-12-31T23:59:59.9999Z', -1],
    ['0001-01-01', -62135596800000],
    ['1574553663979', 1574553663979],
    ['-5', -5],
    ['2019-02-29', null],
    ['2019-13-01', null],
    ['2019-01-01T24:00:00', null],
    ['1.5', null],
    ['', null],
    ['soon', null],
  ];
  for (const [text, expected] of cases) assert.equal(parseTime(text), expected, text);
});
