/** The proof is tested: each planted bug makes the suite fail that is named for it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withoutRedis } from '../support/redis-server.ts';
import { inProcess } from './hunt.ts';
import { BUGS, type Bug } from './planted/bugs.ts';

const ROOT = join(fileURLToPath(import.meta.url), '../../..');
/** Each bug shows within so many seeds; without one, `simulation.test.ts` passes them all. */
const MOST_SEEDS = 150;
const EVENTS = 5_000;
/** What `plant` says where the text is not found once. */
const NOT_PLANTED = /places in src\//;

/** What the simulation says of the first seed that shows the bug; null when none does. */
async function simulated(bug: Bug): Promise<string | null> {
  let failure: string | null = null;
  const { name, from = 1 } = bug;
  const share = { from, step: 1, before: from + MOST_SEEDS, events: EVENTS, bug: name };
  await inProcess(share, (told) => {
    if ('failure' in told) failure = `seed ${told.seed}: ${told.failure.split('\n')[0]}`;
  });
  return failure;
}

type Run = { tests: number; passed: number; failed: number; text: string };

/** Runs the named tests of a file, with the bug if there is one; says how many passed and failed. */
async function tested(file: string, tests: string, bug: Bug | null): Promise<Run> {
  const plant = join(ROOT, 'test/simulation/planted/plant.ts');
  const args = ['--import', plant, '--test', '--test-reporter=tap', '--test-timeout=60000'];
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(
    process.execPath,
    [...args, `--test-name-pattern=${tests}`, join(ROOT, file)],
    { cwd: ROOT, env: { ...env, CLICKRATE_PLANT: bug?.name ?? '', CLICKRATE_RUNS: '5' } },
  );
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (more: string) => {
      text += more;
    });
  }
  await new Promise((resolve) => child.once('close', resolve));
  const count = (what: string) => Number(new RegExp(`^# ${what} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return { tests: count('tests'), passed: count('pass'), failed: count('fail'), text };
}

/** The same tests ran, and some failed: not because the bug could not be planted. */
function mustBeCaught(without: Run, planted: Run): void {
  assert.ok(without.passed > 0 && without.passed === without.tests, without.text);
  assert.doesNotMatch(planted.text, NOT_PLANTED);
  assert.equal(planted.tests, without.tests, planted.text);
  assert.ok(planted.failed > 0, planted.text);
}

let caught = 0;
after(() => process.stdout.write(`  planted bugs caught: ${caught}/${BUGS.length}\n`));

test('a bug that is not planted does not count as caught', () => {
  const run = { tests: 3, passed: 3, failed: 0, text: '' };
  mustBeCaught(run, { ...run, passed: 2, failed: 1 });
  const wrong: Partial<Run>[] = [
    {},
    { tests: 1, passed: 0, failed: 1 },
    { passed: 2, failed: 1, text: 'Error: "a bug" has 0 places in src/a.ts, not one: x' },
  ];
  for (const more of wrong) assert.throws(() => mustBeCaught(run, { ...run, ...more }));
  const none = { ...run, tests: 0, passed: 0 };
  assert.throws(() => mustBeCaught(none, { ...none, failed: 1 }));
});

describe('bugs that the simulation catches', { concurrency: availableParallelism() }, () => {
  for (const bug of BUGS.filter(({ caughtBy }) => caughtBy === 'simulation'))
    test(bug.name, async (t) => {
      const failure = await simulated(bug);
      assert.ok(failure !== null, `${MOST_SEEDS} seeds did not show it`);
      assert.doesNotMatch(failure, NOT_PLANTED);
      t.diagnostic(`${bug.name}: ${failure}`);
      caught++;
    });
});

describe('bugs that other suites catch', () => {
  for (const bug of BUGS) {
    if (bug.caughtBy === 'simulation') continue;
    const { file, tests } = bug.caughtBy;
    const skip = file.includes('redis') ? withoutRedis() : false;
    test(`${bug.name}: ${file}`, { skip }, async () => {
      const without = await tested(file, tests, null);
      mustBeCaught(without, await tested(file, tests, bug));
      caught++;
    });
  }
});
