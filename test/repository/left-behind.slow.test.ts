/** A run of tests that is killed leaves none of the servers behind that its tests have started. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { eventually, outputOf, ROOT, start, temporary } from '../support/processes.ts';

const urlOf = (path: string) => JSON.stringify(pathToFileURL(join(ROOT, path)).href);

/** Says who it is and what it has started, and goes on until it is ended. */
const FILE = `
import { test } from 'node:test';
import { start } from ${urlOf('test/support/processes.ts')};
test('a test with a server', async () => {
  const server = start('sleep', ['1000']);
  process.stdout.write(\`pids \${process.pid} \${server.process.pid}.\\n\`);
  await new Promise((resolve) => setTimeout(resolve, 1_000_000));
});
`;

/** As before, with a server of a stack. */
const STACK_FILE = `
import { test } from 'node:test';
import { runningServers, startServer } from ${urlOf('scripts/stack/server.ts')};
import ${urlOf('test/support/processes.ts')};
import { endingStack } from ${urlOf('test/support/stack-end.ts')};
test('a test with a stack', async () => {
  const directory = import.meta.dirname;
  endingStack(directory);
  const command = { command: 'sleep', args: ['1000'] };
  await startServer({ name: 'sleep', port: 0, directory, ...command });
  const [server] = runningServers(directory);
  process.stdout.write(\`pids \${process.pid} \${server.pid}.\\n\`);
  await new Promise((resolve) => setTimeout(resolve, 1_000_000));
});
`;

type Pids = { runner: number; file: number };

suite('the server of a test ends', () => {
  const cases: [string, NodeJS.Signals, (pids: Pids) => number[]][] = [
    ['when its run is asked to end', 'SIGTERM', ({ runner }) => [runner]],
    ['when its run is killed', 'SIGKILL', ({ runner }) => [runner]],
    ['when all of its run get Ctrl-C', 'SIGINT', ({ runner, file }) => [runner, file]],
    ['when all of its run are killed', 'SIGKILL', ({ runner, file }) => [runner, file]],
  ];
  for (const [title, signal, whom] of cases)
    test(title, { skip: process.platform !== 'linux' && 'only Linux ends it for us' }, (t) =>
      mustEnd(t, FILE, signal, whom),
    );
});

test(
  'the servers of a stack end where all of its run are killed',
  {
    skip: process.platform !== 'linux' && 'they are looked for as Linux names them',
  },
  (t) => mustEnd(t, STACK_FILE, 'SIGKILL', ({ runner, file }) => [runner, file]),
);

async function mustEnd(
  t: TestContext,
  content: string,
  signal: NodeJS.Signals,
  whom: (pids: Pids) => number[],
) {
  const path = join(temporary(t), 'a.test.ts');
  writeFileSync(path, content);
  const run = start(process.execPath, ['--test', '--test-reporter=tap', path], {
    env: { NODE_TEST_CONTEXT: undefined },
  });
  const [, file, server] = await outputOf(run, /pids (\d+) (\d+)\./);
  t.after(() => isRunning(Number(server)) && process.kill(Number(server), 'SIGKILL'));
  assert.ok(isRunning(Number(server)));
  for (const pid of whom({ runner: run.process.pid!, file: Number(file) }))
    process.kill(pid, signal);
  await eventually(async () => !isRunning(Number(server)), 20_000);
}

/** One that ended may wait to be buried by whoever took it in. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
