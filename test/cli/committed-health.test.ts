/** What a process that runs no task says of the tasks: alive, silent, or not known. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommittedHealth } from '../../src/cli/committed-health.ts';
import { SILENT_MS } from '../../src/status.ts';
import type { Following } from '../../src/stores/redis/store.ts';
import type { Committed } from '../../src/stores/redis/tasks.ts';
import { START, statusOf } from '../stores/commits.ts';
import { SimClock } from '../support/sim-clock.ts';

function healthOver() {
  const store = {
    tasks: [] as Committed[],
    failure: null as Error | null,
    follows: { number: 1, ageMs: 20.4, trouble: null } as Following,
    committed: async () => {
      if (store.failure !== null) throw store.failure;
      return store.tasks;
    },
    following: () => store.follows,
  };
  return { store, health: new CommittedHealth(store, new SimClock(START)) };
}

const task = (ageMs: number): Committed => ({
  task: '0',
  status: statusOf(1),
  ageMs,
  epoch: 1,
  number: 7,
});

test('an engine that has not committed for long is not ready, and that is said', async () => {
  const { store, health } = healthOver();
  store.tasks = [task(SILENT_MS)];
  await health.look();
  const [alive] = health.health();
  assert.deepEqual([alive!.ready, alive!.state, alive!.reasons], [true, 'running', []]);
  store.tasks = [task(SILENT_MS + 1)];
  await health.look();
  const [silent] = health.health();
  assert.deepEqual([silent!.ready, silent!.state], [false, 'stopped']);
  assert.match(silent!.reasons[0]!, /the last commit is 15 s old/);
});

test('a store that cannot be read or followed is told, with the age of what is known', async () => {
  const { store, health } = healthOver();
  assert.match(String(health.trouble()), /have not been read yet/);
  await health.look();
  assert.match(String(health.trouble()), /no engine has committed/);
  store.tasks = [task(10)];
  await health.look();
  assert.deepEqual([health.trouble(), health.staleMs()], [null, null]);
  store.failure = new Error('no answer');
  await health.look();
  assert.match(String(health.trouble()), /results may be old: no answer/);
  assert.equal(health.health().length, 1, 'the last known stay');
  store.follows = { number: 1, ageMs: 7_000.6, trouble: 'away' };
  assert.match(String(health.trouble()), /results may be old: away/);
  assert.equal(health.staleMs(), 7_001);
});
