#!/usr/bin/env -S node --max-semi-space-size=4
/** The command line: which subcommands there are, and how they end. */
import './tuning.ts';
import { Command, CommanderError } from 'commander';
import { exitCodeOf, isPipeClosed } from './exit.ts';
import { concealCommandLine } from './secrets.ts';
import { VERSION } from './version.ts';
import { workerSlot } from './workers.ts';

/** Adds a command with its flags, its help and what it does. */
type Add = (top: Command) => void;

/** By name. Only the one that is asked for is loaded: the clients of Kafka and Redis are large. */
const COMMANDS: Record<string, () => Promise<Add>> = {
  run: async () => (await import('./run.ts')).addRun,
  engine: async () => (await import('./engine.ts')).addEngine,
  api: async () => (await import('./api.ts')).addApi,
  replay: async () => (await import('./replay-command.ts')).addReplay,
  generate: async () => (await import('./generate.ts')).addGenerate,
  topics: async () => (await import('./topics.ts')).addTopics,
  produce: async () => (await import('./produce.ts')).addProduce,
  rejected: async () => (await import('./rejected.ts')).addRejected,
  flink: async () => (await import('./flink.ts')).addFlink,
  sink: async () => (await import('./sink.ts')).addSink,
  verify: async () => (await import('./verify.ts')).addVerify,
  key: async () => (await import('./key.ts')).addKey,
  backup: async () => (await import('./backup.ts')).addBackup,
  repair: async () => (await import('./repair.ts')).addRepair,
  config: async () => (await import('./show-config.ts')).addConfig,
};

/** Of which commands the answer needs to know. */
function wanted(name: string): (() => Promise<Add>)[] {
  if (name === '--version' || name === '-V') return [];
  return Object.hasOwn(COMMANDS, name) ? [COMMANDS[name]] : Object.values(COMMANDS);
}

async function program(): Promise<Command> {
  const top = new Command('clickrate')
    .description('Exact click-through rates in real time.')
    .version(VERSION)
    .showHelpAfterError('(add --help for the options)');
  for (const add of await Promise.all(wanted(process.argv[2] ?? '').map((load) => load())))
    add(top);
  exitByThrowing(top);
  return top;
}

/** Commander would end the process itself; we set the exit code. */
function exitByThrowing(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) exitByThrowing(child);
}

// A log that nobody takes ends nothing.
process.stderr.on('error', () => {});

if (concealCommandLine() && workerSlot() === null)
  process.stderr.write(
    'clickrate: a secret was on the command line, where others could see it: better in a ' +
      'CLICKRATE_… variable, or in a file that CLICKRATE_…_FILE names\n',
  );

process.stdout.on('error', (error) => {
  if (!isPipeClosed(error)) throw error;
  process.exit(0);
});

try {
  await (await program()).parseAsync();
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
