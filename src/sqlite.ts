/**
 * The one SQLite file of the embedded size: journal, checkpoint, results, history, kept events.
 * Write-ahead log with full synchronous writes: what was answered is on disk.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, type Stats, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { ClickrateError, type ErrorCode, messageOf } from './errors.ts';
import { rowSum, WAY_OUT } from './seal.ts';
import {
  brokenPages,
  brokenRows,
  brokenSchema,
  type Damage,
  sentenceOf,
  teachSums,
} from './sqlite-check.ts';
import { mustBeWholeLog } from './sqlite-log.ts';
import { freshSchema, pragma, SCHEMA_VERSION, upgrade, versionOf } from './sqlite-tables.ts';

/** Its name in a data directory. */
export const FILE_NAME = 'clickrate.db';
/** The topic partition that the journal is, in statuses and verdicts. */
export const JOURNAL_PARTITION = 'journal-0';

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
const IOERR = 10;
/** The one I/O error that means "no room": IOERR_SHMSIZE. A write without room is told as FULL. */
const NO_ROOM = 4874;
const SEE_TO_DISK = 'see to the disk: it may be read-only, failing, or over a quota';

/** Throws `file_unreadable` where there is no file to be read. */
export function mustExist(file: string): void {
  if (!existsSync(file))
    throw new ClickrateError('file_unreadable', `${file} does not exist; is --data right?`);
}

/** Files of databases that are written, as they were when they were opened. */
const OPENED = new WeakMap<DatabaseSync, ReturnType<typeof filesOf>>();

/**
 * Opens (or makes) the file. Throws `checkpoint_damaged` for a foreign, damaged or newer one, and
 * `journal_damaged`; a file that is refused is left as it is.
 */
export function openDatabase(file: string): DatabaseSync {
  mustBeWholeLog(file);
  const db = translated(file, () => new DatabaseSync(file, { timeout: BUSY_MS }));
  try {
    translated(file, () => {
      refuseForeign(db, file);
      refuseDamaged(file, brokenPages(db, 1));
      db.exec(PRAGMAS);
      teachSums(db);
    });
    transaction(db, () => {
      upgrade(db);
      refuseDamaged(file, brokenSchema(db, freshSchema()));
      db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}; PRAGMA application_id = ${APPLICATION_ID}`);
      const insert = db.prepare('INSERT OR IGNORE INTO meta VALUES (?1, ?2, row_sum(?1, ?2))');
      insert.run('incarnation', randomUUID());
      insert.run('change', 0);
      insert.run('next_no', 1);
      const topic = randomUUID();
      db.prepare('INSERT OR IGNORE INTO journal_head VALUES (1, ?, 0, 0, ?)').run(
        topic,
        rowSum(topic, 0, 0),
      );
    });
    refuseDamaged(
      file,
      translated(file, () => brokenRows(db, 1)),
    );
    OPENED.set(db, filesOf(db));
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** The file of a database and its log, each as it is on the disk; null where it is not there. */
function filesOf(db: DatabaseSync): Map<string, Stats | null> {
  const file = db.location();
  const paths = file === null ? [] : [file, `${file}-wal`];
  return new Map(paths.map((path) => [path, statOf(path)]));
}

function statOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}

/**
 * Throws `store_unavailable` where a file was moved or deleted, alone or with its directory: with
 * a log SQLite does not notice, and nobody would find what it writes from then on.
 */
export function mustBeInPlace(db: DatabaseSync): void {
  for (const [path, opened] of OPENED.get(db) ?? []) {
    const found = statOf(path);
    if (found === null || found.ino !== opened?.ino || found.dev !== opened.dev)
      throw new ClickrateError(
        'store_unavailable',
        `${path} was moved or deleted while in use: move it back, or stop and restore a copy`,
      );
  }
}

/**
 * Opens the file to read, as of this instant; throws as a start would. Only the write-ahead log is
 * not looked at while another process writes it (`isInUse`).
 */
export function openToRead(file: string, isInUse: boolean): DatabaseSync {
  if (!isInUse) mustBeWholeLog(file);
  const db = translated(file, () => new DatabaseSync(file, { readOnly: true, timeout: BUSY_MS }));
  try {
    translated(file, () => {
      refuseForeign(db, file);
      if (versionOf(db) !== SCHEMA_VERSION)
        throw new ClickrateError(
          'checkpoint_damaged',
          `${file} has tables of version ${versionOf(db)}, not ${SCHEMA_VERSION}: start it once ` +
            'with this version',
        );
      teachSums(db);
      db.exec('BEGIN');
      refuseDamaged(file, brokenPages(db, 1));
      refuseDamaged(file, brokenSchema(db, freshSchema()));
      refuseDamaged(file, brokenRows(db, 1));
    });
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function refuseDamaged(file: string, found: readonly Damage[]): void {
  if (found.length > 0) throw new ClickrateError(found[0].code, sentenceOf(file, found));
}

/** Throws `checkpoint_damaged` for a file of another program, or of a newer version. */
export function refuseForeign(db: DatabaseSync, file: string): void {
  const isEmpty = db.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
  const id = pragma(db, 'application_id');
  if (id !== APPLICATION_ID && !(id === 0 && isEmpty))
    throw new ClickrateError('checkpoint_damaged', `${file} is a file of another program`);
  const version = versionOf(db);
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
    mustBeInPlace(db);
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
    const known = errcode === NO_ROOM ? 'store_full' : CODES[errcode & 0xff];
    if (known === undefined) throw error;
    const then = thenOf(known, errcode & 0xff);
    throw new ClickrateError(known, `${what}: ${messageOf(error)}${then}`, { cause: error });
  }
}

/** What to do about it, where SQLite's own words do not say it. */
function thenOf(known: ErrorCode, errcode: number): string {
  if (known === 'checkpoint_damaged') return `; ${WAY_OUT}`;
  return known === 'store_unavailable' && errcode === IOERR ? `; ${SEE_TO_DISK}` : '';
}

/** A value of `meta`, or null. */
export function getMeta(db: DatabaseSync, name: string): string | number | null {
  const row = db.prepare('SELECT value FROM meta WHERE name = ?').get(name);
  return (row as { value: string | number } | undefined)?.value ?? null;
}

export function setMeta(db: DatabaseSync, name: string, value: string | number): void {
  db.prepare('INSERT OR REPLACE INTO meta VALUES (?1, ?2, row_sum(?1, ?2))').run(name, value);
}

/** A new incarnation: readers load again, for they may have rows that are gone. */
export function renewIncarnation(db: DatabaseSync): void {
  setMeta(db, 'incarnation', randomUUID());
}
