/** Arguments of the programs around clickrate: `--help` is answered, what is wrong is said. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** As `parseArgs` has them. Ends the process with 0 after `--help`, with 2 where they are wrong. */
export function argumentsOf<T extends ParseArgsConfig>(config: T, help: string) {
  const asked = process.argv.slice(2);
  if (asked.includes('--help') || asked.includes('-h')) {
    process.stdout.write(`${help.trimEnd()}\n`);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    misused((error as Error).message, help);
  }
}

/** Ends the process with 2. */
export function misused(what: string, help: string): never {
  process.stderr.write(`${what}\n\n${help.trimEnd()}\n`);
  process.exit(2);
}

/** The arguments where they are whole numbers of at least 1, at most one for each standard. */
export function countsAsked<const T extends readonly number[]>(standards: T, help: string) {
  const { positionals } = argumentsOf({ allowPositionals: true }, help);
  if (positionals.length > standards.length) misused('there are too many arguments', help);
  const counts = standards.map((standard, i) => Number(positionals[i] ?? standard));
  if (!counts.every((count) => Number.isSafeInteger(count) && count >= 1))
    misused('they are whole numbers of at least 1', help);
  return counts as { -readonly [K in keyof T]: number };
}
