/**
 * The lock of a data directory: held by the operating system for as long as the process lives, so
 * a crash frees it; a file beside it says who holds it.
 */
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ClickrateError, messageOf } from '../errors.ts';
import { makeDirectory } from './make-directory.ts';

export type DirectoryLock = {
  /** Looks at the disk: false too when somebody deleted or replaced the directory. */
  held(): boolean;
  /** Tells others more about the holder. */
  update(more: { url?: string }): void;
  release(): void;
};

type Holder = { pid: number; since: string; url?: string };

/** In a directory that was used. */
export const LOCK_NAME = 'lock.db';

const SQLITE_BUSY = 5;
/** SQLITE_CORRUPT and SQLITE_NOTADB. */
const DAMAGED = [11, 26];

/** A database that nobody refers to is closed by the garbage collector, and its lock is gone. */
const HELD = new Set<DatabaseSync>();

/** Locks `directory`, made if need be; throws `directory_locked` naming the holder. */
export function lockDirectory(directory: string): DirectoryLock {
  const holderFile = join(directory, 'holder.json');
  const lockFile = join(directory, LOCK_NAME);
  const db = acquire(directory, lockFile, holderFile);
  HELD.add(db);
  const { dev, ino } = statSync(lockFile);
  let holder: Holder = { pid: process.pid, since: new Date().toISOString() };
  writeHolder(holderFile, holder);
  let released = false;
  return {
    held: () => {
      const found = statSync(lockFile, { throwIfNoEntry: false });
      return !released && found?.ino === ino && found.dev === dev;
    },
    update: (extra) => {
      holder = { ...holder, ...extra };
      writeHolder(holderFile, holder);
    },
    release: () => {
      if (released) return;
      released = true;
      // Before the lock goes: afterwards the file may be the next holder's.
      forgetHolder(holderFile);
      db.close();
      HELD.delete(db);
    },
  };
}

/**
 * An exclusive transaction on an empty database that nobody writes: SQLite's lock, nothing else.
 */
function acquire(directory: string, lockFile: string, holderFile: string): DatabaseSync {
  let db: DatabaseSync | null = null;
  try {
    makeDirectory(directory);
    const isNew = !existsSync(lockFile);
    if (isNew) accessSync(directory, constants.W_OK);
    db = new DatabaseSync(lockFile);
    db.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    if (isNew) giveTo(directory, lockFile);
    mustBeWritable(lockFile);
    return db;
  } catch (error) {
    db?.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY)
      throw new ClickrateError(
        'directory_locked',
        `${directory} is in use ${whoHolds(holderFile)}; stop that, or choose another directory`,
      );
    if (DAMAGED.includes((error as { errcode?: number }).errcode ?? 0))
      throw new ClickrateError(
        'checkpoint_damaged',
        `${lockFile} is damaged; it holds no data: delete it and start again`,
        { cause: error },
      );
    throw new ClickrateError(
      'config_invalid',
      `cannot use ${directory} as the data directory: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Whoever may write the directory may use its lock, also one that root made, as for a backup. */
function giveTo(directory: string, lockFile: string): void {
  const { uid, gid, mode } = statSync(directory);
  try {
    chmodSync(lockFile, mode & 0o666);
    if (uid !== process.getuid?.()) chownSync(lockFile, uid, gid);
  } catch {
    // Only root can; whoever is kept out by it is told what to do.
  }
}

/** SQLite only reads a file that it may not write, and its lock keeps out no other who does. */
function mustBeWritable(lockFile: string): void {
  try {
    accessSync(lockFile, constants.W_OK);
  } catch (error) {
    // Nor could it be deleted.
    if ((error as NodeJS.ErrnoException).code === 'EROFS') throw error;
    throw new Error(
      `${lockFile} may not be written: it holds no data, delete it while nothing runs here`,
      { cause: error },
    );
  }
}

/**
 * Only for people: a disk that is full, or takes no writes, must not keep a start, or a stop, from
 * going on.
 */
function writeHolder(file: string, holder: Holder): void {
  try {
    writeFileSync(file, `${JSON.stringify(holder)}\n`);
  } catch {
    forgetHolder(file);
  }
}

function forgetHolder(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // It names a holder that is gone; who is there next writes its own over it.
  }
}

function whoHolds(file: string): string {
  try {
    const { pid, since, url } = JSON.parse(readFileSync(file, 'utf8')) as Holder;
    return `by process ${pid} since ${since}${url === undefined ? '' : ` (${url})`}`;
  } catch {
    return 'by another process';
  }
}
