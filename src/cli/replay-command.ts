/** The flags of `clickrate replay`. */
import type { Command } from 'commander';
import { SETTINGS } from '../config.ts';
import { csvOf } from '../sources/csv.ts';
import {
  configurationOf,
  type Flags,
  interruption,
  LOG_OPTIONS,
  withFiles,
  withOptions,
} from './command.ts';
import { createLogger } from './logger.ts';
import { ledgerText, replay } from './replay.ts';

/** Of its log it shows warnings only: the progress is told in its own way. */
const OPTIONS = { ...LOG_OPTIONS, logLevel: 'warn' as const, ...SETTINGS };

export function addReplay(command: Command): void {
  withOptions(command, OPTIONS);
  withFiles(command, '<file...>')
    .option('--results <file>', 'write final results as NDJSON (- for standard output)')
    .option('--data <dir>', 'fill the store in this directory; an interrupted replay goes on')
    .addHelpText(
      'after',
      `
Examples:
  clickrate replay events.ndjson --results -
  clickrate replay day1.csv.gz day2.csv.gz --csv time=ts,product=item,clicked=click \\
    --results out.ndjson
  clickrate replay events.ndjson --data DIR
    then clickrate api --store sqlite --data DIR has the rates, and why events were not counted`,
    );
  command.action(async (files: string[], flags: Flags) => {
    const { options, settings } = configurationOf(flags, OPTIONS);
    const status = await replay({
      files,
      sort: flags.sort === true,
      settings,
      log: createLogger(options),
      signal: interruption(),
      ...csvOf(files, flags.csv),
      ...(flags.results === undefined ? {} : { results: String(flags.results) }),
      ...(flags.data === undefined ? {} : { data: String(flags.data) }),
    });
    process.stderr.write(`${ledgerText(status)}\n`);
  });
}
