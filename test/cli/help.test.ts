/** Which command lines ask for help of which command, and what wrong ones are told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { argumentsOf, errorText } from '../../src/cli/help.ts';

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

test('an option that other commands have is not taken for a misspelt one', () => {
  const told = (flag: string) =>
    errorText(`error: unknown option '${flag}'\n(Did you mean --brokers?)\n`);
  assert.match(told('--workers'), /'--workers'\n\(other commands have it; this one would not use/);
  assert.match(
    told('--broker'),
    /^clickrate: unknown option '--broker'\n\(Did you mean --brokers\?\)\n$/,
  );
  assert.equal(errorText('error: too many arguments\n'), 'clickrate: too many arguments\n');
});
