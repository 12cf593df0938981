/**
 * `npm test`: format and lint, types, then every test file, part by part. `--long` adds the long
 * ones; other arguments name the parts to run alone, as in `npm test -- oracle`.
 */
import { argumentsOf, misused } from './arguments.ts';
import { partsOf } from './parts.ts';
import {
  add,
  emptyTally,
  finish,
  runBiome,
  runTests,
  runTypes,
  sideBySide,
  testFiles,
} from './runner.ts';

const files = testFiles();
const all = ['biome', 'types', ...partsOf(files).map(({ name }) => name)];
const HELP = `npm test [-- part ...]         every part, or these alone
npm run test:long [-- part ...]  the long ones too

Parts: ${all.join(', ')}`;
const { values, positionals: named } = argumentsOf(
  { allowPositionals: true, options: { long: { type: 'boolean', default: false } } },
  HELP,
);
const parts = partsOf(files).filter((part) => values.long || !part.long);
const names = ['biome', 'types', ...parts.map((part) => part.name)];
const unknown = named.filter((name) => !names.includes(name));
if (unknown.length > 0) misused(`no part is called ${unknown.join(', ')}`, HELP);

const wanted = (name: string) => named.length === 0 || named.includes(name);
const tally = emptyTally();
if (wanted('biome')) add(tally, await runBiome());
if (wanted('types')) add(tally, await runTypes());
// What measures time or loads the machine runs alone.
for (const part of parts.filter(({ name }) => wanted(name)))
  add(tally, await runTests(part, files, Math.min(part.atOnce, sideBySide())));
process.exitCode = finish(tally);
