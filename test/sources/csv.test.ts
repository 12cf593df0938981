import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LIMITS, settingsWith } from '../../src/config.ts';
import { judgeReference } from '../../src/decode/reference.ts';
import { CLICK } from '../../src/event.ts';
import { csvOf, parseCsvMapping } from '../../src/sources/csv.ts';
import { parseTime } from '../../src/sources/timestamps.ts';
import { temporary } from '../support/processes.ts';
import { batchesOf, readAll } from './file-reader.ts';

const MAPPING = 'time=ts,product=item,clicked=click';
const HEADER = 'ts,item,click\n';
const SETTINGS = settingsWith({});

type Test = Parameters<typeof temporary>[0];

async function recordsOf(
  t: Test,
  content: string | Uint8Array,
  mapping = MAPPING,
  limits = LIMITS,
): Promise<string[]> {
  const file = join(temporary(t), 'f.csv');
  writeFileSync(file, content);
  const records = await readAll({ files: [file], limits, csv: parseCsvMapping(mapping) });
  return records.map(({ text }) => text);
}

/** Each record as `product type`, or why it is rejected, as the decoder has it. */
async function verdictsOf(t: Test, content: string | Uint8Array): Promise<string[]> {
  const records = await recordsOf(t, content);
  return records.map((text) => {
    const bytes = Buffer.from(text);
    const judged = judgeReference(bytes, 0, bytes.length, Date.now(), SETTINGS);
    if ('reject' in judged) return judged.reject;
    return `${judged.product} ${judged.kind === CLICK ? 'click' : 'impression'}`;
  });
}

const event = (product: string, timestamp: number, event_type: string) =>
  JSON.stringify({ product_id: product, timestamp, event_type });

const FLAG = '--csv time=COL,product=COL,clicked=COL';

test('a row is an impression, and a click at the same time where it was clicked', async (t) => {
  const text =
    'ts,item,click,more\n2020-01-01T00:00:00Z,a,0,x\n1577836801000,"b ""q"", c",1,y\n' +
    '2020-01-01,c,TRUE,"two\nlines"\n';
  for (const size of [1, 2, 3, 100])
    assert.deepEqual(await recordsOf(t, text, MAPPING, batchesOf(size)), [
      event('a', 1577836800000, 'impression'),
      event('b "q", c', 1577836801000, 'impression'),
      event('b "q", c', 1577836801000, 'click'),
      event('c', 1577836800000, 'impression'),
      event('c', 1577836800000, 'click'),
    ]);
});

test('a row that cannot be read says what it can, and is kept in the record', async (t) => {
  const text = `${HEADER}yesterday,a,0\n2020-01-01,a,maybe\n2020-01-01\n`;
  const records = await recordsOf(t, text);
  const time = 1577836800000;
  assert.deepEqual(
    records.map((record) => JSON.parse(record)),
    [
      { product_id: 'a', timestamp: 'yesterday', event_type: 'impression', row: 'yesterday,a,0' },
      { product_id: 'a', timestamp: time, event_type: 'impression' },
      {
        product_id: 'a',
        timestamp: time,
        event_type: 'clicked: maybe',
        row: '2020-01-01,a,maybe',
      },
      { timestamp: time, row: '2020-01-01' },
    ],
  );
});

test('what a row lacks is the reason it is rejected for', async (t) => {
  const text = `${HEADER}yesterday,a,0\n5,a,maybe\n5\n5,a\n5,,1\n1577836800,a,0\n`;
  assert.deepEqual(await verdictsOf(t, text), [
    'bad_timestamp',
    'a impression',
    'bad_event_type',
    'missing_product_id',
    'bad_event_type',
    'bad_product_id',
    'timestamp_unit',
  ]);
});

test('a byte order mark, blank lines and a last row without newline lose nothing', async (t) => {
  const rows = ['5,a,0', '6,b,1'];
  const expected = ['a impression', 'b impression', 'b click'];
  for (const mark of ['', '\ufeff'])
    for (const end of ['\n', '\r\n'])
      for (const last of ['', end, end + end]) {
        const text = mark + ['', 'ts,item,click', rows[0], '', rows[1]].join(end) + last;
        assert.deepEqual(await verdictsOf(t, text), expected, JSON.stringify(text));
      }
});

test('quotes that are never closed cost their own row only', async (t) => {
  const good = (rows: number) => Array.from({ length: rows }, (_, n) => `${n},"p",0\n`).join('');
  const plain = (rows: number) => Array.from({ length: rows }, (_, n) => `${n},p,0\n`).join('');
  const torn = '5,"broken,0\n';
  for (const rows of [good(3), plain(3), plain(50_000)]) {
    const verdicts = await verdictsOf(t, HEADER + rows + torn + rows);
    const count = rows.split('\n').length - 1;
    assert.equal(verdicts.filter((verdict) => verdict === 'p impression').length, 2 * count);
    assert.deepEqual(
      verdicts.filter((verdict) => verdict !== 'p impression'),
      ['not_json'],
    );
  }
  assert.deepEqual(await recordsOf(t, `${HEADER}5,a,0\n${torn}5,"last`), [
    event('a', 5, 'impression'),
    '5,"broken,0',
    '5,"last',
  ]);
});

test('quotes that are torn far away from their newline cost their own line only', async (t) => {
  // Its newline was seen long before it is known that the quotes are broken.
  const text = `${HEADER}1,p,0\n5,"broken,0\n${'y'.repeat(1_500_000)}`;
  const verdicts = await verdictsOf(t, `${text}\n2,p,0\n`);
  assert.deepEqual(verdicts, ['p impression', 'not_json', 'too_large', 'p impression']);
});

test('a quote within a field is a character; text behind a closed one belongs to it', async (t) => {
  const text = `${HEADER}5,5" disk,0\n6,"a"b,0\n7,"",0\n8,"x""\n""y",1\n`;
  assert.deepEqual(await verdictsOf(t, text), [
    '5" disk impression',
    'ab impression',
    'bad_product_id',
    'x"\n"y impression',
    'x"\n"y click',
  ]);
});

test('a row longer than any batch is one record, and the rows behind it are read', async (t) => {
  const long = `5,${'y'.repeat(17_500_000)},1\n`;
  const rows = '6,a,0\n'.repeat(10_000);
  for (const content of [HEADER + long + rows, HEADER + rows + long + rows]) {
    const verdicts = await verdictsOf(t, content);
    assert.equal(verdicts.filter((verdict) => verdict === 'too_large').length, 1);
    const good = verdicts.filter((verdict) => verdict === 'a impression').length;
    assert.equal(good, verdicts.length - 1);
    assert.equal(good, (content.length - HEADER.length - long.length) / 6);
  }
});

test('bytes that are no UTF-8 make no two products one: the row is rejected', async (t) => {
  const bytes = Buffer.concat([
    Buffer.from(`${HEADER}5,`),
    Buffer.from([0xff]),
    Buffer.from(',0\n'),
  ]);
  assert.deepEqual(await verdictsOf(t, bytes), ['not_json']);
  assert.deepEqual(await verdictsOf(t, `${HEADER}5,\ufffd,0\n`), ['\ufffd impression']);
});

test('a missing column is named with those there are; a bad mapping too', async (t) => {
  await assert.rejects(recordsOf(t, 'a,b\n1,2\n', 'time=a,product=nope'), {
    code: 'usage',
    message: /no column nope; its columns are a, b/,
  });
  const said = parseCsvMapping(' product = b c , time = a ');
  assert.deepEqual(said, { time: 'a', product: 'b c', clicked: null });
  for (const bad of [
    '',
    'time=a',
    'product=b',
    'timex,product=b',
    'time=a,product=',
    'time=a,product=b,clicked=',
    'time=a,product=b,x=c',
    'time=a,time=b',
    'time=a,time=b,product=c',
  ])
    assert.throws(() => parseCsvMapping(bad), { code: 'usage' }, bad);
});

test('a file that is called CSV is not read as something else', () => {
  const said = { csv: parseCsvMapping('time=a,product=b') };
  assert.deepEqual(csvOf(['events'], 'time=a,product=b'), said);
  assert.deepEqual(csvOf(['events.ndjson', 'csv', 'a.csv.ndjson'], undefined), {});
  for (const file of ['day.csv', 'day.CSV.gz'])
    assert.throws(() => csvOf(['events', file], undefined), {
      code: 'usage',
      message: `${file} is CSV by its name: name its columns with ${FLAG}`,
    });
});

test('times: ISO 8601 with any fraction, floored, also before 1970; epoch milliseconds', () => {
  const cases: [string, number | null][] = [
    ['2019-11-24 00:01:03.979311+00:00', Date.UTC(2019, 10, 24, 0, 1, 3, 979)],
    ['2019-11-24T00:01:03.979999999Z', Date.UTC(2019, 10, 24, 0, 1, 3, 979)],
    ['2019-11-24T01:01:03+0100', Date.UTC(2019, 10, 24, 0, 1, 3)],
    ['2019-11-24T01:01:03-01', Date.UTC(2019, 10, 24, 2, 1, 3)],
    ['2019-11-24T01:01:03+05:30', Date.UTC(2019, 10, 23, 19, 31, 3)],
    ['2019-11-24T01:01:03 -0330', Date.UTC(2019, 10, 24, 4, 31, 3)],
    [' 2019-11-24T01:01:03z ', Date.UTC(2019, 10, 24, 1, 1, 3)],
    ['2019-11-24T00:01:03,5Z', Date.UTC(2019, 10, 24, 0, 1, 3, 500)],
    ['2019-11-24 00:01', Date.UTC(2019, 10, 24, 0, 1)],
    ['1969-12-31T23:59:59.9999Z', -1],
    ['0001-01-01', -62135596800000],
    ['1574553663979', 1574553663979],
    ['-5', -5],
    [' 9007199254740991\t', Number.MAX_SAFE_INTEGER],
    ['9007199254740993', null],
    ['2019-02-29', null],
    ['2019-13-01', null],
    ['2019-01-01T24:00:00', null],
    ['1.5', null],
    ['', null],
    ['soon', null],
  ];
  for (const [text, expected] of cases) assert.equal(parseTime(text), expected, text);
});

test('rows of many batches come in the order of their times', async (t) => {
  const file = join(temporary(t), 'f.csv');
  const times = [5, 3, 4, 1, 2].map((n) => 1_577_836_800_000 + n);
  writeFileSync(file, HEADER + times.map((time, n) => `${time},p${n},0\n`).join(''));
  const parts = { files: [file], limits: batchesOf(2, 40), csv: parseCsvMapping(MAPPING) };
  const records = await readAll({ ...parts, sort: true });
  assert.deepEqual(
    records.map(({ text }) => JSON.parse(text).product_id),
    ['p3', 'p4', 'p1', 'p2', 'p0'],
  );
});
