/**
 * Engines, brokers, group, store, network and clocks, simulated from one seed each, hold the laws
 * whatever befalls them. `npm run simulate -- --seed N` tells one seed; `CLICKRATE_RUNS=n` sets how
 * many are tried.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runsFromEnv } from '../support/random.ts';
import { CALL_FAULTS } from './faults.ts';
import { hunt, reportOf } from './hunt.ts';
import { failing, shrink, storyOf } from './shrink.ts';
import { planOf } from './simulation.ts';

const EVENTS = 5_000;
const { seed: from, runs: seeds } = runsFromEnv({ seed: 1, runs: 2_000 });

/** Every kind of fault that a plan may hold. */
const KINDS = [
  ...CALL_FAULTS,
  'crash in a step',
  'crash',
  'pause',
  'restart',
  'clock jump',
  'rebalance storm',
  'broker down',
  'leader moved',
  'reads throttled',
  'log truncated',
  'store rolled back',
  'store forgets a claim',
  'store lost',
  'disk full',
  'slow store',
  'store away',
] as const;

test(`${seeds} simulated worlds from seed ${from} on hold the laws`, async (t) => {
  const bag = await hunt({ from, seeds, events: EVENTS });
  t.diagnostic(reportOf(bag, EVENTS));
  const [first] = bag.failures;
  if (first !== undefined) {
    const found = await failing(planOf(first.seed, EVENTS));
    const story = found === null ? first.failure : storyOf(await shrink(found));
    const replay = `npm run simulate -- --seed ${first.seed}`;
    throw new Error(`seed ${first.seed} breaks a law; replay it with: ${replay}\n${story}`);
  }
  assert.equal(bag.seeds, seeds);
  // Worlds in which nothing happens would prove nothing.
  if (seeds >= 500) {
    for (const kind of KINDS) assert.ok((bag.faults.get(kind) ?? 0) >= seeds / 50, `few: ${kind}`);
    assert.ok(bag.happenings >= seeds * 5_000, `only ${bag.happenings} happenings`);
  }
});

test('a seed gives the same world each time', async () => {
  const runs = [await hunt({ from: 5, seeds: 1, events: 500 })];
  runs.push(await hunt({ from: 5, seeds: 1, events: 500 }));
  assert.deepEqual(runs[0], runs[1]);
});
