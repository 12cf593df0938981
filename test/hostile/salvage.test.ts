/** Copying what can be read: quick, and told apart what is wrong with which file. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { impossible } from '../../src/repair/impossible.ts';
import { copyTable, mendHeader, mendSchema, salvage } from '../../src/repair/salvage.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { brokenSchema } from '../../src/sqlite-check.ts';
import { FORMS_AT, WITH_LOG, WITHOUT_LOG } from '../../src/sqlite-log.ts';
import { freshSchema } from '../../src/sqlite-tables.ts';
import { SqliteStore } from '../../src/stores/sqlite/store.ts';
import { commitOf, keptOf, resultIn } from '../stores/commits.ts';
import { temporary } from '../support/processes.ts';

const ROWS = 3_000;

/** A file with comebacks, and without what keeps wrong ones out. */
function source(t: Parameters<typeof temporary>[0]): DatabaseSync {
  const db = new DatabaseSync(join(temporary(t), 'from.db'));
  t.after(() => db.close());
  db.exec(`CREATE TABLE comebacks (id, task, partition, position, watermark);
    WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ${ROWS})
    INSERT INTO comebacks SELECT id, 'a', '${'p'.repeat(100)}', id, id FROM n`);
  return db;
}

test('a row that the new table does not take is left out, and only that', (t) => {
  const from = source(t);
  from.exec("UPDATE comebacks SET position = 'no number' WHERE id = 7");
  from.exec('UPDATE comebacks SET task = NULL WHERE id = 8');
  from.exec("UPDATE comebacks SET id = 'no number' WHERE id = 9");
  const target = openDatabase(':memory:');
  t.after(() => target.close());
  assert.deepEqual(copyTable(from, target, 'comebacks'), { rows: ROWS - 3, left: 3, whole: true });
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

test('what is wrong with the machine is no damage either', (t) => {
  const target = openDatabase(':memory:');
  t.after(() => target.close());
  for (const [errcode, is] of [
    [7, 'store_unavailable'],
    [10 + 256 * 3, 'store_unavailable'],
    [13, 'store_full'],
  ] as const) {
    const prepare = () => {
      throw Object.assign(new Error('answered'), { errcode });
    };
    const from = { prepare } as unknown as DatabaseSync;
    assert.throws(
      () => copyTable(from, target, 'comebacks'),
      (error) => impossible('clickrate.db', error).code === is,
    );
    target.exec('ROLLBACK');
  }
});

test('every table of ours is copied whole, also numbers that JavaScript does not have', async (t) => {
  const directory = temporary(t);
  const [from, to] = [join(directory, 'from.db'), join(directory, 'to.db')];
  const db = openDatabase(from);
  const store = new SqliteStore(db);
  const fence = await store.claim('0', 'token');
  const content = {
    parts: [{ name: 'block/0', bytes: Uint8Array.of(1) }],
    claims: ['x', 'y'],
    results: [resultIn('x', 1, 7)],
    kept: [keptOf(1, Date.now())],
    comebacks: [{ partition: 'p', offset: 1, watermark: 2 }],
  };
  await store.commit(commitOf('0', fence, 1, content));
  await store.commit(commitOf('0', fence, 2, { parts: content.parts, removals: ['y'] }));
  db.exec("INSERT INTO journal VALUES (9007199254740993, 1, 1, 1, x'', x'', 1)");
  const names = [...freshSchema().keys()]
    .filter((what) => what.startsWith('table ') && !what.includes('sqlite_'))
    .map((what) => what.slice('table '.length));
  const contents = (of: DatabaseSync) =>
    names.map((name): [string, unknown[]] => {
      const rows = of.prepare(`SELECT * FROM ${name}`);
      rows.setReadBigInts(true);
      return [name, rows.all()];
    });
  const all = contents(db);
  for (const [name, rows] of all) assert.ok(rows.length > 0, `${name} has rows`);
  db.close();
  assert.deepEqual(
    salvage(from, to),
    new Map(all.map(([name, rows]) => [name, { rows: rows.length, left: 0, whole: true }])),
  );
  const copied = new DatabaseSync(to);
  t.after(() => copied.close());
  assert.deepEqual(contents(copied), all);
});

/** A new file of ours, and its bytes. */
function fresh(t: Parameters<typeof temporary>[0]) {
  const file = join(temporary(t), 'fresh.db');
  openDatabase(file).close();
  return { file, bytes: readFileSync(file) };
}

/** Numbers of the header that change: four bytes each. */
const CHANGING = [24, 32, 36, 40, 48, 52, 60, 64];

test('of the header all that never changes is written anew, and nothing else', (t) => {
  const { file, bytes } = fresh(t);
  assert.deepEqual(bytes.subarray(FORMS_AT, FORMS_AT + 2), WITH_LOG);
  for (let at = 0; at < 100; at++) {
    const damaged = Uint8Array.from(bytes);
    damaged[at] ^= 0x80;
    writeFileSync(file, damaged);
    const isMended = mendHeader(file);
    const after = readFileSync(file);
    assert.ok(after.equals(isMended ? bytes : damaged), `byte ${at}`);
    assert.equal(isMended, at < 72 && !CHANGING.includes(at - (at % 4)), `byte ${at}`);
  }
  // A copy of it has no log, and one that was cut off no whole number of pages.
  bytes.set(WITHOUT_LOG, FORMS_AT);
  for (const more of [0, 1, 4_095]) {
    writeFileSync(file, Buffer.concat([bytes, Buffer.alloc(more)]));
    assert.equal(mendHeader(file), false);
  }
});

/** What is done to the definitions, how many are written anew, and whether all are right then. */
const DEFINITIONS: [sql: string, mended: number, isWhole: boolean][] = [
  ['SELECT 1', 0, true],
  ["UPDATE sqlite_schema SET sql = 'nonsense' WHERE name IN ('cells', 'kept')", 2, true],
  ["UPDATE sqlite_schema SET type = 'view' WHERE name = 'cells'", 1, true],
  ["UPDATE sqlite_schema SET tbl_name = 'x' WHERE name = 'cells'", 1, true],
  ["UPDATE sqlite_schema SET name = 'x' WHERE name = 'cells'", 1, true],
  ["UPDATE sqlite_schema SET name = 'x', sql = 'x' WHERE name = 'cells'", 1, true],
  ["UPDATE sqlite_schema SET name = 'x' || name WHERE name IN ('cells', 'kept')", 0, false],
  ["DELETE FROM sqlite_schema WHERE name = 'cells'", 0, false],
  ['CREATE TABLE another (x)', 0, true],
  ["CREATE TABLE another (x); UPDATE sqlite_schema SET name = 'x' WHERE name = 'cells'", 0, false],
];

function hasOurTables(file: string): boolean {
  const db = new DatabaseSync(file);
  try {
    return brokenSchema(db, freshSchema()).length === 0;
  } catch {
    return false;
  } finally {
    db.close();
  }
}

for (const [sql, mended, isWhole] of DEFINITIONS)
  test(`definitions of tables after: ${sql}`, (t) => {
    const { file } = fresh(t);
    const db = new DatabaseSync(file, { defensive: false });
    db.exec(`PRAGMA writable_schema = ON; ${sql}`);
    db.close();
    assert.equal(mendSchema(file), mended);
    assert.equal(hasOurTables(file), isWhole);
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
