/** The last commits of all tasks, as a process reads them that runs none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection } from '../../src/stores/redis/connection.ts';
import { readCommitted } from '../../src/stores/redis/tasks.ts';

/** A connection to a Redis with these tasks, in the order in which it lists them. */
function redisWith(tasks: readonly string[]): Connection {
  const status = JSON.stringify({ partitions: [], ledger: { verdicts: {} } });
  const rows = tasks.map(() => [status, '1000', '1', '7']);
  const connection = {
    where: 'h:1',
    send: async () => tasks,
    sendAll: async () => [['2', '0'], ...rows],
  };
  return connection as unknown as Connection;
}

test('tasks come in the order of their numbers, of which some have two digits', async () => {
  const found = await readCommitted(redisWith(['10', '9', 'sink', '2', '0']));
  assert.deepEqual(
    found.map(({ task }) => task),
    ['0', '2', '9', '10', 'sink'],
  );
});
