/** `clickrate config`: what is in force, and why. */
import type { Command } from 'commander';
import { OPTIONS } from '../config.ts';
import { configurable, configurationOf, type Flags } from './command.ts';
import { printable } from './options.ts';

export function addConfig(top: Command): void {
  configurable(top.command('config'), OPTIONS)
    .description('print the configuration in force and where each value comes from')
    .action((flags: Flags) => {
      process.stdout.write(`${printable(configurationOf(flags).effective)}\n`);
    });
}
