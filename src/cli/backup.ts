/** `clickrate backup`: a copy of the data directory's file, also while its process runs. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { backUp } from '../repair/backup.ts';
import { configurationOf, type Flags, pick, withOptions } from './command.ts';

export function addBackup(top: Command): void {
  withOptions(top.command('backup'), pick('data'))
    .description('copy journal, checkpoint and results to one file, also while they are written')
    .argument('<file>', 'the new file')
    .addHelpText(
      'after',
      `
To restore: put the copy as clickrate.db into an empty directory and start with --data of that.`,
    )
    .action((file: string, flags: Flags) => {
      const { data } = configurationOf(flags).options;
      backUp(join(data, 'clickrate.db'), file);
      process.stdout.write(`${file}: ${statSync(file).size} bytes, checked\n`);
    });
}
