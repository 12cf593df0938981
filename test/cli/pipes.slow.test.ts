/** What the commands write: whole, also to a reader that is slow, and an error where they cannot. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, start, startNode, temporary } from '../support/processes.ts';

const MAIN = 'src/cli/main.ts';
/** Sleeps, then takes a thousand bytes at a time: the pipe is full again and again. */
const SLOW_READER = '{ sleep 0.5; dd bs=1000 2>/dev/null; }';
const MAPPING = 'time=timestamp,product=item_id,clicked=click';

/** Runs `command` into a slow reader, and again into a file; both must be the same. */
async function piped(t: Parameters<typeof temporary>[0], command: string, flag: string) {
  const directory = temporary(t);
  const [slow, direct] = [join(directory, 'slow'), join(directory, 'direct')];
  const clickrate = `"${process.execPath}" ${MAIN} ${command} ${flag}`;
  // A pipe of the shell, because those that Node makes for its children never fill up.
  const script = `{ ${clickrate} -; echo "status $?" >&2; } | ${SLOW_READER} > "${slow}"`;
  const child = start('sh', ['-c', `${script} && ${clickrate} "${direct}"`]);
  t.after(() => child.kill());
  assert.equal(await child.ended, 0, child.output());
  assert.match(child.output(), /status 0/);
  const bytes = readFileSync(slow);
  assert.ok(bytes.length > 1_000_000, `${bytes.length} bytes fill any pipe`);
  assert.ok(bytes.equals(readFileSync(direct)), 'the pipe got what the file got');
}

test('generate: a slow reader of standard output gets everything', async (t) => {
  await piped(t, 'generate --events 20000 --disorder-ms 500', '--out');
});

test('replay: a slow reader of standard output gets everything', async (t) => {
  const file = 'test/data/open-bandit/bts-men.csv';
  await piped(t, `replay ${file} --csv ${MAPPING}`, '--results');
});

test('a place that cannot be written to is named', async (t) => {
  const nowhere = join(temporary(t), 'none', 'out');
  for (const target of [nowhere, '/dev/full']) {
    const child = startNode(MAIN, ['generate', '--events', '10', '--out', target]);
    assert.notEqual(await child.ended, 0);
    assert.match(child.output(), new RegExp(`cannot write ${target}`));
  }
});

test('a full disk behind standard output is one sentence, whatever the command', () => {
  for (const words of ['config', 'key', '--help', 'verify --generate 10']) {
    const line = `"${process.execPath}" ${MAIN} ${words} > /dev/full`;
    const { status, stderr } = spawnSync('sh', ['-c', line], { cwd: ROOT, encoding: 'utf8' });
    assert.equal(status, 1, stderr);
    assert.match(stderr, /^clickrate: cannot write standard output: ENOSPC.*$/m);
    assert.doesNotMatch(stderr, /^ +at /m);
  }
});

test('a generator that cannot run is refused before anything is started', async (t) => {
  const data = join(temporary(t), 'data');
  const child = startNode(MAIN, [
    'run',
    '--generate',
    '--data',
    data,
    '--port',
    '0',
    '--rate',
    '0',
  ]);
  t.after(() => child.kill());
  assert.notEqual(await child.ended, 0);
  assert.match(child.output(), /rate must be more than 0 .*, not 0/);
  assert.equal(existsSync(data), false, 'nothing was made');
});

test('a reader that has read enough ends a command without an error', () => {
  for (const words of ['generate --events 300000 --out -', 'produce --help']) {
    const line = `"${process.execPath}" src/cli/main.ts ${words} | head -1; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', line], { cwd: ROOT, encoding: 'utf8' });
    assert.deepEqual(
      { code: stdout.trimEnd().split('\n').at(-1), stderr },
      { code: '0', stderr: '' },
    );
  }
});
