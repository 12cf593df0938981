/**
 * One byte of a data directory changed, anywhere: a start refuses it by name, or comes to the same
 * numbers. Never an error without a code, never other numbers.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { ClickrateError } from '../../src/errors.ts';
import { tryRepair } from '../../src/repair/repair.ts';
import { NOTHING } from '../../src/repair/steps.ts';
import { lostIn } from '../../src/sqlite-log.ts';
import { temporary } from '../support/processes.ts';
import { Random, runsFromEnv } from '../support/random.ts';
import { copy, FILES, outcomeOf, use } from './directory.ts';

type Outcome = Awaited<ReturnType<typeof outcomeOf>>;

const { seed, runs } = runsFromEnv({ seed: 1, runs: 100 });

/** Flips one to eight bits of one byte; says which. */
function flip(file: string, random: Random): number {
  const bytes = readFileSync(file);
  const at = random.int(0, bytes.length - 1);
  bytes[at] ^= random.int(1, 255);
  writeFileSync(file, bytes);
  return at;
}

const NAMED = /clickrate\.db|lock\.db/;

/**
 * Where the last commit of a log begins. Damage in there cannot be told from a write that the crash
 * cut off, so a start goes on from the commit before it.
 */
function lastCommit(log: string): number {
  const bytes = readFileSync(log);
  const frame = 24 + bytes.readUInt32BE(8);
  const ends: number[] = [];
  for (let at = 32; at + frame <= bytes.length; at += frame)
    if (bytes.compare(bytes, 16, 24, at + 8, at + 16) === 0 && bytes.readUInt32BE(at + 4) !== 0)
      ends.push(at + frame);
  return ends.at(-2) ?? 32;
}

/** Null: it started and came to the expected numbers, or to others that may be. */
async function refusal(directory: string, ...expected: unknown[]): Promise<ClickrateError | null> {
  let found: unknown;
  try {
    found = await outcomeOf(directory);
  } catch (error) {
    assert.ok(error instanceof ClickrateError, `without a code: ${(error as Error).stack}`);
    assert.match(error.message, NAMED);
    return error;
  }
  if (!expected.slice(1).some((other) => isDeepStrictEqual(found, other)))
    assert.deepEqual(found, expected[0]);
  return null;
}

/**
 * What was refused starts again after a repair, unless that says that it can do nothing: with the
 * expected numbers where nothing was lost, else with none that is wrong.
 */
async function repaired(directory: string, refused: ClickrateError, whole: Outcome) {
  const [expected, isCut] = await expectedOf(directory, whole);
  let isWhole = true;
  if (/lock\.db/.test(refused.message)) {
    rmSync(join(directory, 'lock.db'));
  } else {
    try {
      const dry = tryRepair(directory);
      assert.ok(dry.steps.length > 0, refused.message);
      dry.drop();
      const real = tryRepair(directory);
      assert.deepEqual(real.steps, dry.steps);
      isWhole = real.steps.every(({ lost }) => lost === NOTHING);
      const damaged = real.keep(Date.now());
      assert.ok(existsSync(join(damaged, 'clickrate.db')));
    } catch (error) {
      if (!/newer clickrate/.test((error as Error).message)) throw error;
      return 'not mendable';
    }
  }
  const outcome = await outcomeOf(directory);
  if (isWhole || isCut) assert.deepEqual(outcome, expected);
  else mustBePartOf(outcome, expected);
  return isWhole ? 'mended' : 'mended with losses';
}

/** Of a damaged log only what is before the damage counts; else `whole`. */
async function expectedOf(directory: string, whole: Outcome): Promise<[Outcome, isCut: boolean]> {
  const lost = lostIn(join(directory, 'clickrate.db'));
  if (lost === null) return [whole, false];
  const cut = `${directory}-before`;
  copy(directory, cut);
  truncateSync(join(cut, 'clickrate.db-wal'), lost.at);
  const outcome = await outcomeOf(cut);
  rmSync(cut, { recursive: true });
  return [outcome, true];
}

/** Every window of history that is left is as expected, and every event received has a verdict. */
function mustBePartOf({ windowMs, history, ledgers }: Outcome, expected: Outcome): void {
  assert.equal(windowMs, expected.windowMs);
  for (const [product, levels] of history.entries())
    for (const counts of levels[0])
      assert.deepEqual(
        counts,
        expected.history[product][0].find(({ start }) => start === counts.start),
      );
  assert.equal(ledgers.length, 1);
  const [{ received, verdicts }] = ledgers;
  assert.equal(
    Object.values(verdicts).reduce((sum, count) => sum + count),
    received,
  );
}

for (const kind of ['stopped', 'crashed'] as const)
  test(`a ${kind} process's directory with a byte changed`, async (t) => {
    const base = temporary(t);
    await use(join(base, 'stopped'), join(base, 'crashed'), 1);
    const origin = join(base, kind);
    copy(origin, join(base, 'whole'));
    const expected = await outcomeOf(join(base, 'whole'));
    const log = join(origin, 'clickrate.db-wal');
    const tail = kind === 'crashed' ? lastCommit(log) : 0;
    copy(origin, join(base, 'cut'));
    if (kind === 'crashed') truncateSync(join(base, 'cut', 'clickrate.db-wal'), tail);
    const without = await outcomeOf(join(base, 'cut'));
    const tally = { same: 0, mended: 0, 'mended with losses': 0, 'not mendable': 0 };
    for (let run = 0; run < runs; run++) {
      const random = new Random(seed + run);
      const files = FILES.filter((name) => {
        const file = join(origin, name);
        return existsSync(file) && statSync(file).size > 0;
      });
      const directory = join(base, 'flipped');
      copy(origin, directory);
      const name = random.pick(files);
      const at = flip(join(directory, name), random);
      const others = name.endsWith('-wal') && at >= tail ? [without] : [];
      try {
        const refused = await refusal(directory, expected, ...others);
        if (refused === null) tally.same++;
        else tally[await repaired(directory, refused, expected)]++;
      } catch (error) {
        throw new Error(`CLICKRATE_SEED=${seed + run}: byte ${at} of ${name}`, { cause: error });
      }
      rmSync(directory, { recursive: true });
    }
    t.diagnostic(`${runs} flips from seed ${seed}: ${JSON.stringify(tally)}`);
  });
