/** The records of files, all in memory at once, as the oracle reads them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { LIMITS } from '../../src/config.ts';
import { parseCsvMapping } from '../../src/sources/csv.ts';
import { readRecords } from '../../src/verify/records.ts';
import { ROOT, temporary } from '../support/processes.ts';

test('CSV of several batches: each record stays what it was read as', async (t) => {
  const file = join(temporary(t), 'f.csv');
  const product = (n: number) => `${'p'.repeat(100)}${n}`;
  const rows = Array.from(
    { length: 20_000 },
    (_, n) => `${1_577_836_800_000 + n},${product(n)},0\n`,
  );
  const text = `time,product,clicked\n${rows.join('')}`;
  assert.ok(text.length > 2 * LIMITS.batchBytes);
  writeFileSync(file, text);
  const csv = parseCsvMapping('time=time,product=product,clicked=clicked');
  const records = await readRecords({ files: [file], csv, sort: false }, 0);
  assert.equal(records.length, rows.length);
  for (const [n, { bytes }] of records.entries())
    assert.equal(JSON.parse(Buffer.from(bytes).toString()).product_id, product(n));
});

test('what lies behind the zeros at the end of a gzip is not passed over', async (t) => {
  const file = join(temporary(t), 'f.gz');
  const [first, second] = [gzipSync('a\n'), gzipSync('b\n')];
  const read = (...parts: Buffer[]) => {
    writeFileSync(file, Buffer.concat(parts));
    return readRecords({ files: [file], sort: false }, 0);
  };
  const zeros = Buffer.alloc(512);
  assert.equal((await read(first, second, zeros)).length, 2);
  const wrong = { code: 'file_unreadable', message: /f\.gz: .*zeros from byte \d+ on/ };
  await assert.rejects(read(first, zeros, second), wrong);
});

test('a file that cannot be read ends verify with one sentence that names it', (t) => {
  const missing = join(temporary(t), 'missing.ndjson');
  const args = [join(ROOT, 'src/cli/main.ts'), 'verify', missing];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.equal(status, 1);
  assert.match(stderr.trimEnd(), /^clickrate: .*missing\.ndjson: .*$/);
});
