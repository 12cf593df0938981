/** A run of tests that is killed leaves none of the servers behind that its tests have started. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { eventually, outputOf, ROOT, start, temporary } from '../support/processes.ts';

/** Says who it is and what it has started, and goes on until it is ended. */
const FILE = `
import { writeSync } from 'node:fs';
import { test } from 'node:test';
import { start } from ${JSON.stringify(pathToFileURL(join(ROOT, 'test/support/processes.ts')).href)};
test('a test with a server', async () => {
  const server = start('sleep', ['1000']);
  process.stdout.write(\`pids \${process.pid} \${server.process.pid}.\\n\`);
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
      mustEnd(t, signal, whom),
    );
});

async function mustEnd(t: TestContext, signal: NodeJS.Signals, whom: (pids: Pids) => number[]) {
  const path = join(temporary(t), 'a.test.ts');
  writeFileSync(path, FILE);
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

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
