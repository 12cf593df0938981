/** `clickrate verify` that is interrupted: what it says, and that it leaves nothing behind. */
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, startNode, temporary } from '../support/processes.ts';

suite('an interrupted verification says so, and its files are gone', () => {
  test('at once', (t) => interrupted(t, 50_000, () => true));

  // What it would generate takes minutes, and gigabytes.
  test('while it generates', (t) =>
    interrupted(t, 50_000_000, (made) => sizeOf(join(made, 'events.ndjson')) > 1e6));
});

/** Sends SIGINT as soon as it is time, by the directory that it has made. */
async function interrupted(t: TestContext, events: number, isTime: (made: string) => boolean) {
  const directory = temporary(t);
  const args = ['verify', '--generate', String(events)];
  const child = startNode('src/cli/main.ts', args, { TMPDIR: directory });
  t.after(() => child.kill());
  const made = await eventually(async () => readdirSync(directory)[0], 60_000, 1);
  await eventually(async () => isTime(join(directory, made)), 60_000, 1);
  child.process.kill('SIGINT');
  const code = await Promise.race([child.ended, sleep(20_000, 'it goes on', { ref: false })]);
  assert.equal(code, 1);
  assert.equal(child.output(), 'clickrate: interrupted: nothing was verified\n');
  assert.deepEqual(readdirSync(directory), []);
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
