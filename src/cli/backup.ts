/** `clickrate backup`: a copy of the data directory's file, also while its process runs. */
import { existsSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import { isOf, messageOf } from '../errors.ts';
import { backUp } from '../repair/backup.ts';
import { FILE_NAME } from '../sqlite.ts';
import { mustBeWholeLog } from '../sqlite-log.ts';
import { configurationOf, type Flags, pick, withOptions } from './command.ts';
import { fileIn, lockOrHolder } from './data.ts';

const OPTIONS = pick('data');

export function addBackup(command: Command): void {
  withOptions(command, OPTIONS)
    .argument('<file>', 'the new file')
    .addHelpText(
      'after',
      `
To restore: put the copy as ${FILE_NAME} into an empty directory and start with --data of that.`,
    )
    .action((file: string, flags: Flags) => {
      const { data } = configurationOf(flags, OPTIONS).options;
      const unchecked = checkLog(data);
      backUp(fileIn(data), file);
      const but = unchecked === null ? '' : `; the write-ahead log was not checked: ${unchecked}`;
      process.stdout.write(`${file}: ${statSync(file).size} bytes, checked${but}\n`);
    });
}

/** Throws where writes of the log are lost; answers why it could not be looked at, or null. */
function checkLog(data: string): string | null {
  const file = fileIn(data);
  if (!existsSync(file)) return null;
  try {
    const lock = lockOrHolder(data);
    if (typeof lock === 'string') return lock;
    try {
      mustBeWholeLog(file);
    } finally {
      // Not held while it is copied: a process may start meanwhile.
      lock.release();
    }
    return null;
  } catch (error) {
    // A directory that may only be read can be copied all the same.
    if (isOf(error, 'config_invalid')) return messageOf(error);
    throw error;
  }
}
