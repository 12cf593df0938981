/**
 * The lock of a data directory: held by the operating system for as long as the process lives, so
 * a crash frees it; a file beside it says who holds it.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ClickrateError, messageOf } from '../errors.ts';

export type DirectoryLock = {
  held(): boolean;
  /** Tells others more about the holder. */
  update(more: { url?: string }): void;
  release(): void;
};

type Holder = { pid: number; since: string; url?: string };

/** Locks `directory`, made if need be; throws `directory_locked` naming the holder. */
export function lockDirectory(directory: string, more: { url?: string }): DirectoryLock {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw new ClickrateError('config_invalid', `cannot use ${directory}: ${messageOf(error)}`);
  }
  const holderFile = join(directory, 'holder.json');
  const db = new DatabaseSync(join(directory, 'lock.db'));
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if ((error as { errcode?: number }).errcode !== 5) throw error;
    throw new ClickrateError('directory_locked', `${directory} is in use ${whoHolds(holderFile)}`);
  }
  let holder: Holder = { pid: process.pid, since: new Date().toISOString(), ...more };
  writeFileSync(holderFile, `${JSON.stringify(holder)}\n`);
  let held = true;
  return {
    held: () => held,
    update: (extra) => {
      holder = { ...holder, ...extra };
      writeFileSync(holderFile, `${JSON.stringify(holder)}\n`);
    },
    release: () => {
      if (held) db.close();
      held = false;
    },
  };
}

function whoHolds(file: string): string {
  try {
    const { pid, since, url } = JSON.parse(readFileSync(file, 'utf8')) as Holder;
    return `by process ${pid} since ${since}${url === undefined ? '' : ` (${url})`}`;
  } catch {
    return 'by another process';
  }
}
