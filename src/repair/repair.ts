/**
 * Mends a data directory's one file. All work is done on a copy, so what would be done and what is
 * lost by it is known before anything is changed, and the damaged files stay beside the mended one.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ClickrateError } from '../errors.ts';
import { FILE_NAME, mustExist, openDatabase } from '../sqlite.ts';
import { brokenPages, brokenSchema, schemaOf, teachSums } from '../sqlite-check.ts';
import { isOfOther, lostIn } from '../sqlite-log.ts';
import { freshSchema, SCHEMA_VERSION, versionOf } from '../sqlite-tables.ts';
import { fileHas } from './find.ts';
import { mendRows } from './mend.ts';
import { mendHeader, mendSchema, salvage } from './salvage.ts';
import { COPY_NAME, counted, damagedName, NOTHING, type Step } from './steps.ts';

const LOG = `${FILE_NAME}-wal`;

/** A repair that was tried out on a copy: what it does, and how to make it so. */
export type Repair = {
  steps: Step[];
  /** Puts the mended file in place; answers the directory that has the damaged ones. */
  keep(nowMs: number): string;
  /** Removes the copy. */
  drop(): void;
};

/** Of the directory, which the caller has locked. Throws what cannot be repaired. */
export function tryRepair(directory: string): Repair {
  const file = join(directory, FILE_NAME);
  mustExist(file);
  if (lstatSync(file).isSymbolicLink())
    throw new ClickrateError(
      'file_unreadable',
      `${file} is a link to ${realpathSync(file)}: move that and the log beside it to its place`,
    );
  const work = join(directory, COPY_NAME);
  const drop = () => rmSync(work, { recursive: true, force: true });
  // Of a repair that was killed.
  drop();
  mkdirSync(work, { mode: 0o700 });
  try {
    for (const name of [FILE_NAME, LOG])
      if (existsSync(join(directory, name))) copyFileSync(join(directory, name), join(work, name));
    const { uid, gid, mode } = statSync(file);
    const mended = mend(join(work, FILE_NAME));
    // The user who repairs may be another than the one that runs clickrate.
    chownSync(mended.file, uid, gid);
    chmodSync(mended.file, mode);
    const keep = (nowMs: number) => {
      const damaged = setAside(directory, nowMs);
      renameSync(mended.file, file);
      syncDirectory(directory);
      drop();
      return damaged;
    };
    return { steps: mended.steps, keep, drop };
  } catch (error) {
    drop();
    throw error;
  }
}

function setAside(directory: string, nowMs: number): string {
  const damaged = join(directory, damagedName(nowMs));
  mkdirSync(damaged);
  for (const name of [FILE_NAME, LOG, `${FILE_NAME}-shm`])
    if (existsSync(join(directory, name))) renameSync(join(directory, name), join(damaged, name));
  syncDirectory(damaged);
  syncDirectory(directory);
  return damaged;
}

/** Names are on disk before the next step, so that a crash leaves a state that a start knows. */
function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Mends the copy `file`, or makes a new one of it beside it. */
function mend(file: string): { steps: Step[]; file: string } {
  const steps: Step[] = [];
  if (statSync(file).size === 0) {
    const lost = 'everything that was in it; a backup may have it';
    steps.push({ what: `${FILE_NAME} is empty`, does: 'begun anew', lost });
    rmSync(`${file}-wal`, { force: true });
    openDatabase(file).close();
    return { steps, file };
  }
  mustBeOurs(file);
  steps.push(...mendLog(file));
  settle(file);
  if (mendHeader(file))
    steps.push({ what: `the header of ${FILE_NAME}`, does: 'written anew', lost: NOTHING });
  settle(file);
  const readable = mendStructure(file, steps);
  const torn = new Set<string>();
  if (readable !== file)
    for (const [table, { rows, left, whole }] of salvage(file, readable)) {
      if (whole && left === 0) continue;
      if (!whole) torn.add(table);
      const does = `${counted(rows, 'row')} could be read`;
      const lost = whole ? counted(left, 'other row') : 'its other rows';
      steps.push({ what: `the table ${table}`, does, lost });
    }
  const db = new DatabaseSync(readable);
  try {
    teachSums(db);
    steps.push(...mendRows(db, torn));
  } finally {
    db.close();
  }
  openDatabase(readable).close();
  return { steps, file: readable };
}

/** What is mended must not make a file of ours of another program's. */
function mustBeOurs(file: string): void {
  for (const name of [file, `${file}-wal`])
    if (existsSync(name) && fileHas(name, 'CREATE TABLE journal_head')) return;
  throw new ClickrateError('checkpoint_damaged', `${FILE_NAME} is a file of another program`);
}

/** Writes what is in the log to the file itself, where SQLite can open it. */
function settle(file: string): void {
  const tables = guarded(() => {
    const db = new DatabaseSync(file);
    try {
      db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      return schemaOf(db).size;
    } finally {
      db.close();
    }
  });
  // The log had everything, and its beginning is damaged.
  if (tables === 0) openDatabase(file).close();
}

/** SQLite itself takes the log up to the damage. */
function mendLog(file: string): Step[] {
  if (isOfOther(file)) {
    rmSync(`${file}-wal`);
    const what = `${LOG} (of the file that was there before this copy)`;
    return [{ what, does: 'it is left out', lost: NOTHING }];
  }
  const lost = lostIn(file);
  if (lost === null) return [];
  const writes = `${counted(lost.commits, 'write')} behind it: events accepted and commits; what`;
  if (lost.at === 0) truncateSync(`${file}-wal`, 0);
  return [
    {
      what: `${LOG} at byte ${lost.at}`,
      does: 'what is before it is taken',
      lost: `${writes} was committed of Kafka is read again`,
    },
  ];
}

/** Which file to go on with: `file`, or another, to be filled with what can be read. */
function mendStructure(file: string, steps: Step[]): string {
  const schemas = guarded(() => mendSchema(file)) ?? 0;
  if (schemas > 0)
    steps.push({
      what: counted(schemas, 'table definition'),
      does: 'written anew',
      lost: NOTHING,
    });
  const pages = guarded(() => {
    const db = new DatabaseSync(file);
    try {
      const version = versionOf(db);
      if (version !== SCHEMA_VERSION) throw otherVersion(version);
      return [...brokenPages(db, 100), ...brokenSchema(db, freshSchema())];
    } finally {
      db.close();
    }
  });
  if (pages?.length === 0) return file;
  const what = pages?.[0]?.what ?? "the file's structure";
  const does = 'what can be read is copied into a new file, table by table';
  steps.push({ what, does, lost: 'see below' });
  return `${file}.new`;
}

function otherVersion(version: number): ClickrateError {
  return new ClickrateError(
    'checkpoint_damaged',
    version > SCHEMA_VERSION
      ? `${FILE_NAME} has tables of version ${version}: use the newer clickrate that wrote it`
      : `${FILE_NAME} has tables of version ${version}, which a start brings up to date: only ` +
          'then do its rows have checksums to repair by; restore a copy',
  );
}

/** Undefined: SQLite cannot do it. */
function guarded<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch (error) {
    if (error instanceof ClickrateError) throw error;
    return undefined;
  }
}
