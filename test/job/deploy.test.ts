/** What `clickrate flink deploy` refuses before it asks anybody. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { startNode } from '../support/processes.ts';

const deploy = async (...flags: string[]) => {
  const child = startNode('src/cli/main.ts', ['flink', 'deploy', ...flags]);
  return { code: await child.ended, text: child.output() };
};

suite('flink deploy', () => {
  test('goes on or begins anew, not both', async () => {
    const { code, text } = await deploy('--from', '/savepoint', '--start', 'earliest');
    assert.notEqual(code, 0);
    assert.match(text, /--from goes on, --start begins anew/);
  });
});
