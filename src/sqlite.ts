/**
 * The one SQLite file of the embedded size: journal, checkpoint, results, history, kept events.
 * Write-ahead log with full synchronous writes: what was answered is on disk.
 */
import { randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { ClickrateError, type ErrorCode, messageOf } from './errors.ts';

/** Written into the file's header, so that a file of another program is told apart: "ctrs". */
const APPLICATION_ID = 0x63747273;

/** How long a reader of the same file, such as the `sqlite3` program, may hold up a write. */
const BUSY_MS = 1_000;

/** The write-ahead log is cut back to this size after a burst. */
const LOG_BYTES = 67_108_864;

const PRAGMAS = `
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = 1;
PRAGMA checkpoint_fullfsync = 1;
PRAGMA journal_size_limit = ${LOG_BYTES};
`;

/** SQLite's primary result codes that a person can do something about. */
const CODES: Record<number, ErrorCode> = {
  3: 'store_unavailable', // PERM
  4: 'store_unavailable', // ABORT
  5: 'store_unavailable', // BUSY
  6: 'store_unavailable', // LOCKED
  7: 'store_unavailable', // NOMEM
  8: 'store_unavailable', // READONLY
  10: 'store_unavailable', // IOERR
  11: 'checkpoint_damaged', // CORRUPT
  13: 'store_full', // FULL
  14: 'store_unavailable', // CANTOPEN
  15: 'store_unavailable', // PROTOCOL
  26: 'checkpoint_damaged', // NOTADB
};
/** Extended codes of I/O errors that mean "no room": IOERR_WRITE and IOERR_SHMSIZE. */
const NO_ROOM = [778, 4874];

/** Of the whole file. Newer code reads older files; a newer file is refused. */
const SCHEMA_VERSION = 2;

const TABLES = `
-- Single values: incarnation, writer, change (number of the last), window_ms, next_no
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;

-- tasks.ts; committed: the present owner has committed
CREATE TABLE IF NOT EXISTS tasks (
  task TEXT PRIMARY KEY, epoch INTEGER NOT NULL, token TEXT NOT NULL, number INTEGER NOT NULL,
  committed INTEGER NOT NULL, status TEXT) STRICT;
CREATE TABLE IF NOT EXISTS parts (
  task TEXT NOT NULL, name TEXT NOT NULL, bytes BLOB NOT NULL, UNIQUE (task, name)) STRICT;

-- products.ts; a number is one product's for ever: history holds cells under it. Without an owner
-- (task '') it has left latest and previous; departed tells which of those left first
CREATE TABLE IF NOT EXISTS products (
  no INTEGER PRIMARY KEY, product TEXT NOT NULL UNIQUE, task TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS departed (
  turn INTEGER PRIMARY KEY AUTOINCREMENT, no INTEGER NOT NULL UNIQUE) STRICT;

-- rows.ts: latest and previous of a bucket of products, packed by no
CREATE TABLE IF NOT EXISTS rows (bucket INTEGER PRIMARY KEY, rows BLOB NOT NULL) STRICT;

-- history.ts: the cells of a period of a level and a bucket of products, packed by no
CREATE TABLE IF NOT EXISTS cells (
  level TEXT NOT NULL, bucket INTEGER NOT NULL, start INTEGER NOT NULL, count INTEGER NOT NULL,
  cells BLOB NOT NULL, PRIMARY KEY (level, bucket, start)) STRICT;
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
  size INTEGER NOT NULL, ends BLOB NOT NULL, bytes BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS journal_head (
  id INTEGER PRIMARY KEY CHECK (id = 1), topic TEXT NOT NULL, next INTEGER NOT NULL,
  arrival INTEGER NOT NULL) STRICT;
`;

/** Opens (or makes) the file; throws `checkpoint_damaged` for a foreign, damaged or newer one. */
export function openDatabase(file: string): DatabaseSync {
  const db = translated(file, () => new DatabaseSync(file, { timeout: BUSY_MS }));
  try {
    translated(file, () => {
      // Looked at first: a foreign file is left as it is.
      refuseForeign(db, file);
      db.exec(PRAGMAS);
    });
    transaction(db, () => {
      db.exec(TABLES);
      upgrade(db);
      db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}; PRAGMA application_id = ${APPLICATION_ID}`);
      const insert = db.prepare('INSERT OR IGNORE INTO meta VALUES (?, ?)');
      insert.run('incarnation', randomUUID());
      insert.run('change', 0);
      insert.run('next_no', 1);
      db.prepare('INSERT OR IGNORE INTO journal_head VALUES (1, ?, 0, 0)').run(randomUUID());
    });
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** From version 1: an hour of windows in a table of its own; removed products had no row. */
function upgrade(db: DatabaseSync): void {
  const old = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'history'").get();
  if (old === undefined) return;
  // How many cells a row has is counted when it is next written.
  db.exec(`INSERT INTO cells SELECT 'window', bucket, window_start, 0, cells FROM history;
DROP TABLE history;`);
}

function refuseForeign(db: DatabaseSync, file: string): void {
  const pragma = (name: string) =>
    Number(Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
  const isEmpty = db.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
  const id = pragma('application_id');
  if (id !== APPLICATION_ID && !(id === 0 && isEmpty))
    throw new ClickrateError('checkpoint_damaged', `${file} is a file of another program`);
  const version = pragma('user_version');
  if (version > SCHEMA_VERSION)
    throw new ClickrateError(
      'checkpoint_damaged',
      `${file} has tables of version ${version}, this clickrate knows ${SCHEMA_VERSION}: ` +
        'use the newer clickrate that wrote it',
    );
}

/** Runs `body` in one transaction: all of it, or nothing. */
export function transaction<T>(db: DatabaseSync, body: () => T): T {
  return reading(db, () => {
    db.exec('BEGIN IMMEDIATE');
    try {
      const value = body();
      db.exec('COMMIT');
      return value;
    } catch (error) {
      // SQLite may have rolled back by itself, as it does when the disk is full.
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  });
}

/** Runs reads; an error names the file. */
export function reading<T>(db: DatabaseSync, body: () => T): T {
  if (!db.isOpen) throw new ClickrateError('store_unavailable', 'the database is closed');
  return translated(db.location() ?? 'the database', body);
}

/** Runs `body`; an error of SQLite becomes one of the table in `errors.ts`. */
function translated<T>(what: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    const { code, errcode } = error as { code?: string; errcode?: number };
    if (code !== 'ERR_SQLITE_ERROR' || errcode === undefined) throw error;
    const known = NO_ROOM.includes(errcode) ? 'store_full' : CODES[errcode & 0xff];
    if (known === undefined) throw error;
    throw new ClickrateError(known, `${what}: ${messageOf(error)}`, { cause: error });
  }
}

/** A value of `meta`, or null. */
export function getMeta(db: DatabaseSync, name: string): string | number | null {
  const row = db.prepare('SELECT value FROM meta WHERE name = ?').get(name);
  return (row as { value: string | number } | undefined)?.value ?? null;
}

export function setMeta(db: DatabaseSync, name: string, value: string | number): void {
  db.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)').run(name, value);
}
