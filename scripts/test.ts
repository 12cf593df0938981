/**
 * `npm test`: format and lint, types, then every test file, part by part. `--long` adds the long
 * ones; other arguments name the parts to run alone, as in `npm test -- oracle`.
 */
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

const args = process.argv.slice(2);
const long = args.includes('--long');
const named = args.filter((arg) => !arg.startsWith('--'));
const files = testFiles();
const parts = partsOf(files).filter((part) => long || !part.long);
const names = ['biome', 'types', ...parts.map((part) => part.name)];
const unknown = named.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`no part is called ${unknown.join(', ')}; there are ${names.join(', ')}\n`);
  process.exit(2);
}

const wanted = (name: string) => named.length === 0 || named.includes(name);
const tally = emptyTally();
if (wanted('biome')) add(tally, runBiome());
if (wanted('types')) add(tally, runTypes());
// What measures time or loads the machine runs alone.
for (const part of parts.filter(({ name }) => wanted(name)))
  add(
    tally,
    await runTests(part.name, files.filter(part.takes), Math.min(part.atOnce, sideBySide())),
  );
process.exitCode = finish(tally);
