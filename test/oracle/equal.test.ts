/**
 * The pipeline equals the oracle on random streams, whatever happens to it on the way. A failing
 * seed is printed; `CLICKRATE_SEED=n node --test test/oracle/equal.test.ts` replays it alone, and
 * `CLICKRATE_RUNS=n` sets how many streams are tried.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runsFromEnv } from '../support/random.ts';
import { stream } from '../support/streams.ts';
import { compare } from './compare.ts';
import { driveStream } from './drive.ts';

const { seed: firstSeed, runs } = runsFromEnv({ seed: 1, runs: 2_000 });

test(`${runs} streams from seed ${firstSeed} on equal the oracle`, async (t) => {
  const reached = new Map<string, number>();
  const tally = (what: string, by: number) => reached.set(what, (reached.get(what) ?? 0) + by);
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    const drawn = stream(seed);
    try {
      const drive = await driveStream(drawn);
      const answer = await compare(drawn, drive);
      tally('events', answer.received);
      tally('steps', drive.steps);
      tally('commits', drive.commits.length);
      tally('restarts', drive.restarts);
      const last = drive.commits.at(-1)?.status.comebacks.length ?? 0;
      tally('comebacks', last + drive.commits.reduce((sum, c) => sum + c.comebacks.length, 0));
      tally(
        'removals',
        drive.commits.reduce((sum, c) => sum + c.removals.length, 0),
      );
      for (const [verdict, events] of answer.totals) tally(verdict, events);
    } catch (error) {
      const replay = `CLICKRATE_SEED=${seed} node --test test/oracle/equal.test.ts`;
      throw new Error(`stream ${seed} differs; replay it with: ${replay}`, { cause: error });
    }
  }
  t.diagnostic([...reached].map(([what, by]) => `${what} ${by}`).join(', '));
  // Streams that never meet the rules would prove nothing about them.
  if (runs >= 500)
    for (const what of ['restarts', 'comebacks', 'removals', 'duplicate', 'too_late', 'counted'])
      assert.ok((reached.get(what) ?? 0) >= 100, `only ${reached.get(what) ?? 0} ${what}`);
});
