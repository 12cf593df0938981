/** Which command lines ask for help of which command. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { argumentsOf } from '../../src/cli/help.ts';

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
