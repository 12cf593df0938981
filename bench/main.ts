/**
 * `npm run bench`: what the project promises, measured in one run on one machine, beside what one
 * would use instead. Quotes CPU seconds and ratios; wall-clock times only where a person waits.
 */
import '../src/cli/tuning.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import { argumentsOf, misused } from '../scripts/arguments.ts';
import { compare, type Floors, floorsUnder, told } from './floors.ts';
import { markdown } from './markdown.ts';
import { endOnSignals, machine } from './measure.ts';
import { Report } from './report.ts';
import { SUITES } from './suites.ts';

const FLOORS = new URL('./floors.json', import.meta.url);

const HELP = `npm run bench -- [options]

  --suite a,b    suites to run: ${Object.keys(SUITES).join(', ')}
  --without a,b  suites not to run, which --check then does not ask for
  --quick        fewer events and runs: for a first look, not for the record
  --check        fail unless every ratio is at its floor in bench/floors.json
  --set-floors   write floors a little under what was measured into bench/floors.json
  --json FILE    write everything that was measured, each sample included
  --markdown     print the tables of docs/performance.md at the end
  --help         show this
`;

function options() {
  const known = {
    suite: { type: 'string' },
    without: { type: 'string' },
    json: { type: 'string' },
    quick: { type: 'boolean' },
    check: { type: 'boolean' },
    markdown: { type: 'boolean' },
    'set-floors': { type: 'boolean' },
  } as const;
  const { values } = argumentsOf({ options: known }, HELP);
  const without = values.without?.split(',') ?? [];
  const wanted = values.suite?.split(',') ?? Object.keys(SUITES);
  const unknown = [...wanted, ...without].filter((name) => !(name in SUITES));
  if (unknown.length > 0) misused(`there is no suite ${unknown.join(', ')}`, HELP);
  const names = wanted.filter((name) => !without.includes(name));
  if (values['set-floors'] && (values.quick || values.check))
    misused('--set-floors goes with neither --quick nor --check', HELP);
  return { ...values, names, isQuick: values.quick === true };
}

/** Runs the suites one after the other: they would take CPU from each other. */
async function run(): Promise<number> {
  const { names, isQuick, check, json, markdown: isMarkdown, ...more } = options();
  const isSetting = more['set-floors'];
  const report = new Report();
  const beganMs = performance.now();
  process.stdout.write(`${machine()}\n`);
  let isWhole = true;
  for (const name of names) {
    try {
      await SUITES[name](report, isQuick);
    } catch (error) {
      // The others are worth their time.
      isWhole = false;
      report.leaveOut(name, `it failed: ${(error as Error).stack}`);
    }
    // What was measured is not lost when a later suite fails.
    if (json !== undefined)
      writeFileSync(json, `${JSON.stringify({ isQuick, names, ...report }, null, 2)}\n`);
  }
  const minutes = (performance.now() - beganMs) / 60_000;
  process.stdout.write(`\n${names.length} suites in ${minutes.toFixed(1)} minutes\n`);
  if (isMarkdown === true) process.stdout.write(`\n${markdown(report)}`);
  if (isSetting === true && !isWhole)
    process.stdout.write('\nfloors stay as they are: a suite failed\n');
  else if (isSetting === true) {
    const floors = floorsUnder(report.ratios, readFloors());
    writeFileSync(FLOORS, `${JSON.stringify(floors, null, 2)}\n`);
  }
  const code = check === true ? held(report, names) : 0;
  return isWhole ? code : 1;
}

function readFloors(): Floors {
  return JSON.parse(readFileSync(FLOORS, 'utf8')) as Floors;
}

/** The exit code: 1 when a ratio fell, was not measured or has no floor. */
function held(report: Report, names: readonly string[]): number {
  const [lines, code] = told(compare(report.ratios, readFloors(), names));
  process.stdout.write(`\n${lines.join('\n')}\n`);
  return code;
}

endOnSignals();
process.exitCode = await run().catch((error: Error) => {
  process.stderr.write(`${error.stack ?? error.message}\n`);
  return 1;
});
