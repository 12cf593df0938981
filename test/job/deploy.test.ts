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

  test('takes no checkpoints that are so rare that heartbeats would pause', async () => {
    for (const ms of ['5001', '0', '2000.5']) {
      const { code, text } = await deploy('--checkpoint-ms', ms);
      assert.notEqual(code, 0);
      assert.match(text, /--checkpoint-ms must be a whole number from 10 to 5000/);
    }
  });
});
