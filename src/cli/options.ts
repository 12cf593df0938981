/**
 * Where a setting comes from: flag > environment `CLICKRATE_*` > configuration file > default. A
 * text may also lie in a file that `CLICKRATE_*_FILE` names. The table is `config.ts`; names, flags
 * and variables are derived from its keys.
 */
import { readFileSync } from 'node:fs';
import {
  CHOICES,
  OPTIONS,
  type Options,
  SETTINGS,
  type Settings,
  settingsWith,
} from '../config.ts';
import { ClickrateError, messageOf } from '../errors.ts';
import { generatorOptions } from '../sources/generator-options.ts';
import { isWhole, wholeText } from './numbers.ts';
import { masked, secretIn } from './secrets.ts';

/** Options that are whole numbers: least and most. */
const WHOLE: [
  name: 'port' | 'workers' | 'minSample' | 'flinkIdleMs',
  least: number,
  most?: number,
][] = [
  ['port', 0, 65_535],
  ['workers', 1, 64],
  ['minSample', 0],
  // For Flink 0 means that no partition is ever idle.
  ['flinkIdleMs', 1],
];
/** Every option and setting with its default. */
export const ALL = { ...OPTIONS, ...SETTINGS };
export type All = typeof ALL;

/** What a command shows, takes and reads, with its defaults, which may be its own. */
export type Table = Partial<All>;

export type Origin = 'flag' | 'environment' | 'file' | 'default';
export type Effective = { name: string; value: unknown; origin: Origin };
export type Configuration<K extends keyof All = keyof All> = {
  options: Pick<Options, K & keyof Options>;
  settings: Settings;
  effective: Effective[];
};

/** `windowMs` → `--window-ms`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `windowMs` → `CLICKRATE_WINDOW_MS`. */
export function variableOf(name: string): string {
  return `CLICKRATE_${flagOf(name).slice(2).replaceAll('-', '_').toUpperCase()}`;
}

/**
 * The configuration in force. `flags` are those given on the command line, by name. Of variables
 * and the file, which commands share, only what is in `table` is read; of settings all or none,
 * since they must fit together.
 * Throws `config_invalid` naming the value, where it came from, and what it should be.
 */
export function configure<K extends keyof All = keyof All>(
  flags: Record<string, unknown>,
  environment: NodeJS.ProcessEnv,
  file: string | undefined,
  table: Pick<Table, K> = ALL,
): Configuration<K> {
  const fromFile = file === undefined ? {} : readConfigFile(file);
  const counts = Object.keys(table).some((name) => Object.hasOwn(SETTINGS, name));
  const effective = Object.entries({ ...table, ...(counts ? SETTINGS : {}) }).map(
    ([name, standard]): Effective => {
      const variable = variableIn(environment, name, typeof standard === 'string');
      const typedAs = (value: unknown, where: string) => typed(name, standard, value, where);
      if (flags[name] !== undefined)
        return { name, value: typedAs(flags[name], flagOf(name)), origin: 'flag' };
      if (variable !== undefined)
        return { name, value: typedAs(variable, variableOf(name)), origin: 'environment' };
      if (fromFile[name] !== undefined)
        return { name, value: typedAs(fromFile[name], `${file}: ${name}`), origin: 'file' };
      return { name, value: standard, origin: 'default' };
    },
  );
  const valuesIn = (keys: object) =>
    Object.fromEntries(
      effective
        .filter(({ name }) => Object.hasOwn(keys, name))
        .map(({ name, value }) => [name, value]),
    );
  const options = valuesIn(OPTIONS) as Pick<Options, K & keyof Options>;
  checkNumbers(options);
  return { options, settings: settingsWith(valuesIn(SETTINGS)), effective };
}

function checkNumbers(given: Partial<Options>): void {
  const options = { ...OPTIONS, ...given };
  const check = (name: keyof Options, isRight: boolean, what: string) => {
    if (isRight) return;
    throw new ClickrateError('config_invalid', `${name} must be ${what}, not ${options[name]}`);
  };
  const { rate, products, seed } = options;
  generatorOptions({ rate, products, seed });
  for (const [name, least, most] of WHOLE)
    check(name, isWhole(options[name], least, most), wholeText(least, most));
  check('rateLimit', options.rateLimit >= 0, 'at least 0 (0: any number)');
}

/** A configuration as lines for a person, secrets masked. */
export function printable(effective: readonly Effective[]): string {
  const width = Math.max(...effective.map(({ name }) => name.length));
  return effective
    .map(
      ({ name, value, origin }) =>
        `${name.padEnd(width)}  ${masked(name, value).padEnd(16)}  ${origin}`,
    )
    .join('\n');
}

/** The text of a variable, or of the file that the variable beside it names; undefined: neither. */
function variableIn(
  environment: NodeJS.ProcessEnv,
  name: string,
  isText: boolean,
): string | undefined {
  const variable = variableOf(name);
  const text = environment[variable] || undefined;
  const file = environment[`${variable}_FILE`] || undefined;
  if (!isText || file === undefined) return text;
  if (text === undefined) return secretIn(file, `${variable}_FILE`);
  const message = `${variable} and ${variable}_FILE say the same: give one of them`;
  throw new ClickrateError('config_invalid', message);
}

function readConfigFile(file: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ClickrateError('config_invalid', `${file} is not readable JSON: ${messageOf(error)}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new ClickrateError('config_invalid', `${file} must hold one JSON object`);
  for (const name of Object.keys(parsed))
    if (!Object.hasOwn(ALL, name))
      throw new ClickrateError('config_invalid', `${file}: there is no setting called ${name}`);
  return parsed as Record<string, unknown>;
}

/** A value read as the type of its default. */
function typed(name: string, standard: unknown, value: unknown, where: string): unknown {
  const wrong = (what: string) => {
    const given = masked(name, JSON.stringify(value));
    return new ClickrateError('config_invalid', `${where} must be ${what}, not ${given}`);
  };
  if (typeof standard === 'number') {
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isFinite(number)) throw wrong('a number');
    return number;
  }
  if (typeof standard === 'boolean') {
    if (value === true || value === 'true' || value === '1') return true;
    if (value === false || value === 'false' || value === '0') return false;
    throw wrong('true or false');
  }
  if (typeof value !== 'string') throw wrong('a text');
  const choices = Object.entries(CHOICES).find(([key]) => key === name)?.[1];
  if (choices !== undefined && !choices.some((choice) => choice === value))
    throw wrong(choices.length === 2 ? choices.join(' or ') : `one of ${choices.join(', ')}`);
  return value;
}
