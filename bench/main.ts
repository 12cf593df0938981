/**
 * `npm run bench`: what the project promises, measured in one run on one machine, beside what one
 * would use instead. Quotes CPU seconds and ratios; wall-clock times only where a person waits.
 */
import '../src/cli/tuning.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { compare, type Floors } from './floors.ts';
import { Report } from './report.ts';
import { embedded } from './suites/embedded.ts';
import { flink } from './suites/flink.ts';
import { http } from './suites/http.ts';
import { kafka } from './suites/kafka.ts';
import { processes } from './suites/process.ts';
import { store } from './suites/store.ts';
import { stream } from './suites/stream.ts';

export type Suite = (report: Report, isQuick: boolean) => Promise<void>;

const SUITES: Record<string, Suite> = {
  embedded: embedded,
  kafka: kafka,
  flink: flink,
  store: store,
  http: http,
  stream: stream,
  process: processes,
};

const HELP = `npm run bench -- [options]

  --only a,b     suites to run: ${Object.keys(SUITES).join(', ')}
  --quick        fewer events and runs: for a first look, not for the record
  --check        fail when a ratio is under its floor in bench/floors.json
  --json FILE    write everything that was measured
  --help
`;

function options() {
  const { values } = parseArgs({
    options: {
      ...{ only: { type: 'string' }, json: { type: 'string' }, quick: { type: 'boolean' } },
      ...{ check: { type: 'boolean' }, help: { type: 'boolean' } },
    },
  });
  const names = values.only?.split(',') ?? Object.keys(SUITES);
  const unknown = names.filter((name) => !(name in SUITES));
  if (unknown.length > 0) throw new Error(`there is no suite ${unknown.join(', ')}\n\n${HELP}`);
  return { ...values, names, isQuick: values.quick === true };
}

/** Runs the suites one after the other: they would take CPU from each other. */
async function run(): Promise<number> {
  const { names, isQuick, check, json, help } = options();
  if (help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const report = new Report();
  process.stdout.write(`${report.machine}\n`);
  for (const name of names) await SUITES[name](report, isQuick);
  if (json !== undefined)
    writeFileSync(
      json,
      `${JSON.stringify({ at: new Date().toISOString(), ...report }, null, 2)}\n`,
    );
  return check === true ? held(report, names) : 0;
}

/** The exit code: 1 when a ratio fell, or was not measured. */
function held(report: Report, names: readonly string[]): number {
  const file = new URL('./floors.json', import.meta.url);
  const floors = JSON.parse(readFileSync(file, 'utf8')) as Floors;
  const { fallen, unmeasured, held } = compare(report.ratios, floors, names);
  for (const sentence of fallen) process.stdout.write(`fell: ${sentence}\n`);
  for (const id of unmeasured) process.stdout.write(`not measured: ${id}\n`);
  process.stdout.write(`${held} ratios held, ${fallen.length} fell\n`);
  return fallen.length + unmeasured.length === 0 ? 0 : 1;
}

process.exitCode = await run().catch((error: Error) => {
  process.stderr.write(`${error.stack ?? error.message}\n`);
  return 1;
});
