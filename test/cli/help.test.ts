/** Help is of the command that is meant, and of none where there is no such command. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { Command } from 'commander';
import { argumentsOf } from '../../src/cli/help.ts';
import { ROOT } from '../support/processes.ts';

function clickrate(line: string) {
  const args = ['src/cli/main.ts', ...line.split(' ')];
  return spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
}

test('help of a command that there is not says so, in each way to ask for it', () => {
  for (const line of ['help nosuch', 'flink help nosuch']) {
    const { status, stdout, stderr } = clickrate(line);
    assert.deepEqual([status, stdout], [2, ''], line);
    assert.equal(stderr, "error: unknown command 'nosuch'\n(add --help for the options)\n");
  }
});

test('help of several words is that of the command which all of them name', () => {
  const { status, stdout, stderr } = clickrate('help flink deploy');
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(stdout, /^Usage: clickrate flink deploy /);
});

test('only what asks for help of no command is parsed as something else', () => {
  const top = new Command('clickrate');
  top.command('replay');
  top.command('flink').command('deploy');
  const parsed = (line: string) => argumentsOf(top, line.split(' ')).join(' ');
  for (const [line, expected] of [
    ['help', '--help'],
    ['help help', '--help'],
    ['help replay', 'replay --help'],
    ['help flink', 'flink --help'],
    ['help repaly', 'repaly'],
    ['repaly --help', 'repaly'],
    ['flink depoly -h', 'flink depoly'],
    ['flink --help', 'flink --help'],
    ['--nonsense --help', '--nonsense --help'],
    // Files may have any name.
    ['replay help --sort', 'replay help --sort'],
    ['flink deploy --jar help', 'flink deploy --jar help'],
  ])
    assert.equal(parsed(line!), expected);
});
