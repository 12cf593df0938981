#!/usr/bin/env node
/** The command line: which subcommands there are, and how they end. */
import './tuning.ts';
import { Command, CommanderError } from 'commander';
import { addApi } from './api.ts';
import { addBackup } from './backup.ts';
import { addEngine } from './engine.ts';
import { exitCodeOf, isPipeClosed } from './exit.ts';
import { addFlink } from './flink.ts';
import { addGenerate } from './generate.ts';
import { addKey } from './key.ts';
import { addProduce } from './produce.ts';
import { addRejected } from './rejected.ts';
import { addRepair } from './repair.ts';
import { addReplay } from './replay-command.ts';
import { addRun } from './run.ts';
import { concealCommandLine } from './secrets.ts';
import { addConfig } from './show-config.ts';
import { addSink } from './sink.ts';
import { addTopics } from './topics.ts';
import { addVerify } from './verify.ts';
import { VERSION } from './version.ts';
import { workerSlot } from './workers.ts';

/** Each adds a command with its flags, its help and what it does. */
const COMMANDS = [
  addRun,
  addEngine,
  addApi,
  addReplay,
  addGenerate,
  addTopics,
  addProduce,
  addRejected,
  addFlink,
  addSink,
  addVerify,
  addKey,
  addBackup,
  addRepair,
  addConfig,
];

function program(): Command {
  const top = new Command('clickrate')
    .description('Exact click-through rates in real time.')
    .version(VERSION)
    .showHelpAfterError('(add --help for the options)');
  for (const add of COMMANDS) add(top);
  exitByThrowing(top);
  return top;
}

/** Commander would end the process itself; we set the exit code. */
function exitByThrowing(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) exitByThrowing(child);
}

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
  await program().parseAsync();
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
