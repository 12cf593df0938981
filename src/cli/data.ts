/** The data directory of the embedded size: its lock, and the one database in it. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { ClickrateError } from '../errors.ts';
import type { Log } from '../log.ts';
import { WAY_OUT } from '../seal.ts';
import { openDatabase } from '../sqlite.ts';
import { type DirectoryLock, lockDirectory } from './lock.ts';

export type DataDirectory = { lock: DirectoryLock; db: DatabaseSync };

/** Locks the directory and opens its database; throws as both do, and holds nothing then. */
export function openData(directory: string, log: Log): DataDirectory {
  const wasUsed = existsSync(join(directory, 'lock.db'));
  const lock = lockDirectory(directory, {});
  try {
    const file = join(directory, 'clickrate.db');
    if (wasUsed) mustHaveData(file, log);
    return { lock, db: openDatabase(file) };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** A directory that was used has data, unless somebody took them away. */
function mustHaveData(file: string, log: Log): void {
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === 0)
    throw new ClickrateError(
      'checkpoint_damaged',
      `${file} is empty although its directory was used: restore a copy, or delete the file to ` +
        `begin anew; ${WAY_OUT}`,
    );
  if (size === undefined)
    log.warn({ file }, 'the directory was used, but its data are gone: beginning anew');
}
