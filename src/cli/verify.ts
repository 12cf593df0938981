/** `clickrate verify`: the same events through the engines and through a plain batch oracle. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type Options, SETTINGS, type Settings } from '../config.ts';
import { ClickrateError, isOf } from '../errors.ts';
import { csvOf } from '../sources/csv.ts';
import { FILE_PARTITION } from '../sources/file.ts';
import type { Truth } from '../sources/generate.ts';
import { type Difference, differences } from '../verify/compare.ts';
import type { FlinkRunOptions } from '../verify/flink-run.ts';
import { type Answer, type LogRecord, oracleSteps } from '../verify/oracle.ts';
import { expected, type Outcome } from '../verify/outcome.ts';
import { type Files, readRecords } from '../verify/records.ts';
import { differenceTable, ledgerTable, summaryLine } from '../verify/table.ts';
import {
  configurationOf,
  EVENT_TOPICS,
  type Flags,
  interruption,
  KAFKA_OPTIONS,
  LOG_OPTIONS,
  pick,
  withFiles,
  withOptions,
} from './command.ts';
import { JAR_OPTION } from './flink-job.ts';
import { generateSteps } from './generate.ts';
import { createLogger } from './logger.ts';
import { numberOf, wholeOf } from './numbers.ts';
import { type Steps, unlessAborted } from './steps.ts';
import { flinkDifferences } from './verify-flink.ts';
import { localOutcome } from './verify-local.ts';
import { verifyDirectory, verifyRedis } from './verify-store.ts';

const ENGINES = ['local', 'flink'] as const;
type Engine = (typeof ENGINES)[number];

/** What generated events are like where the flags say nothing. */
const TRAFFIC = { disorderMs: 3_000, duplicates: 0.01, broken: 0.01 };
const GENERATED_FROM_MS = 1_700_000_000_000;

/** Of its log it shows warnings only: what differs is what it tells. */
const OPTIONS = {
  ...pick('data', 'store', 'redis', 'redisPassword'),
  ...KAFKA_OPTIONS,
  ...EVENT_TOPICS,
  ...pick('gateway', 'jobManager'),
  ...LOG_OPTIONS,
  logLevel: 'warn' as Options['logLevel'],
  ...SETTINGS,
};

export function addVerify(command: Command): void {
  withOptions(command, OPTIONS);
  withFiles(command, '[file...]')
    .option('--engines <names>', 'local, flink or both, by comma', 'local')
    .option('--generate <n>', 'instead of files: so many generated events', wholeOf(0))
    .option('--seed <n>', 'seed of generated events', wholeOf(0), 1)
    .option('--late <share>', 'share of generated events sent up to 20 s late', numberOf, 0.01)
    .addOption(JAR_OPTION)
    .option('--show <n>', 'differences to show', wholeOf(0), 20)
    .addHelpText(
      'after',
      `
The exit code is 0 when nothing differs, and 1 when something does.

Examples:
  clickrate verify events.ndjson
  clickrate verify --engines local,flink day.csv --csv time=ts,product=item,clicked=click
  clickrate verify --engines local,flink --generate 1000000 --seed 7
  clickrate verify --data /var/lib/clickrate
  clickrate verify --store redis --redis redis://127.0.0.1:6379 --brokers 127.0.0.1:9092`,
    )
    .action(verify);
}

/** What is verified: the events, and what the oracle says of them. */
type Case = {
  input: Files;
  records: LogRecord[];
  answer: Answer;
  options: Pick<Options, 'logLevel' | 'logFormat'> & FlinkRunOptions;
  settings: Settings;
  /** Jar of Flink's functions. */
  jar: string;
  directory: string;
  signal: AbortSignal;
};

async function verify(files: string[], flags: Flags): Promise<void> {
  const isStore = flags.data !== undefined || flags.store === 'redis';
  const ways = [files.length > 0, flags.generate !== undefined, isStore];
  if (ways.filter((isTaken) => isTaken).length !== 1)
    throw new ClickrateError(
      'usage',
      'verify takes one of these: files, --generate, --data, --store redis',
    );
  if (isStore) return await verifyStore(flags);
  const engines = enginesOf(String(flags.engines));
  const { generate, seed, late } = flags;
  const { options, settings } = configurationOf(flags, OPTIONS);
  const signal = interruption();
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-verify-'));
  // Also where a second Ctrl-C ends the process at once.
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  try {
    const made = join(directory, 'events.ndjson');
    if (generate !== undefined) {
      const events = eventsOf(made, Number(generate), Number(seed), Number(late));
      if ((await unlessAborted(events, signal)) === null) throw interrupted();
    }
    const input: Files = {
      files: generate === undefined ? files : [made],
      sort: flags.sort === true,
      ...csvOf(files, flags.csv),
    };
    const records = await readRecords(input, Date.now());
    const numbers = { ...settings, publishFloor: null };
    const steps = oracleSteps([{ partition: FILE_PARTITION, records }], [], numbers);
    const answer = await unlessAborted(steps, signal);
    if (answer === null) throw interrupted();
    const jar = String(flags.jar);
    const more = { options, settings, jar, directory, signal };
    const one: Case = { input, records, answer, ...more };
    await compare(one, engines, Number(flags.show));
  } catch (error) {
    // What a replay says of going on is of no use here.
    throw isOf(error, 'stopping') ? interrupted(error) : error;
  }
}

function interrupted(cause?: unknown): ClickrateError {
  return new ClickrateError('stopping', 'interrupted: nothing was verified', { cause });
}

/** Its log decides: the journal in the directory, or the topics. */
async function verifyStore(flags: Flags): Promise<void> {
  const { options } = configurationOf(flags, OPTIONS);
  const { expected, found, differences, how } = await (flags.store === 'redis'
    ? verifyRedis(options, interruption())
    : verifyDirectory(options.data));
  process.stdout.write(`${how}\n`);
  process.stdout.write(ledgerTable([expected, { ...found, engine: 'store' }]));
  process.stdout.write(differenceTable(differences, Number(flags.show)));
  process.stdout.write(`${summaryLine(expected, ['store'], differences)}\n`);
  if (differences.length > 0) process.exitCode = 1;
}

function enginesOf(names: string): Engine[] {
  const engines = ENGINES.filter((name) => names.split(',').includes(name));
  if (engines.length === 0 || engines.length !== new Set(names.split(',')).size)
    throw new ClickrateError('usage', `--engines takes ${ENGINES.join(',')}, not ${names}`);
  return engines;
}

function eventsOf(out: string, events: number, seed: number, late: number): Steps<Truth> {
  const generator = { ...TRAFFIC, seed, late };
  return generateSteps({ events, out, startMs: GENERATED_FROM_MS, generator });
}

async function compare(one: Case, engines: Engine[], show: number): Promise<void> {
  const truth = expected(one.answer);
  const results: Verified[] = [];
  for (const engine of engines) results.push(await VERIFY[engine](one, truth));
  const found = results.flatMap((result) => result.found);
  process.stdout.write(ledgerTable([truth, ...results.map(({ outcome }) => outcome)]));
  process.stdout.write(differenceTable(found, show));
  process.stdout.write(`${summaryLine(truth, engines, found)}\n`);
  if (found.length > 0) process.exitCode = 1;
}

type Verified = { outcome: Outcome; found: Difference[] };

const VERIFY: Record<Engine, (one: Case, truth: Outcome) => Promise<Verified>> = {
  local: async ({ input, options, settings, directory, signal }, truth) => {
    const outcome = await localOutcome({
      ...input,
      files: [...input.files],
      settings,
      log: createLogger(options),
      signal,
      results: join(directory, 'local.ndjson'),
    });
    return { outcome, found: differences(truth, outcome) };
  },
  flink: (one) =>
    flinkDifferences({ ...one, say: (sentence) => void process.stderr.write(`${sentence}\n`) }),
};
