/** Secrets among the options: read from files, shown to nobody, no longer on the command line. */
import { readFileSync } from 'node:fs';
import { ClickrateError, messageOf } from '../errors.ts';

/** Options that are, or name, secrets; the address of Redis may hold a password. */
const SECRET = /key|secret|password|token/i;
const PASSWORD_IN_URL = /^([a-z]+:\/\/[^/:@]*:)[^/]*@/i;
const MASK = '********';

/** A value as others may see it. */
export function masked(name: string, value: unknown): string {
  if (value === '') return '';
  return SECRET.test(name) ? MASK : String(value).replace(PASSWORD_IN_URL, `$1${MASK}@`);
}

/**
 * What a secret's file holds, without the line break that editors add. Throws `config_invalid`,
 * also when it is empty: no secret would mean that everybody may come in.
 */
export function secretIn(file: string, variable: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ClickrateError('config_invalid', `${variable}: ${messageOf(error)}`);
  }
  if (text.trim() === '')
    throw new ClickrateError(
      'config_invalid',
      `${variable}: ${file} is empty; fill it, or unset the variable`,
    );
  return text.replace(/\r?\n$/, '');
}

/**
 * The command line with secrets masked; null where none is on it. `args` begin with the program.
 */
export function withoutSecrets(args: readonly string[]): string[] | null {
  let found = false;
  const shown = args.map((arg, i) => {
    const [, flag, value] = /^--([\w-]+)=(.*)$/s.exec(arg) ?? [];
    const name = flag ?? /^--([\w-]+)$/.exec(args[i - 1] ?? '')?.[1];
    if (name === undefined) return arg;
    const text = value ?? arg;
    // Names of files with keys, and hashes of keys, tell nobody anything.
    const mask = /-keys?$/.test(name) ? text : masked(name, text);
    if (mask === text) return arg;
    found = true;
    return flag === undefined ? mask : `--${flag}=${mask}`;
  });
  return found ? shown : null;
}

/**
 * Others on the machine see command lines for as long as a process lives: those with secrets are
 * overwritten. Between the start and this they could be seen. Answers whether it was needed.
 */
export function concealCommandLine(): boolean {
  const shown = withoutSecrets(process.argv);
  if (shown !== null) process.title = shown.join(' ');
  return shown !== null;
}
