/** `clickrate generate`: traffic into a file, and the truth about it. */
import { gzipSync } from 'node:zlib';
import type { Command } from 'commander';
import { OPTIONS } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import { linesOf } from '../sources/event-writer.ts';
import { Generator, type GeneratorOptions, type Truth } from '../sources/generate.ts';
import type { TruthRow } from '../sources/truth.ts';
import type { Flags } from './command.ts';
import { numberOf, wholeOf } from './numbers.ts';
import { isSameFile, Output } from './output.ts';
import { Progress } from './progress.ts';
import { atOnce, type Steps } from './steps.ts';

/** Events written at once. */
const BATCH = 8_192;
/** Rows of the truth written at once. */
const ROWS = 4_096;

export type GenerateOptions = {
  events: number;
  /** NDJSON; gzip when the name ends in .gz; `-` is standard output. */
  out: string;
  truth?: string;
  startMs: number;
  generator: Partial<GeneratorOptions>;
};

/**
 * Writes `events` good events (with their duplicates and broken records); returns the truth.
 * Throws `config_invalid`, `usage` when the truth would replace the events, and `file_unreadable`
 * for a file that cannot be written.
 */
export function generateCommand(options: GenerateOptions): Truth {
  return atOnce(generateSteps(options));
}

/** The same, a batch a step. */
export function* generateSteps(options: GenerateOptions): Steps<Truth> {
  for (const name of ['events', 'startMs'] as const)
    if (!Number.isSafeInteger(options[name]) || options[name] < 0)
      throw new ClickrateError(
        'config_invalid',
        `${name} must be a whole number of at least 0, not ${options[name]}`,
      );
  const { out: events, truth } = options;
  if (truth !== undefined && isSameFile(truth, events))
    throw new ClickrateError('usage', `${truth} gets the events: choose another file for --truth`);
  const generator = new Generator(options.startMs, options.generator);
  const progress = new Progress(process.stderr);
  const out = new Output(options.out);
  const isGzip = options.out.endsWith('.gz');
  // A gzip file may be made of members, so each batch is one.
  const write = (lines: Uint8Array) => {
    if (lines.length > 0) out.write(isGzip ? gzipSync(lines) : lines);
  };
  try {
    while (generator.events < options.events) {
      const left = options.events - generator.events;
      write(linesOf(generator.next(Infinity, Math.min(BATCH, left))));
      const share = generator.events / options.events;
      progress.show({ bytesRead: out.written, bytesTotal: Math.round(out.written / share) });
      yield;
    }
    write(linesOf(generator.rest()));
  } finally {
    out.close();
    progress.end();
  }
  if (options.truth !== undefined) writeTruth(options.truth, generator);
  return generator.truth();
}

/** One JSON object, a row a line; rows are never all in memory. */
export function writeTruth(name: string, generator: Generator): void {
  const file = new Output(name);
  try {
    file.write(Buffer.from(JSON.stringify(generator.counts()).slice(0, -1)));
    for (const [key, rows] of Object.entries(generator.rows())) writeRows(file, key, rows);
    file.write(Buffer.from('}\n'));
  } finally {
    file.close();
  }
}

function writeRows(file: Output, key: string, rows: Iterable<TruthRow>): void {
  let text = `,\n"${key}":[`;
  let count = 0;
  for (const row of rows) {
    text += `${count++ === 0 ? '' : ','}\n${JSON.stringify(row)}`;
    if (count % ROWS !== 0) continue;
    file.write(Buffer.from(text));
    text = '';
  }
  file.write(Buffer.from(`${text}]`));
}

/** Flags of the traffic itself, shared by all commands that generate some. */
export function withTraffic(command: Command, rateOf = numberOf): Command {
  return command
    .option('--rate <n>', 'impressions and click tries a second', rateOf, OPTIONS.rate)
    .option('--products <n>', 'number of products', numberOf, OPTIONS.products)
    .option('--zipf <s>', 'Zipf exponent of their popularity', numberOf, 0)
    .option('--click-delay-ms <n>', 'clicks come up to this much later', numberOf, 0)
    .option('--disorder-ms <n>', 'events are sent up to this much after their time', numberOf, 0)
    .option('--late <share>', 'share of events sent up to 20 s late', numberOf, 0)
    .option('--duplicates <share>', 'share of events sent twice', numberOf, 0)
    .option('--broken <share>', 'broken records for each impression and click try', numberOf, 0)
    .option('--ids', 'give every event an event_id', false)
    .option('--seed <n>', 'seed: the same seed writes the same file', numberOf, OPTIONS.seed);
}

export function addGenerate(command: Command): void {
  command
    .requiredOption('--events <n>', 'good, distinct events', wholeOf(0))
    .requiredOption('--out <file>', 'NDJSON file (gzip when it ends in .gz; - is standard output)')
    .option('--truth <file>', 'file for the counts by window and product (JSON)')
    .option(
      '--start <time>',
      'time of the first event, epoch milliseconds',
      wholeOf(0),
      1_700_000_000_000,
    );
  withTraffic(command)
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
