/** Help is of the command that is meant, and of none where there is no such command. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { ROOT } from '../support/processes.ts';

function clickrate(line: string) {
  const args = ['src/cli/main.ts', ...line.split(' ')];
  return spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
}

test('help of a command that there is not says so, in each way to ask for it', () => {
  for (const line of ['help nosuch', 'flink help nosuch']) {
    const { status, stdout, stderr } = clickrate(line);
    assert.deepEqual([status, stdout], [2, ''], line);
    assert.equal(stderr, "clickrate: unknown command 'nosuch'\n(add --help for the options)\n");
  }
});

test('help of several words is that of the command which all of them name', () => {
  const { status, stdout, stderr } = clickrate('help flink deploy');
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(stdout, /^Usage: clickrate flink deploy /);
});
