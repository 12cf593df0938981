/** What a command line that asks for help is about. */
import type { Command } from 'commander';

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
