/** Copying what can be read: quick, and told apart what is wrong with which file. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { impossible } from '../../src/repair/impossible.ts';
import { copyTable, salvage } from '../../src/repair/salvage.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { temporary } from '../support/processes.ts';

const ROWS = 3_000;

/** A file with comebacks, and without what keeps wrong ones out. */
function source(t: Parameters<typeof temporary>[0]): DatabaseSync {
  const db = new DatabaseSync(join(temporary(t), 'from.db'));
  t.after(() => db.close());
  db.exec(`CREATE TABLE comebacks (id INTEGER PRIMARY KEY, task, partition, position, watermark);
    WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ${ROWS})
    INSERT INTO comebacks SELECT id, 'a', '${'p'.repeat(100)}', id, id FROM n`);
  return db;
}

test('a row that the new table does not take is left out, and only that', (t) => {
  const from = source(t);
  from.exec("UPDATE comebacks SET position = 'no number' WHERE id = 7");
  from.exec('UPDATE comebacks SET task = NULL WHERE id = 8');
  const target = openDatabase(':memory:');
  t.after(() => target.close());
  assert.deepEqual(copyTable(from, target, 'comebacks'), { rows: ROWS - 2, left: 2, whole: true });
});

test('a full disk is no damage', (t) => {
  const target = openDatabase(join(temporary(t), 'to.db'));
  t.after(() => target.close());
  const pages = Number(target.prepare('PRAGMA page_count').get()?.page_count);
  target.exec(`PRAGMA max_page_count = ${pages + 2}`);
  try {
    copyTable(source(t), target, 'comebacks');
    assert.fail('it was copied');
  } catch (error) {
    assert.equal(impossible('clickrate.db', error).code, 'store_full');
  }
});

test('around a damaged page the rows are read, and each table is written at once', (t) => {
  const directory = temporary(t);
  const [from, to] = [join(directory, 'from.db'), join(directory, 'to.db')];
  const db = openDatabase(from);
  db.exec(`WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ${ROWS})
    INSERT INTO comebacks SELECT id, 'a', '${'p'.repeat(100)}', id, id FROM n;
    PRAGMA wal_checkpoint(TRUNCATE)`);
  db.close();
  const bytes = readFileSync(from);
  const pages = bytes.length / 4_096;
  bytes.fill(0xff, (pages - 40) * 4_096, (pages - 39) * 4_096);
  writeFileSync(from, bytes);
  const found = salvage(from, to).get('comebacks')!;
  assert.ok(!found.whole && found.rows > ROWS - 100 && found.rows < ROWS, `${found.rows} rows`);
});
