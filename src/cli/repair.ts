/** `clickrate repair`: what is damaged in a store, what can be done, and what is lost by it. */
import type { Command } from 'commander';
import { impossible } from '../repair/impossible.ts';
import { tryRepair } from '../repair/repair.ts';
import { textOf } from '../repair/steps.ts';
import { configurationOf, type Flags, pick, withOptions } from './command.ts';
import { existingFileIn, fileIn } from './data.ts';
import { lockDirectory } from './lock.ts';
import { repairRedis } from './repair-redis.ts';

const OPTIONS = pick('data', 'store', 'redis', 'redisPassword');

export function addRepair(command: Command): void {
  withOptions(command, OPTIONS)
    .option('--dry-run', 'only say what would be done and lost')
    .addHelpText(
      'after',
      `
The damaged files, or a copy of the damaged keys of Redis, are kept in --data. The exit code is 0
when nothing is damaged or all was mended, and 1 when --dry-run found something.

Examples:
  clickrate repair --dry-run --data /var/lib/clickrate
  clickrate repair --store redis --redis redis://127.0.0.1:6379 --data /var/lib/clickrate`,
    )
    .action(repair);
}

async function repair(flags: Flags): Promise<void> {
  const { options } = configurationOf(flags, OPTIONS);
  const isDry = flags.dryRun === true;
  const found =
    options.store === 'redis'
      ? await repairRedis(options, isDry, Date.now())
      : repairDirectory(options.data, isDry);
  if (found > 0 && isDry) process.exitCode = 1;
}

/** How many things are damaged. Throws `directory_locked` while a process uses the directory. */
export function repairDirectory(directory: string, isDry: boolean): number {
  // Before the lock, which would make the directory.
  existingFileIn(directory);
  const lock = lockDirectory(directory);
  try {
    const tried = tryRepair(directory);
    process.stdout.write(textOf(tried.steps, isDry));
    if (isDry || tried.steps.length === 0) tried.drop();
    else process.stdout.write(`mended; the damaged files are in ${tried.keep(Date.now())}\n`);
    return tried.steps.length;
  } catch (error) {
    throw impossible(fileIn(directory), error);
  } finally {
    lock.release();
  }
}
