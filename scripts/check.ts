/** `npm run check`: format and lint, types, repository rules, unit and golden tests. Under 60 s. */
import { argumentsOf } from './arguments.ts';
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

argumentsOf({}, 'npm run check   format, lint, types, repository rules, unit and golden tests');
// Of the random runs a tenth: `npm test` makes them all.
process.env.CLICKRATE_RUN_SHARE ??= '0.1';
const tally = emptyTally();
const files = testFiles();
const tests = partsOf(files)
  .filter(({ quick }) => quick)
  .map((part) => runTests(part, files, sideBySide()));
for (const part of await Promise.all([runTypes(), runBiome(), ...tests])) add(tally, part);
process.exitCode = finish(tally);
