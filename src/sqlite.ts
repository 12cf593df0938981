/**
 * The one SQLite file of the embedded size: journal, checkpoint, results, history, kept events.
 * Write-ahead log with full synchronous writes: what was answered is on disk.
 */
import { randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { ClickrateError, type ErrorCode, messageOf } from './errors.ts';

/** Version of the tables: newer code reads older files, a newer file is refused. */
const SCHEMA = 1;

const TABLES = `
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks (
  task TEXT PRIMARY KEY, epoch INTEGER NOT NULL, token TEXT NOT NULL, number INTEGER NOT NULL,
  status TEXT) STRICT;
CREATE TABLE IF NOT EXISTS parts (
  task TEXT NOT NULL, name TEXT NOT NULL, bytes BLOB NOT NULL, UNIQUE (task, name)) STRICT;
CREATE TABLE IF NOT EXISTS products (
  no INTEGER PRIMARY KEY AUTOINCREMENT, product TEXT NOT NULL UNIQUE, task TEXT NOT NULL,
  latest_start INTEGER, latest_impressions INTEGER, latest_clicks INTEGER,
  previous_start INTEGER, previous_impressions INTEGER, previous_clicks INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS history (
  window_start INTEGER NOT NULL, bucket INTEGER NOT NULL, cells BLOB NOT NULL,
  PRIMARY KEY (window_start, bucket)) STRICT;
CREATE TABLE IF NOT EXISTS kept (
  id INTEGER PRIMARY KEY AUTOINCREMENT, task TEXT NOT NULL, partition TEXT NOT NULL,
  position INTEGER NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL, arrival INTEGER NOT NULL,
  bytes BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS kept_reason ON kept (reason, id);
CREATE TABLE IF NOT EXISTS comebacks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, task TEXT NOT NULL, partition TEXT NOT NULL,
  position INTEGER NOT NULL, watermark INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS journal (
  first INTEGER PRIMARY KEY, count INTEGER NOT NULL, arrival INTEGER NOT NULL,
  lengths BLOB NOT NULL, bytes BLOB NOT NULL) STRICT;
`;

/** SQLite's primary result codes that mean "not now": full, I/O, locked, read-only, cannot open. */
const CODES: Record<number, ErrorCode> = {
  5: 'store_unavailable',
  6: 'store_unavailable',
  7: 'store_unavailable',
  8: 'store_unavailable',
  10: 'store_unavailable',
  11: 'checkpoint_damaged',
  13: 'store_full',
  14: 'store_unavailable',
  26: 'checkpoint_damaged',
};
/** Extended code of a write that found no room. */
const IOERR_WRITE = 778;

/** Opens (or makes) the file; throws `checkpoint_damaged` for a foreign, damaged or newer one. */
export function openDatabase(file: string): DatabaseSync {
  return translated(file, () => {
    const db = new DatabaseSync(file);
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 1000;');
    const { user_version: version } = db.prepare('PRAGMA user_version').get() as {
      user_version: number;
    };
    if (version > SCHEMA) {
      db.close();
      throw new ClickrateError(
        'checkpoint_damaged',
        `${file} has tables of form ${version}, this version reads up to ${SCHEMA}; use a newer clickrate`,
      );
    }
    transaction(db, () => {
      db.exec(TABLES);
      db.exec(`PRAGMA user_version = ${SCHEMA}`);
      db.prepare("INSERT OR IGNORE INTO meta VALUES ('incarnation', ?)").run(randomUUID());
    });
    return db;
  });
}

/** Runs `body` in one transaction: all of it, or nothing. */
export function transaction<T>(db: DatabaseSync, body: () => T): T {
  return translated('the store', () => {
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

/** Runs `body`; an error of SQLite becomes one of the table in `errors.ts`. */
export function translated<T>(what: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    const extended = (error as { errcode?: number }).errcode;
    if (extended === undefined) throw error;
    const code = extended === IOERR_WRITE ? 'store_full' : CODES[extended & 0xff];
    if (code === undefined) throw error;
    throw new ClickrateError(code, `${what}: ${messageOf(error)}`, { cause: error });
  }
}

/** A value of `meta`, or undefined. */
export function getMeta(db: DatabaseSync, name: string): unknown {
  return (db.prepare('SELECT value FROM meta WHERE name = ?').get(name) as { value: unknown })
    ?.value;
}

export function setMeta(db: DatabaseSync, name: string, value: string | number): void {
  db.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)').run(name, value);
}
