/** The tables of the database file, by version, and how those of older versions become these. */
import { DatabaseSync } from 'node:sqlite';
import { SUMMED, schemaOf } from './sqlite-check.ts';

/** Of the whole file. Newer code reads older files; a newer file is refused. */
export const SCHEMA_VERSION = 3;

/** Tables and their rows' checksums (`crc`): see `sqlite-check.ts`. */
const TABLES = `
-- Single values: incarnation, writer, change (number of the last), window_ms, next_no
CREATE TABLE IF NOT EXISTS meta (
  name TEXT PRIMARY KEY, value ANY NOT NULL, crc INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- tasks.ts; committed: how many of the last its owner may send again; parts: how many it has
CREATE TABLE IF NOT EXISTS tasks (
  task TEXT PRIMARY KEY, epoch INTEGER NOT NULL, token TEXT NOT NULL, number INTEGER NOT NULL,
  committed INTEGER NOT NULL, status TEXT, parts INTEGER NOT NULL,
  crc INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS parts (
  task TEXT NOT NULL, name TEXT NOT NULL, bytes BLOB NOT NULL, crc INTEGER NOT NULL,
  UNIQUE (task, name)) STRICT;

-- products.ts; a number is one product's for ever: history holds cells under it. Without an owner
-- (task '') it has left latest and previous; departed tells which of those left first
CREATE TABLE IF NOT EXISTS products (
  no INTEGER PRIMARY KEY, product TEXT NOT NULL UNIQUE, task TEXT NOT NULL,
  crc INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS departed (
  turn INTEGER PRIMARY KEY AUTOINCREMENT, no INTEGER NOT NULL UNIQUE) STRICT;

-- rows.ts: latest and previous of a bucket of products, packed by no
CREATE TABLE IF NOT EXISTS rows (
  bucket INTEGER PRIMARY KEY, rows BLOB NOT NULL, crc INTEGER NOT NULL) STRICT;

-- history.ts: the cells of a period of a level and a bucket of products, packed by no
CREATE TABLE IF NOT EXISTS cells (
  level TEXT NOT NULL, bucket INTEGER NOT NULL, start INTEGER NOT NULL, count INTEGER NOT NULL,
  cells BLOB NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (level, bucket, start)) STRICT;
CREATE INDEX IF NOT EXISTS cells_start ON cells (level, start);
CREATE TABLE IF NOT EXISTS cell_counts (level TEXT PRIMARY KEY, cells INTEGER NOT NULL)
  STRICT, WITHOUT ROWID;

-- kept.ts
CREATE TABLE IF NOT EXISTS kept (
  id INTEGER PRIMARY KEY AUTOINCREMENT, task TEXT NOT NULL, partition TEXT NOT NULL,
  position INTEGER NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL, arrival INTEGER NOT NULL,
  bytes BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS kept_reason ON kept (reason, id);
CREATE TABLE IF NOT EXISTS kept_totals (
  id INTEGER PRIMARY KEY CHECK (id = 1), events INTEGER NOT NULL, bytes INTEGER NOT NULL,
  pruned INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO kept_totals VALUES (1, 0, 0, 0);
CREATE TABLE IF NOT EXISTS comebacks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, task TEXT NOT NULL, partition TEXT NOT NULL,
  position INTEGER NOT NULL, watermark INTEGER NOT NULL) STRICT;

-- journal: rows of records; the head outlives them, so that offset and time never go back
CREATE TABLE IF NOT EXISTS journal (
  first INTEGER PRIMARY KEY, count INTEGER NOT NULL, arrival INTEGER NOT NULL,
  size INTEGER NOT NULL, ends BLOB NOT NULL, bytes BLOB NOT NULL,
  crc INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS journal_head (
  id INTEGER PRIMARY KEY CHECK (id = 1), topic TEXT NOT NULL, next INTEGER NOT NULL,
  arrival INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT;
`;

/** Tables and indexes as a new file has them. */
export function freshSchema(): ReturnType<typeof schemaOf> {
  const db = new DatabaseSync(':memory:');
  try {
    db.exec(TABLES);
    return schemaOf(db);
  } finally {
    db.close();
  }
}

/**
 * Makes the tables; those of older versions are written anew, for before version 3 rows had no
 * checksums. In version 1 an hour of windows had a table of its own.
 */
export function upgrade(db: DatabaseSync): void {
  const has = (table: string) =>
    db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(table);
  const isOld = versionOf(db) < SCHEMA_VERSION;
  const old = isOld ? Object.keys(SUMMED).filter((table) => has(table) !== undefined) : [];
  if (old.length > 0) db.exec('DROP INDEX IF EXISTS cells_start');
  for (const table of old) db.exec(`ALTER TABLE ${table} RENAME TO old_${table}`);
  db.exec(TABLES);
  for (const table of old) copyRows(db, table);
  for (const table of old) db.exec(`DROP TABLE old_${table}`);
  // How many cells a row has is counted when it is next written.
  if (has('history') !== undefined)
    db.exec(`INSERT INTO cells SELECT 'window', bucket, window_start, 0, cells,
row_sum('window', bucket, window_start, 0, cells) FROM history;
DROP TABLE history;`);
}

/** Columns that checksums do not cover; tasks had no number of parts. */
const BESIDE: Record<string, string> = {
  tasks: 'epoch, token, committed, ',
  journal_head: 'id, ',
};
const COUNT = '(SELECT count(*) FROM old_parts WHERE old_parts.task = old_tasks.task)';

function copyRows(db: DatabaseSync, table: string): void {
  const beside = BESIDE[table] ?? '';
  const columns = SUMMED[table].columns.join(', ');
  const values = table === 'tasks' ? columns.replace(/parts$/, COUNT) : columns;
  db.exec(`INSERT INTO ${table} (${beside}${columns}, crc)
SELECT ${beside}${values}, row_sum(${values}) FROM old_${table}`);
}

export function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

export function versionOf(db: DatabaseSync): number {
  return pragma(db, 'user_version');
}
