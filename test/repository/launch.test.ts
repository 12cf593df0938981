/** The flags of Node stand in the first line of the command; whatever else starts it has the same. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { nodeFlags } from '../../scripts/node-flags.ts';
import { ROOT } from '../support/processes.ts';

const STARTS = ['package.json', 'deploy/Dockerfile', 'compose.yaml', 'scripts/common.sh'];

test('whoever starts the command line gives Node the flags of its first line', () => {
  const flags = nodeFlags(join(ROOT, 'src/cli/main.ts'));
  assert.notEqual(flags.length, 0);
  for (const file of STARTS) {
    // `node … src/cli/main.ts`, or the same as a list of JSON.
    const text = readFileSync(join(ROOT, file), 'utf8').replaceAll('", "', ' ');
    const starts = [...text.matchAll(/\bnode ((?:--\S+ )*)\S*cli\/main\.[jt]s/g)];
    assert.notEqual(starts.length, 0, `${file} starts nothing`);
    for (const [start, given] of starts) assert.equal(given.trim(), flags.join(' '), start);
  }
});
