/**
 * Real input: the replay of the Open Bandit file agrees with a batch computation on every window.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../support/processes.ts';

const FILE = 'test/data/open-bandit/bts-men.csv';
const CSV = 'time=timestamp,product=item_id,clicked=click';

function lines(args: string[]): string[] {
  const text = execFileSync(process.execPath, args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 1e8,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return text.trimEnd().split('\n');
}

test('replay = batch computation on every window of the Open Bandit data', () => {
  const replayed = lines([
    join('src', 'cli', 'main.ts'),
    'replay',
    FILE,
    '--csv',
    CSV,
    '--results',
    '-',
  ]);
  const computed = lines([join('test', 'oracle', 'batch.ts'), FILE, '--csv', CSV]);
  assert.ok(computed.length > 5_000);
  assert.deepEqual(replayed, computed);
});
