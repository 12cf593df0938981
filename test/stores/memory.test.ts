/** The store in memory keeps the contract. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../src/config.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { runsFromEnv } from '../support/random.ts';
import { commitOf, countsOf, resultIn, START } from './commits.ts';
import { MemoryHarness } from './harness.ts';
import { randomSequences } from './sequences.ts';
import { storeSuite } from './suite.ts';

storeSuite('memory', (options) => new MemoryHarness(options));

test('random sequences on the store in memory answer as the rules say', async (t) => {
  const { seed, runs } = runsFromEnv({ seed: 1, runs: 1_000 });
  const seen = await randomSequences(seed, runs, (options) => new MemoryHarness(options));
  t.diagnostic(seen.summary);
});

test('what was handed in or out is not what the store holds', async () => {
  const store = new MemoryStore();
  const fence = await store.claim('a', 't');
  const part = { name: 'n', bytes: Buffer.from('before') };
  const result = resultIn('x', 0, 1);
  const commit = commitOf('a', fence, 1, { parts: [part], claims: ['x'], results: [result] });
  await store.commit(commit);
  part.bytes.fill(0);
  result.latest.impressions = 99;
  commit.status.ledger.received = 99;
  (await store.read('a')).parts[0]!.bytes.fill(1);
  (await store.load()).rows[0]!.latest!.impressions = 98;
  const { parts, status } = await store.read('a');
  assert.equal(Buffer.from(parts[0]!.bytes).toString(), 'before');
  assert.equal(status?.ledger.received, 1);
  assert.deepEqual((await store.load()).rows[0]?.latest, countsOf(0, 1));
});

test('more periods than arguments fit a call', async () => {
  const historyKeep = { windowsMs: Infinity, minutesMs: Infinity, quartersMs: Infinity };
  const store = new MemoryStore({ limits: { ...LIMITS, historyKeep } });
  const fence = await store.claim('a', 't');
  const cells = Array.from({ length: 150_000 }, (_, n) => countsOf(n, 1));
  const results = [{ ...resultIn('x', cells.length, 1), cells }];
  await store.commit(commitOf('a', fence, 1, { claims: ['x'], results }));
  const [windows] = (await store.historyHeld()).levels;
  assert.deepEqual(windows, { level: 'window', oldest: START, cells: cells.length });
});

test('every store in memory has an incarnation of its own', async () => {
  const [one, other] = [new MemoryStore(), new MemoryStore()];
  assert.notEqual((await one.load()).incarnation, (await other.load()).incarnation);
});
