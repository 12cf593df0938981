/** A log that nobody takes costs its lines, and not the server. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { nodeFlags } from '../../scripts/node-flags.ts';
import { freePort } from '../support/free-port.ts';
import { eventually, ROOT, temporary } from '../support/processes.ts';

const MAIN = join(ROOT, 'src/cli/main.ts');

/** `clickrate run` with `stderr`, which must answer, and end as it should when it is asked to. */
async function mustServe(t: TestContext, format: string, stderr: number | 'pipe') {
  const port = String(await freePort());
  const args = ['run', '--data', join(temporary(t), 'data'), '--port', port];
  const child = spawn(process.execPath, [...nodeFlags(MAIN), MAIN, ...args], {
    cwd: ROOT,
    env: { ...process.env, CLICKRATE_LOG_FORMAT: format },
    stdio: ['ignore', 'ignore', stderr],
  });
  t.after(() => child.kill('SIGKILL'));
  // A reader that has gone: the first line finds a broken pipe.
  child.stderr?.destroy();
  const ended = once(child, 'exit');
  const isLive = async () => (await fetch(`http://127.0.0.1:${port}/livez`)).ok;
  const [code] = await Promise.race([eventually(isLive, 60_000).then(() => [null]), ended]);
  assert.equal(code, null, 'it ended');
  child.kill('SIGINT');
  assert.deepEqual(await ended, [0, null]);
}

const skip = process.platform === 'linux' ? false : 'only Linux has /dev/full';

// Both formats are written in one place: each with one of the ways to fail.
suite('a log that cannot be written', () => {
  test('text: the disk is full', { skip }, async (t) => {
    const full = openSync('/dev/full', 'w');
    t.after(() => closeSync(full));
    await mustServe(t, 'text', full);
  });

  test('json: the reader has ended', (t) => mustServe(t, 'json', 'pipe'));
});
