/** A copy of a data directory's one file, taken while its process runs. */
import { existsSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { ClickrateError, messageOf } from '../errors.ts';
import {
  brokenPages,
  brokenRows,
  brokenSchema,
  type Damage,
  sentenceOf,
  teachSums,
} from '../sqlite-check.ts';
import { freshSchema, SCHEMA_VERSION, versionOf } from '../sqlite-tables.ts';

/** How long a write of the running process may hold the copy up, in ms. */
const BUSY_MS = 10_000;

/**
 * Writes everything that `file` holds at one instant to the new file `copy`, and checks the copy as
 * a start would. Throws `file_unreadable`, also when `copy` exists, and `checkpoint_damaged` or
 * `journal_damaged`; what was begun is removed again.
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
    mustBeWhole(file, copy);
  } catch (error) {
    rmSync(copy, { force: true });
    if (error instanceof ClickrateError) throw error;
    throw new ClickrateError('file_unreadable', `cannot copy ${file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** A copy that a start would refuse is worse than none: it is found out when it is needed. */
function mustBeWhole(file: string, copy: string): void {
  const db = new DatabaseSync(copy, { readOnly: true });
  try {
    const found = damageIn(db);
    if (found.length > 0) throw new ClickrateError(found[0].code, sentenceOf(file, found));
  } finally {
    db.close();
  }
}

function damageIn(db: DatabaseSync): Damage[] {
  const pages = brokenPages(db, 1);
  // Rows of another version have other columns, and the first ones have no checksums.
  if (pages.length > 0 || versionOf(db) !== SCHEMA_VERSION) return pages;
  teachSums(db);
  const schema = brokenSchema(db, freshSchema());
  return schema.length > 0 ? schema : brokenRows(db, 1);
}
