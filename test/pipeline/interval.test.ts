/** When commits without results are sent: each second, but not right before a closing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, settingsWith } from '../../src/config.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import type { Commit } from '../../src/stores/store.ts';
import { Random } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SimSource } from '../support/sim-source.ts';
import { ALONE } from './alone.ts';

const START = 1_700_000_000_000;
const STEP_MS = 5;

/** When each commit was sent, and how many results it had. */
class Timed extends MemoryStore {
  readonly commits: { atMs: number; results: number }[] = [];
  readonly clock: SimClock;
  readonly #tookMs: number;

  constructor(clock: SimClock, tookMs: number) {
    super();
    this.clock = clock;
    this.#tookMs = tookMs;
  }

  override commit(commit: Commit) {
    this.commits.push({ atMs: this.clock.monotonicMs(), results: commit.results.length });
    this.clock.advance(this.#tookMs);
    return super.commit(commit);
  }
}

/** The commits of so long, while an event comes every 10 ms until `silentMs`. */
async function commitsOf(lastMs: number, silentMs: number, { windowMs = 1_100, tookMs = 0 } = {}) {
  const clock = new SimClock(START);
  const records = Array.from({ length: silentMs / 10 }, (_, offset) => {
    const arrivalMs = START + offset * 10;
    const text = `{"product_id":"a","timestamp":${arrivalMs},"event_type":"click"}`;
    return { offset, arrivalMs, bytes: Buffer.from(text) };
  });
  const logs = [{ partition: 'p-0', topicId: 't', records }];
  const store = new Timed(clock, tookMs);
  const pipeline = new Pipeline({
    ...ALONE,
    store,
    clock,
    source: new SimSource({ logs, clock, random: new Random(1) }),
    settings: settingsWith({ windowMs, watermarkDelayMs: 500, idleAfterMs: 60_000 }),
  });
  await pipeline.start();
  while (clock.monotonicMs() < lastMs) {
    await pipeline.step();
    clock.advance(STEP_MS);
  }
  await pipeline.stop();
  return store.commits;
}

test('a commit without results does not go right before one that has them', async () => {
  const commits = (await commitsOf(20_000, 20_000)).filter(({ atMs }) => atMs > 2_000);
  const closings = commits.filter(({ results }) => results > 0);
  assert.ok(closings.length >= 16, `${closings.length} closings`);
  const before = commits.filter(
    ({ atMs, results }) =>
      results === 0 &&
      closings.some((closing) => closing.atMs - atMs < 200 && closing.atMs >= atMs),
  );
  assert.deepEqual(before, []);
});

test('a closing that does not come holds up no commit for long', async () => {
  // Silent within 200 ms of a closing, as event time goes.
  const commits = await commitsOf(8_000, 4_760);
  const last = commits.filter(({ results }) => results > 0).at(-1)!;
  const next = commits.find(({ atMs }) => atMs > last.atMs)!;
  const waitedMs = next.atMs - last.atMs;
  assert.ok(waitedMs >= LIMITS.commitMinMs && waitedMs <= 1_300, `after ${waitedMs} ms`);
});

test('the longer a commit takes, the seldomer one comes, but often enough to notice a fence', async () => {
  const { commitMinMs, commitMaxMs, commitShare } = LIMITS;
  for (const [tookMs, everyMs] of [
    [10, commitMinMs],
    [100, 100 * commitShare],
    [1_000, commitMaxMs],
  ] as const) {
    const commits = await commitsOf(30_000, 30_000, { windowMs: 60_000, tookMs });
    const begins = commits.map(({ atMs }) => atMs).filter((atMs) => atMs < 30_000);
    // From the end of one to the beginning of the next; the first had none before it.
    const waitsMs = begins.slice(1).map((atMs, n) => atMs - begins[n]! - tookMs);
    assert.ok(waitsMs.length >= 4, `${begins}`);
    // Its end is seen up to two steps later, and counted with it.
    const mostMs = everyMs + (2 * commitShare + 3) * STEP_MS;
    for (const ms of waitsMs) assert.ok(ms >= everyMs && ms < mostMs, `${tookMs}: ${ms} ms`);
  }
});

test('where nothing is new a commit comes only so often that a fence is noticed', async () => {
  const commits = await commitsOf(40_000, 4_760);
  const quiet = commits.map(({ atMs }) => atMs).filter((atMs) => atMs > 10_000 && atMs < 40_000);
  const waitsMs = quiet.slice(1).map((atMs, n) => atMs - quiet[n]);
  assert.ok(waitsMs.length >= 4, `${quiet}`);
  for (const ms of waitsMs)
    assert.ok(ms >= LIMITS.commitMaxMs && ms < LIMITS.commitMaxMs + 200, `after ${ms} ms`);
});
