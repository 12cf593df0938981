/** A copy of a data directory's one file, taken while its process runs. */
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, linkSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ClickrateError, type ErrorCode, messageOf } from '../errors.ts';
import { mustExist, refuseForeign } from '../sqlite.ts';
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

/** Its owner must be able to write the copy. */
const OWNER_READS_WRITES = 0o600;

/** SQLite's primary result codes that a person can do something about. */
const [READONLY, IOERR, FULL, CANTOPEN] = [8, 10, 13, 14];

/**
 * Writes everything that `file` holds at one instant to the new file `copy`, and checks the copy as
 * a start would. Throws `file_unreadable`, also when `copy` exists, `store_full`, and
 * `checkpoint_damaged` or `journal_damaged`. It has its name only when it is whole; what was begun
 * is removed again.
 */
export function backUp(file: string, copy: string): void {
  if (existsSync(copy)) throw taken(copy);
  mustExist(file);
  if (!existsSync(dirname(copy)))
    throw new ClickrateError('file_unreadable', `there is no directory ${dirname(copy)}`);
  // A name of its own: what a run that was killed has left is in nobody's way.
  const unfinished = `${copy}.unfinished-${randomUUID()}`;
  try {
    // The system's own words are the clearer ones, and tell the two files apart.
    mustOpen(`read ${file}`, file, 'r');
    // For no more eyes than the file itself.
    const mode = (statSync(file).mode & 0o777) | OWNER_READS_WRITES;
    mustOpen(`write into ${dirname(copy)}, name another file`, unfinished, 'wx', mode);
    const db = new DatabaseSync(file, { readOnly: true, timeout: BUSY_MS });
    try {
      db.prepare('VACUUM INTO ?').run(unfinished);
    } finally {
      db.close();
    }
    mustBeWhole(file, unfinished);
    giveName(unfinished, copy);
  } catch (error) {
    throw whyNot(file, copy, error);
  } finally {
    for (const end of ['', '-journal']) rmSync(unfinished + end, { force: true });
  }
}

function mustOpen(what: string, file: string, flags: string, mode?: number): void {
  try {
    closeSync(openSync(file, flags, mode));
  } catch (error) {
    const message = `cannot ${what}: ${messageOf(error)}`;
    throw new ClickrateError('file_unreadable', message, { cause: error });
  }
}

/** Why `file`, which can be opened, cannot be copied to `copy`, which was begun. */
export function whyNot(file: string, copy: string, error: unknown): ClickrateError {
  if (error instanceof ClickrateError) return error;
  const [from, to] = [dirname(file), dirname(copy)];
  const refused = (sentence: string, code: ErrorCode = 'file_unreadable') =>
    new ClickrateError(code, sentence, { cause: error });
  switch (((error as { errcode?: number }).errcode ?? 0) & 0xff) {
    case FULL:
      return refused(
        `no room in ${to} for a copy of ${file}: free some, or name a file on another disk`,
        'store_full',
      );
    // To read a file with a log SQLite needs a file for locks: it finds one, or makes it.
    case READONLY:
    case CANTOPEN:
      return refused(
        `${from} cannot be written, and without ${file}-shm nobody can read it there: copy the ` +
          'whole directory to where it can be written, and back up that',
      );
    case IOERR:
      return refused(
        `cannot copy ${file}: ${messageOf(error)}; see to the disks of ${from} and ${to}: one ` +
          'may be full, failing, or over a quota',
      );
    default:
      return refused(`cannot copy ${file}: ${messageOf(error)}`);
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
