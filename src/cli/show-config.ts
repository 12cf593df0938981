/** `clickrate config`: what is in force, and why. */
import type { Command } from 'commander';
import { OPTIONS } from '../config.ts';
import { configurable, configurationOf, type Flags } from './command.ts';
import { printable } from './options.ts';

export function addConfig(command: Command): void {
  configurable(command, OPTIONS).action((flags: Flags) => {
    process.stdout.write(`${printable(configurationOf(flags).effective)}\n`);
  });
}
