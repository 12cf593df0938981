/** A directory with a hole that a repair dug: what is missed counts once the task is past it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyDirectory } from '../../src/cli/verify-store.ts';
import { tryRepair } from '../../src/repair/repair.ts';
import { change, engineOn, used } from '../hostile/directory.ts';

const DAMAGED = 'UPDATE journal SET bytes = zeroblob(length(bytes)) WHERE first =';

test('a hole is no difference, neither before the task has passed it nor after', async (t) => {
  // What is not counted lies in rows of 150 events, from offset 1 200 on.
  for (const holes of [[1_200], [1_500], [1_650], [1_350, 1_650]]) {
    const directory = await used(t);
    for (const first of holes) change(directory, `${DAMAGED} ${first}`);
    const { steps, keep } = tryRepair(directory);
    keep(0);
    assert.equal(steps.length, holes.length);
    const before = await verifyDirectory(directory);
    assert.match(before.how, /the store is held against itself/);
    assert.deepEqual(before.differences, []);
    assert.equal(before.expected.ledger.get('received'), 1_200);
    const engine = await engineOn(directory);
    await engine.run(false);
    await engine.end();
    const after = await verifyDirectory(directory);
    assert.deepEqual(after.differences, []);
    assert.equal(after.expected.ledger.get('received'), 1_800 - 150 * holes.length);
  }
});
