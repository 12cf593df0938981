/** What a sink takes up with a claim: from the checkpoint by name, the rest from the topics. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, settingsWith } from '../../src/config.ts';
import { ClickrateError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { openSession } from '../../src/sink/session.ts';
import type { SinkSource } from '../../src/sink/source.ts';
import { type Place, SinkState } from '../../src/sink/state.ts';
import type { Opened, Position } from '../../src/sources/source.ts';
import type { TaskState } from '../../src/stores/store.ts';
import { SimClock } from '../support/sim-clock.ts';

const settings = settingsWith({});
const PLACES: Place[] = [
  { name: 'res-0', kind: 'results' },
  { name: 'res-1', kind: 'results' },
  { name: 'pro-0', kind: 'progress' },
];
const FENCE = { epoch: 3, token: 'token-1' };

/** Opens a session over topics that begin at 5, 6 and 7, of which 1, 0 and 2 records are gone. */
async function opened(state: TaskState, failures: { places: number; open: number }) {
  const clock = new SimClock(0);
  const calls: string[] = [];
  const asked: (readonly Position[])[] = [];
  const source = {
    places: async () => {
      calls.push('places');
      if (failures.places-- > 0) throw new ClickrateError('source_unavailable', 'away');
      return PLACES;
    },
    open: async (positions: readonly Position[]): Promise<Opened[]> => {
      calls.push('open');
      asked.push(positions);
      if (failures.open-- > 0) throw new ClickrateError('source_unavailable', 'away');
      const missed = [1, 0, 2];
      return PLACES.map(({ name }, p) => {
        return { topicId: `id of ${name}`, offset: 5 + p, floorMs: null, missed: missed[p]! };
      });
    },
  } as unknown as SinkSource;
  const tokens = ['token-1', 'token-2'];
  const store = {
    resultsPerCommit: 500,
    claim: async (_: string, token: string) => {
      calls.push(`claim with ${token}`);
      return { ...FENCE, token };
    },
    read: async () => {
      calls.push('read');
      return state;
    },
    commit: () => assert.fail('nothing is committed yet'),
  };
  const parts = { task: 'sink', source, store, clock, settings, log: silentLog };
  const { signal } = new AbortController();
  const retry = { task: 'sink', clock, limits: LIMITS, log: silentLog, signal, onState: () => {} };
  const session = await openSession({ ...parts, newToken: () => tokens.shift()! }, retry);
  return { session, calls, asked };
}

test('without a checkpoint it begins where the topics do, and counts from there', async () => {
  const empty = { number: 0, status: null, parts: [] };
  const { session, calls, asked } = await opened(empty, { places: 0, open: 0 });
  assert.deepEqual(calls, ['claim with token-1', 'read', 'places', 'open']);
  assert.deepEqual(asked[0], Array(3).fill({ offset: null, topicId: null }));
  const { state, fence, number, topicIds, positions, safe, swept } = session;
  assert.deepEqual([fence, number], [FENCE, 0]);
  assert.deepEqual([positions, topicIds], [[5, 6, 7], PLACES.map(({ name }) => `id of ${name}`)]);
  assert.deepEqual([safe, swept], Array(2).fill({ positions: [5, 6, 7], watermark: null }));
  // What is read from now on is not safe by that.
  assert.notEqual(safe.positions, positions);
  const { ledger } = state.status(positions, topicIds, null);
  assert.deepEqual([ledger.since, ledger.missed], [{ 'res-0': 5, 'res-1': 6, 'pro-0': 7 }, 3]);
});

test('a checkpoint says where each partition stands, whatever others there were', async () => {
  const before = new SinkState([PLACES[2]!, PLACES[0]!], settings, 500);
  before.watermark = 25_000;
  before.since = { 'res-0': 2, 'pro-0': 0 };
  before.missed = 10;
  const status = before.status([70, 40], ['p', 'r'], before.watermark);
  const kept = { number: 9, status, parts: before.parts(before.table.take(500)) };
  const { session, calls, asked } = await opened(kept, { places: 1, open: 1 });
  // Partitions are looked for anew with each try: another broker may know of more.
  const tries = ['places', 'places', 'open', 'places', 'open'];
  assert.deepEqual(calls, ['claim with token-1', 'read', ...tries]);
  assert.deepEqual(asked[1], [
    { offset: 40, topicId: 'r' },
    { offset: null, topicId: null },
    { offset: 70, topicId: 'p' },
  ]);
  const { state, number, positions, topicIds, safe } = session;
  assert.deepEqual([number, positions], [9, [5, 6, 7]]);
  assert.deepEqual(safe, { positions: [5, 6, 7], watermark: 25_000 });
  const { ledger } = state.status(positions, topicIds, null);
  assert.deepEqual([ledger.since, ledger.missed], [{ 'res-0': 2, 'res-1': 6, 'pro-0': 0 }, 13]);
});

test('a checkpoint of other windows is refused before anything is opened', async () => {
  const other = settingsWith({ windowMs: 1_000 });
  const status = new SinkState(PLACES, other, 500).status([1, 1, 1], ['r', 'r', 'p'], null);
  const kept = { number: 9, status, parts: [] };
  const failures = { places: Number.POSITIVE_INFINITY, open: 0 };
  await assert.rejects(opened(kept, failures), {
    code: 'checkpoint_settings',
    message: /windowMs 1000, not 10000/,
  });
});
