/** A copy of a data directory's one file, taken while its process runs. */
import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ClickrateError, messageOf } from '../errors.ts';
import { refuseForeign } from '../sqlite.ts';
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

/** How file systems without links refuse one. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/**
 * Writes everything that `file` holds at one instant to the new file `copy`, and checks the copy as
 * a start would. Throws `file_unreadable`, also when `copy` exists, and `checkpoint_damaged` or
 * `journal_damaged`. It has its name only when it is whole; what was begun is removed again.
 */
export function backUp(file: string, copy: string): void {
  if (existsSync(copy)) throw taken(copy);
  if (!existsSync(file))
    throw new ClickrateError('file_unreadable', `${file} does not exist; is --data right?`);
  if (!existsSync(dirname(copy)))
    throw new ClickrateError('file_unreadable', `there is no directory ${dirname(copy)}`);
  // A name of its own: what a run that was killed has left is in nobody's way.
  const unfinished = `${copy}.unfinished-${randomUUID()}`;
  try {
    const db = new DatabaseSync(file, { readOnly: true, timeout: BUSY_MS });
    try {
      db.prepare('VACUUM INTO ?').run(unfinished);
    } finally {
      db.close();
    }
    mustBeWhole(file, unfinished);
    giveName(unfinished, copy);
  } catch (error) {
    if (error instanceof ClickrateError) throw error;
    throw new ClickrateError('file_unreadable', `cannot copy ${file}: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    for (const end of ['', '-journal']) rmSync(unfinished + end, { force: true });
  }
}

/** A link, because a rename would overwrite what somebody made meanwhile. */
function giveName(unfinished: string, copy: string): void {
  try {
    linkSync(unfinished, copy);
  } catch (error) {
    if (existsSync(copy)) throw taken(copy);
    if (!NO_LINKS.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    renameSync(unfinished, copy);
  }
}

function taken(copy: string): ClickrateError {
  return new ClickrateError('file_unreadable', `${copy} exists; name a new file`);
}

/** A copy that a start would refuse is worse than none: it is found out when it is needed. */
function mustBeWhole(file: string, copy: string): void {
  const db = new DatabaseSync(copy, { readOnly: true });
  try {
    refuseForeign(db, file);
    // A start makes the tables and sets their version at once.
    if (versionOf(db) === 0) throw new ClickrateError('checkpoint_damaged', `${file} is empty`);
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
