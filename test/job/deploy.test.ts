/** What `clickrate flink deploy` refuses before it asks anybody. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Command } from 'commander';
import { addFlink } from '../../src/cli/flink.ts';

const deploy = async (...flags: string[]) => {
  const flink = new Command('flink');
  addFlink(flink);
  await flink.parseAsync(['deploy', ...flags], { from: 'user' });
};

suite('flink deploy', () => {
  test('goes on or begins anew, not both', async () => {
    await assert.rejects(deploy('--from', '/savepoint', '--start', 'earliest'), {
      code: 'usage',
      message: /--from goes on, --start begins anew/,
    });
  });

  test('begins at no time that the calendar does not have', async () => {
    for (const time of ['2026-02-30', 'yesterday', '-1'])
      await assert.rejects(deploy('--start', time), {
        code: 'usage',
        message: `--start must be earliest or a time, not "${time}"`,
      });
  });

  test('takes whole milliseconds', async () => {
    for (const flag of ['--dedup-ms', '--keep-windows-ms'])
      await assert.rejects(deploy(flag, '1.5'), {
        code: 'usage',
        message: `${flag} must be a whole number of milliseconds, not 1.5`,
      });
  });

  test('takes no checkpoints that are so rare that heartbeats would pause', async () => {
    for (const ms of ['5001', '0', '2000.5'])
      await assert.rejects(deploy('--checkpoint-ms', ms), {
        code: 'usage',
        message: /--checkpoint-ms must be a whole number from 10 to 5000/,
      });
  });
});
