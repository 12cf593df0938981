/** The data directory of the embedded size: its lock, and the one database in it. */
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { ClickrateError, isOf, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { COPY_NAME } from '../repair/steps.ts';
import { WAY_OUT } from '../seal.ts';
import { FILE_NAME, mustExist, openDatabase } from '../sqlite.ts';
import type { SqliteStore } from '../stores/sqlite/store.ts';
import { type DirectoryLock, LOCK_NAME, lockDirectory } from './lock.ts';

export type DataDirectory = { lock: DirectoryLock; db: DatabaseSync };

/** The one database of a directory, whether it is there or not. */
export function fileIn(directory: string): string {
  return join(directory, FILE_NAME);
}

/** The same, of a directory that is there to be read. Throws `file_unreadable` without one. */
export function existingFileIn(directory: string): string {
  const file = fileIn(directory);
  mustExist(file);
  return file;
}

/** There from before a new database is made until it is whole. */
const BEGINNING = 'beginning';

/** Locks the directory and opens its database; throws as both do, and holds nothing then. */
export function openData(directory: string, log: Log): DataDirectory {
  const wasUsed = existsSync(join(directory, LOCK_NAME));
  const lock = lockDirectory(directory);
  try {
    return { lock, db: begin(directory, wasUsed, log) };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** The tasks of `clickrate replay` and of `clickrate sink`; the others are those of servers. */
export const FILE_TASK = 'file';
export const SINK_TASK = 'sink';

/**
 * Throws `source_foreign` where another task has filled the store: products are owned by the task
 * that counted them, and what `task` counts of them would never be published.
 */
export function mustBeFilledBy(
  store: Pick<SqliteStore, 'filledBy'>,
  task: string,
  directory: string,
): void {
  const other = store.filledBy().find((name) => name !== task);
  if (other !== undefined) throw filledByOther(other, directory);
}

/** The same for a server that has tasks of many names. */
export function mustNotBeReplayed(store: Pick<SqliteStore, 'filledBy'>, directory: string): void {
  if (store.filledBy().includes(FILE_TASK)) throw filledByOther(FILE_TASK, directory);
}

function filledByOther(other: string, directory: string): ClickrateError {
  const [who, then] =
    other === FILE_TASK
      ? [
          'clickrate replay',
          'choose another directory; clickrate api --store sqlite shows this one',
        ]
      : other === SINK_TASK
        ? ['clickrate sink', 'choose another directory']
        : ['clickrate run', 'choose another directory, or send the events to that server'];
  return new ClickrateError(
    'source_foreign',
    `${directory} was filled by ${who} (task ${other}), which owns the products in it: ${then}`,
  );
}

/** The lock, or who holds the directory, in words, where it is not free. */
export function lockOrHolder(directory: string): DirectoryLock | string {
  try {
    return lockDirectory(directory);
  } catch (error) {
    if (!isOf(error, 'directory_locked')) throw error;
    return messageOf(error).split(';', 1)[0]!;
  }
}

function begin(directory: string, wasUsed: boolean, log: Log): DatabaseSync {
  const file = fileIn(directory);
  const mark = join(directory, BEGINNING);
  const isBeginning = existsSync(mark);
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) mustNotBeInRepair(directory, file);
  if (size === undefined && wasUsed && !isBeginning)
    log.warn({ file }, 'the directory was used, but its data are gone: beginning anew');
  // A start that ended before its first write, as on a full disk, had no data yet; a copy that
  // failed had.
  if (size === 0 && (!isBeginning || existsSync(`${file}-wal`))) throw emptied(file);
  if (size === undefined) writeFileSync(mark, '');
  const db = openDatabase(file);
  rmSync(mark, { force: true });
  const copy = join(directory, COPY_NAME);
  // Not removed here: it may be another user's.
  if (existsSync(copy)) log.warn({ copy }, 'a repair that was killed left its copy: delete it');
  return db;
}

function emptied(file: string): ClickrateError {
  return new ClickrateError(
    'checkpoint_damaged',
    `${file} is empty: restore a copy, or delete the file to begin anew; ${WAY_OUT}`,
  );
}

/** A repair sets the damaged file aside before the mended one takes its place. */
function mustNotBeInRepair(directory: string, file: string): void {
  const names = readdirSync(directory).sort();
  const aside = (prefix: string) =>
    names.findLast(
      (name) => name.startsWith(prefix) && existsSync(join(directory, name, FILE_NAME)),
    );
  const found = aside('damaged-') ?? aside(COPY_NAME);
  if (found === undefined) return;
  throw new ClickrateError(
    'checkpoint_damaged',
    `${file} is missing, but a repair left ${join(directory, found)}: move its files back and ` +
      'repair again, or move it out of the directory to begin anew',
  );
}
