/** `clickrate verify` that is interrupted: what it says, and that it leaves nothing behind. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { eventually, startNode, temporary } from '../support/processes.ts';

test('an interrupted verification says so, and its files are gone', async (t) => {
  const directory = temporary(t);
  const args = ['verify', '--generate', '50000'];
  const child = startNode('src/cli/main.ts', args, { TMPDIR: directory });
  t.after(() => child.kill());
  await eventually(async () => readdirSync(directory).length > 0, 60_000, 1);
  child.process.kill('SIGINT');
  assert.equal(await child.ended, 1);
  assert.equal(child.output(), 'clickrate: interrupted: nothing was verified\n');
  assert.deepEqual(readdirSync(directory), []);
});
