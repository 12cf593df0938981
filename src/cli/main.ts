#!/usr/bin/env -S node --max-semi-space-size=4
/** The command line: which subcommands there are, and how they end. */
import './tuning.ts';
import { Command, CommanderError } from 'commander';
import { exitCodeOf, isPipeClosed } from './exit.ts';
import { argumentsOf, errorText } from './help.ts';
import { misspelt } from './misspelt.ts';
import { oldNode } from './old-node.ts';
import { concealCommandLine } from './secrets.ts';
import { ENGINES, VERSION } from './version.ts';
import { workerSlot } from './workers.ts';

/** Gives a command its flags, its help and what it does. */
type Fill = (command: Command) => void;

/** What each says of itself, and where it is: the clients of Kafka and Redis are large. */
const COMMANDS: Record<string, [about: string, load: () => Promise<Fill>]> = {
  run: [
    'take events over HTTP (and generate some), count them, serve the rates',
    async () => (await import('./run.ts')).addRun,
  ],
  engine: [
    'count events of Kafka; its port serves readiness, metrics and the rates',
    async () => (await import('./engine.ts')).addEngine,
  ],
  api: [
    'serve the results that engines write into Redis, or a replay wrote into a directory',
    async () => (await import('./api.ts')).addApi,
  ],
  replay: [
    'count the events of files (NDJSON or CSV, also gzip) and write the final results',
    async () => (await import('./replay-command.ts')).addReplay,
  ],
  generate: [
    'write generated events to a file, and the truth about them to another',
    async () => (await import('./generate.ts')).addGenerate,
  ],
  topics: [
    'make, list and show the topics in Kafka',
    async () => (await import('./topics.ts')).addTopics,
  ],
  produce: [
    "send the original demo's traffic to Kafka until it is stopped",
    async () => (await import('./produce.ts')).addProduce,
  ],
  rejected: [
    'list events that were not counted, or send them again',
    async () => (await import('./rejected.ts')).addRejected,
  ],
  flink: ['the job on a Flink cluster', async () => (await import('./flink.ts')).addFlink],
  sink: [
    'bring the results of the Flink job to the store; sends the heartbeats',
    async () => (await import('./sink.ts')).addSink,
  ],
  verify: [
    'hold engines, or a store, against a batch oracle, and show every difference',
    async () => (await import('./verify.ts')).addVerify,
  ],
  key: [
    'make a key for --read-keys or --write-keys',
    async () => (await import('./key.ts')).addKey,
  ],
  backup: [
    'copy journal, checkpoint and results to one file, also while they are written',
    async () => (await import('./backup.ts')).addBackup,
  ],
  repair: [
    'find what is damaged in a store, and mend it',
    async () => (await import('./repair.ts')).addRepair,
  ],
  config: [
    'print the configuration in force and where each value comes from',
    async () => (await import('./show-config.ts')).addConfig,
  ],
};

/** The command that is asked for, also of `help`; the others need not be loaded. */
function wanted(): string | undefined {
  return process.argv.slice(2).find((word) => !word.startsWith('-') && word !== 'help');
}

async function program(): Promise<Command> {
  const top = new Command('clickrate')
    .description('Exact click-through rates in real time.')
    .version(VERSION)
    .showHelpAfterError('(add --help for the options)');
  const asked = wanted();
  for (const [name, [about, load]] of Object.entries(COMMANDS)) {
    const command = top.command(name).description(about);
    if (name === asked) (await load())(command);
  }
  exitByThrowing(top);
  return top;
}

/** Commander would end the process itself; we set the exit code, and have a word of our own. */
function exitByThrowing(command: Command): void {
  command.exitOverride();
  command.configureOutput({ outputError: (text, write) => write(errorText(text)) });
  for (const child of command.commands) exitByThrowing(child);
}

// A log that nobody takes ends nothing.
process.stderr.on('error', () => {});

const old = oldNode(process.versions.node, ENGINES.node);
if (old !== null) {
  process.stderr.write(`clickrate: ${old}\n`);
  process.exit(1);
}

if (workerSlot() === null)
  for (const [variable, meant] of misspelt(process.env))
    process.stderr.write(`clickrate: nothing reads ${variable}: is ${meant} meant?\n`);

if (concealCommandLine() && workerSlot() === null)
  process.stderr.write(
    'clickrate: a secret was on the command line, where others could see it: better in a ' +
      'CLICKRATE_… variable, or in a file that CLICKRATE_…_FILE names\n',
  );

process.stdout.on('error', (error) => {
  if (isPipeClosed(error)) process.exit(0);
  process.stderr.write(`clickrate: cannot write standard output: ${error.message}\n`);
  process.exit(1);
});

try {
  const top = await program();
  await top.parseAsync(argumentsOf(top, process.argv.slice(2)), { from: 'user' });
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    const { code, text } = exitCodeOf(error);
    if (text !== '') process.stderr.write(`${text}\n`);
    process.exitCode = code;
    // The line to the first process would keep it alive.
    if (workerSlot() !== null) process.exit(code);
  }
}
