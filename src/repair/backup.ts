/** A copy of a data directory's one file, taken while its process runs. */
import { existsSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { ClickrateError, messageOf } from '../errors.ts';

/** How long a write of the running process may hold the copy up, in ms. */
const BUSY_MS = 10_000;

/**
 * Writes everything that `file` holds at one instant to the new file `copy`, and checks the copy.
 * Throws `file_unreadable`, also when `copy` exists; what was begun is removed again.
 */
export function backUp(file: string, copy: string): void {
  if (existsSync(copy))
    throw new ClickrateError('file_unreadable', `${copy} exists; name a new file`);
  if (!existsSync(file))
    throw new ClickrateError('file_unreadable', `${file} does not exist; is --data right?`);
  try {
    const db = new DatabaseSync(file, { readOnly: true, timeout: BUSY_MS });
    try {
      db.prepare('VACUUM INTO ?').run(copy);
    } finally {
      db.close();
    }
    mustBeWhole(copy);
  } catch (error) {
    rmSync(copy, { force: true });
    throw new ClickrateError('file_unreadable', `cannot copy ${file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function mustBeWhole(copy: string): void {
  const db = new DatabaseSync(copy, { readOnly: true });
  try {
    const [first] = db.prepare('PRAGMA integrity_check(1)').all();
    if (first?.integrity_check !== 'ok') throw new Error(`the copy: ${first?.integrity_check}`);
  } finally {
    db.close();
  }
}
