/** What a command line that asks for help is about, and what a wrong one is told. */
import type { Command } from 'commander';
import { ALL, flagOf } from './options.ts';

const ASKS = ['help', '-h', '--help'];

/**
 * The command line as it is to be parsed. `help` of several words is of the command that all of
 * them name. Where they name none, the help of another would be shown: then only the words stay,
 * which are refused.
 */
export function argumentsOf(top: Command, given: readonly string[]): string[] {
  const words = given.filter((word) => !ASKS.includes(word));
  if (!areCommands(top, words)) return words;
  return given[0] === 'help' ? [...words, '--help'] : [...given];
}

/** Whether each word is a command of the one before, up to one that has no others. */
function areCommands(top: Command, words: readonly string[]): boolean {
  let command = top;
  for (const word of words) {
    const found = command.commands.find((each) => each.name() === word);
    if (found === undefined) return command.commands.length === 0 || word.startsWith('-');
    command = found;
  }
  return true;
}

/** The library's words; where it takes an option of other commands for a misspelt one, ours. */
export function errorText(words: string): string {
  const text = words.replace(/^error: /, 'clickrate: ');
  const [line, flag] = /^clickrate: unknown option '(--[\w-]+).*\n/.exec(text) ?? [];
  if (line === undefined || !Object.keys(ALL).some((name) => flagOf(name) === flag)) return text;
  return `${line}(other commands have it; this one would not use it)\n`;
}
