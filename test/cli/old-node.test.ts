/** A Node that is too old is refused, whoever starts it, before anything is read or written. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { oldNode } from '../../src/cli/old-node.ts';
import { ENGINES } from '../../src/cli/version.ts';
import { ROOT } from '../support/processes.ts';

test('a version is compared by its numbers, not as text', () => {
  for (const version of ['24.16.0', '24.16.1', '24.100.0', '25.0.0', '26.10.0', '100.0.0'])
    assert.equal(oldNode(version, '>=24.16'), null, version);
  for (const version of ['24.15.9', '24.9.0', '24.2.0', '23.99.0', '9.30.0', '20.20.2'])
    assert.equal(
      oldNode(version, '>=24.16'),
      `this is Node ${version}; clickrate needs 24.16 or newer`,
    );
  assert.equal(oldNode(process.versions.node, ENGINES.node), null);
});

test('the command line says so and does nothing', () => {
  const pretend = `Object.defineProperty(process.versions, 'node', { value: '24.15.0' });`;
  const args = [`--import=data:text/javascript,${encodeURIComponent(pretend)}`];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...args, 'src/cli/main.ts', '--version'],
    { cwd: ROOT, encoding: 'utf8' },
  );
  const [, needed] = /^>=(\d+\.\d+)$/.exec(ENGINES.node) ?? [];
  assert.equal(stderr, `clickrate: this is Node 24.15.0; clickrate needs ${needed} or newer\n`);
  assert.deepEqual([status, stdout], [1, '']);
});

test('the documents name the version of package.json', () => {
  const needed = ENGINES.node.slice('>='.length);
  for (const file of ['README.md', 'docs/dependencies.md']) {
    const text = readFileSync(join(ROOT, file), 'utf8').replaceAll('\n', ' ');
    const named = [...text.matchAll(/(\d+\.\d+) or newer/g)].map(([, version]) => version);
    assert.notEqual(named.length, 0, file);
    assert.deepEqual(new Set(named), new Set([needed]), file);
  }
});
