/** CSV against an own writer (RFC 4180), for any content, chunk, batch, packing and place. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parseCsvMapping } from '../../src/sources/csv.ts';
import { CsvRow } from '../../src/sources/csv-row.ts';
import { fc } from '../support/fast-check.ts';
import { temporary } from '../support/processes.ts';
import { runsFromEnv } from '../support/random.ts';
import { batchesOf, readAll } from './file-reader.ts';

const { seed, runs } = runsFromEnv({ seed: 1, runs: 400 });

type Row = { time: number; product: string; clicked: boolean; note: string };
type Form = {
  end: string;
  hasMark: boolean;
  hasLastEnd: boolean;
  isGzip: boolean;
  quotes: boolean;
};

/** RFC 4180, rules 5 to 7; without need a field is only quoted where `always`. */
function written(field: string, always: boolean): string {
  // A carriage return may end a field only within quotes.
  if (!always && !/[",\r\n]/.test(field)) return field;
  return `"${field.replaceAll('"', '""')}"`;
}

function fileOf(rows: readonly Row[], { end, hasMark, hasLastEnd, quotes }: Form): string {
  const lines = rows.map(({ note, clicked, product, time }) =>
    [note, clicked ? '1' : '0', product, String(time)]
      .map((field) => written(field, quotes))
      .join(','),
  );
  const text = ['note,click,item,ts', ...lines].join(end);
  return `${hasMark ? '\ufeff' : ''}${text}${hasLastEnd ? end : ''}`;
}

/** What the rows mean. */
function eventsOf(rows: readonly Row[]): string[] {
  const text = ({ product, time }: Row, event_type: string) =>
    JSON.stringify({ product_id: product, timestamp: time, event_type });
  return rows.flatMap((row) => [
    text(row, 'impression'),
    ...(row.clicked ? [text(row, 'click')] : []),
  ]);
}

const anyText = fc.string({
  unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'é', '𝄞', '\ufeff'),
});
const anyRow: fc.Arbitrary<Row> = fc.record({
  time: fc.integer({ min: 0, max: 2_000_000_000_000 }),
  product: anyText.filter((text) => text !== ''),
  clicked: fc.boolean(),
  note: anyText,
});
const anyForm: fc.Arbitrary<Form> = fc.record({
  end: fc.constantFrom('\n', '\r\n'),
  hasMark: fc.boolean(),
  hasLastEnd: fc.boolean(),
  isGzip: fc.boolean(),
  quotes: fc.boolean(),
});

test('every row becomes its events exactly once, read in any pieces, from any offset', async (t) => {
  const directory = temporary(t);
  const anyFile = fc.record({ rows: fc.array(anyRow, { maxLength: 12 }), form: anyForm });
  const anyPieces = fc.record({
    batchBytes: fc.integer({ min: 1, max: 200 }),
    batchRecords: fc.integer({ min: 1, max: 9 }),
    resumeAt: fc.nat(30),
    sort: fc.boolean(),
  });
  let run = 0;
  const property = fc.asyncProperty(
    fc.array(anyFile, { minLength: 1, maxLength: 3 }),
    anyPieces,
    async (parts, { batchBytes, batchRecords, resumeAt, sort }) => {
      const base = run++;
      const files = parts.map(({ rows, form }, n) => {
        const name = join(directory, `${base % 4}-${n}`);
        const text = fileOf(rows, form);
        writeFileSync(name, form.isGzip ? gzipSync(text) : text);
        return name;
      });
      const limits = batchesOf(batchRecords, batchBytes);
      const csv = parseCsvMapping('time=ts,product=item,clicked=click');
      const all = await readAll({ files, csv, limits });
      const expected = parts.flatMap(({ rows }) => eventsOf(rows));
      assert.deepEqual(
        all.map(({ text }) => text),
        expected,
      );
      const ordered = sort ? await readAll({ files, csv, limits, sort }) : all;
      const rest = ordered.slice(resumeAt);
      if (rest.length === 0) return;
      assert.deepEqual(await readAll({ files, csv, limits, sort }, rest[0].offset), rest);
    },
  );
  await fc.assert(property, { seed, numRuns: runs });
});

test('quotes that are closed a MiB behind the beginning of their row tear it, no nearer ones', () => {
  const most = 1_048_576;
  const behind = Buffer.from('x\n');
  /** A row in front, then one whose quotes are closed at its byte `close`. */
  const read = (close: number, isLast: boolean) => {
    const quoted = `"a\n${'b'.repeat(close - 3)}"`;
    const row = new CsvRow();
    const bytes = Buffer.concat([behind, Buffer.from(`${quoted},c\n`)]);
    const at = row.read(bytes, behind.length, isLast);
    return { at: at - behind.length, isTorn: row.isTorn, count: row.count };
  };
  for (const isLast of [false, true]) {
    assert.deepEqual(read(most - 1, isLast), { at: most + 2, isTorn: false, count: 2 });
    assert.deepEqual(read(most, isLast), { at: 2, isTorn: true, count: 1 });
  }
  // What is still read may bring them, but nothing is waited for beyond that.
  const open = Buffer.from(`"a\n${'b'.repeat(most)}`);
  const end = (length: number) => new CsvRow().read(open.subarray(0, length), 0, false);
  assert.deepEqual([end(most - 1), end(most)], [-1, 2]);
  const line = Buffer.from(`"${'b'.repeat(most)}`);
  const ends = [false, true].map((isLast) => new CsvRow().read(line, 0, isLast));
  assert.deepEqual(ends, [-1, line.length]);
});

test('a row ends with its line, known as soon as that is there', () => {
  const row = new CsvRow();
  // What stood elsewhere before is of no matter.
  const before = Buffer.from('a,b\n"c,d"\n');
  assert.equal(row.read(before, 4, false), 9);
  const cases: [text: string, at: number, fields: string[], raw: string, isTorn: boolean][] = [
    ['"a"\n"b', 3, ['a'], '"a"', false],
    ['"a\nb"\n', 5, ['a\nb'], '"a\nb"', false],
    ['x,"a\n""\r\n"\r\ny', 11, ['x', 'a\n"\r\n'], 'x,"a\n""\r\n"', false],
    ['a,\r\n', 3, ['a', ''], 'a,', false],
    ['\r\n', 1, [''], '', false],
    ['"a\r\nb"c,d\r\n', 3, ['a'], '"a', true],
    ['x,"a\nb"c', 4, ['x,"a'], 'x,"a', true],
  ];
  for (const [text, at, fields, raw, isTorn] of cases) {
    const bytes = Buffer.from(text);
    const end = row.read(bytes, 0, false);
    const found = Array.from({ length: row.count }, (_, n) => row.field(n));
    const all = [end, found, row.raw.toString(), row.isTorn, row.isBlank];
    assert.deepEqual(all, [at, fields, raw, isTorn, raw === ''], JSON.stringify(text));
  }
  assert.equal(row.field(1), undefined);
});

test('any bytes at all: the same records for any pieces; without quotes, one a line', async (t) => {
  const file = join(temporary(t), 'any.csv');
  const anyBytes = (of: Uint8Array) => fc.array(fc.constantFrom(...of), { maxLength: 60 });
  const property = fc.asyncProperty(
    fc.oneof(
      anyBytes(Buffer.from('a,\n\n\r \xff', 'latin1')),
      anyBytes(Buffer.from('a,,"""\n\r ')),
    ),
    fc.integer({ min: 1, max: 20 }),
    fc.integer({ min: 1, max: 5 }),
    async (bytes, batchBytes, batchRecords) => {
      const text = Buffer.from(bytes).toString('latin1');
      writeFileSync(file, Buffer.from(`ts,item\n${text}`, 'latin1'));
      const csv = parseCsvMapping('time=ts,product=item');
      const whole = await readAll({ files: [file], csv });
      const limits = batchesOf(batchRecords, batchBytes);
      assert.deepEqual(await readAll({ files: [file], csv, limits }), whole);
      const lines = text.split('\n').filter((line) => line !== '' && line !== '\r');
      if (!text.includes('"')) assert.equal(whole.length, lines.length);
      else assert.ok(whole.length <= lines.length && whole.length >= Math.min(1, lines.length));
    },
  );
  await fc.assert(property, { seed, numRuns: runs * 2 });
});
