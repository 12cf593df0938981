#!/usr/bin/env node
/** The command line: which subcommands there are, and how they end. */
import './tuning.ts';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { OPTIONS, SETTINGS } from '../config.ts';
import { parseCsvMapping } from '../sources/csv.ts';
import { generateCommand } from './generate.ts';
import { createLogger } from './logger.ts';
import { configure, flagOf, printable, variableOf } from './options.ts';
import { ledgerText, replay } from './replay.ts';
import { exitCodeOf, run } from './run.ts';
import { VERSION } from './version.ts';

type Flags = Record<string, unknown>;

const HELP: Record<keyof typeof OPTIONS, string> = {
  host: 'address the API listens on',
  port: 'port of the API (0: any free one)',
  data: 'directory of the journal and the store',
  logLevel: 'debug, info, warn, error or silent',
  logFormat: 'text or json',
  generate: "generate the original demo's traffic",
  rate: 'generated impressions and click tries a second',
  products: 'generated products',
  seed: 'seed of generated traffic',
};

/** Adds a flag for every key of `table`; values are checked by `configure`, not here. */
function addOptions(command: Command, table: Record<string, unknown>, group: string): Command {
  for (const [name, standard] of Object.entries(table)) {
    const value = typeof standard === 'boolean' ? '' : ` <${typeof standard}>`;
    const help = `${HELP[name as keyof typeof HELP] ?? variableOf(name)} (${standard})`;
    command.addOption(new Option(`${flagOf(name)}${value}`, help).helpGroup(group));
  }
  return command;
}

function configurable(command: Command, options: Record<string, unknown>): Command {
  command.option('--config <file>', 'JSON file of settings (or CLICKRATE_CONFIG)');
  addOptions(command, options, 'Options:');
  return addOptions(command, SETTINGS, 'What is counted (milliseconds, bytes):');
}

function configurationOf(flags: Flags) {
  const file = (flags.config as string | undefined) ?? process.env.CLICKRATE_CONFIG;
  return configure(flags, process.env, file);
}

function pick<K extends keyof typeof OPTIONS>(...names: K[]): Pick<typeof OPTIONS, K> {
  return Object.fromEntries(names.map((name) => [name, OPTIONS[name]])) as Pick<typeof OPTIONS, K>;
}

function program(): Command {
  const top = new Command('clickrate')
    .description('Exact click-through rates in real time.')
    .version(VERSION)
    .showHelpAfterError('(add --help for the options)');
  addRun(top);
  addReplay(top);
  addGenerate(top);
  addConfig(top);
  for (const command of [top, ...top.commands]) command.exitOverride();
  return top;
}

function addRun(top: Command): void {
  const command = configurable(top.command('run'), OPTIONS)
    .description('take events over HTTP (and generate some), count them, serve the rates')
    .option('--reset-windows', 'drop open windows of a checkpoint with another window size')
    .addHelpText(
      'after',
      `
Examples:
  clickrate run --generate                      the original demo in one process
  clickrate run --port 9000 --data /var/lib/clickrate
  CLICKRATE_WINDOW_MS=1000 clickrate run        one-second windows`,
    );
  command.action(async (flags: Flags) => {
    const configuration = configurationOf(flags);
    const log = createLogger(configuration.options);
    await run({ ...configuration, resetWindows: flags.resetWindows === true, log });
  });
}

function addReplay(top: Command): void {
  const command = configurable(top.command('replay'), pick('logLevel', 'logFormat'))
    .description('count the events of files (NDJSON or CSV, also gzip) and write the final results')
    .argument('<file...>', 'files, in the order they are to be read')
    .option('--csv <mapping>', 'files are CSV: time=COL,product=COL,clicked=COL')
    .option('--results <file>', 'write final results as NDJSON (- for standard output)')
    .option('--data <dir>', 'fill the store in this directory; an interrupted replay goes on')
    .option('--sort', 'order the events by time first')
    .addHelpText(
      'after',
      `
Examples:
  clickrate replay events.ndjson --results -
  clickrate replay day1.csv.gz day2.csv.gz --csv time=ts,product=item,clicked=click \\
    --results out.ndjson`,
    );
  command.action(async (files: string[], flags: Flags) => {
    const { options, settings } = configurationOf({ logLevel: 'warn', ...flags, data: undefined });
    const status = await replay({
      files,
      sort: flags.sort === true,
      settings,
      log: createLogger(options),
      signal: interruption(),
      ...(flags.csv === undefined ? {} : { csv: parseCsvMapping(String(flags.csv)) }),
      ...(flags.results === undefined ? {} : { results: String(flags.results) }),
      ...(flags.data === undefined ? {} : { data: String(flags.data) }),
    });
    process.stderr.write(`${ledgerText(status)}\n`);
  });
}

function addGenerate(top: Command): void {
  const number = (value: string) => numberOf(value);
  top
    .command('generate')
    .description('write generated events to a file, and the truth about them to another')
    .requiredOption('--events <n>', 'good, distinct events', number)
    .requiredOption('--out <file>', 'NDJSON file (gzip when it ends in .gz; - is standard output)')
    .option('--truth <file>', 'file for the counts by window and product (JSON)')
    .option(
      '--start <time>',
      'time of the first event, epoch milliseconds',
      number,
      1_700_000_000_000,
    )
    .option('--rate <n>', 'impressions and click tries a second', number, 1_500)
    .option('--products <n>', 'number of products', number, 5)
    .option('--zipf <s>', 'Zipf exponent of their popularity', number, 0)
    .option('--click-delay-ms <n>', 'clicks come up to this much later', number, 0)
    .option('--disorder-ms <n>', 'events are sent up to this much after their time', number, 0)
    .option('--late <share>', 'share of events sent up to 20 s late', number, 0)
    .option('--duplicates <share>', 'share of events sent twice', number, 0)
    .option('--broken <share>', 'broken records for each event', number, 0)
    .option('--ids', 'give every event an event_id', false)
    .option('--seed <n>', 'seed: the same seed writes the same file', number, 1)
    .addHelpText(
      'after',
      `
Example:
  clickrate generate --events 1000000 --seed 7 --disorder-ms 3000 --duplicates 0.01 \\
    --out events.ndjson --truth truth.json`,
    )
    .action((flags: Flags) => {
      const { events, out, truth, start, ...generator } = flags;
      const done = generateCommand({
        events: Number(events),
        out: String(out),
        startMs: Number(start),
        generator,
        ...(truth === undefined ? {} : { truth: String(truth) }),
      });
      process.stderr.write(`${done.events} events in ${done.records} records\n`);
    });
}

function numberOf(value: string): number {
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number) || number < 0)
    throw new InvalidArgumentError('it must be a number of at least 0');
  return number;
}

function addConfig(top: Command): void {
  configurable(top.command('config'), OPTIONS)
    .description('print the configuration in force and where each value comes from')
    .action((flags: Flags) => {
      process.stdout.write(`${printable(configurationOf(flags).effective)}\n`);
    });
}

function interruption(): AbortSignal {
  const abort = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => {
      abort.abort();
      process.once(name, () => process.exit(130));
    });
  return abort.signal;
}

try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    const { code, text } = exitCodeOf(error);
    process.stderr.write(`${text}\n`);
    process.exitCode = code;
  }
}
