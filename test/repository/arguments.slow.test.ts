/** The programs around clickrate: help is answered, and what they do not know begins nothing. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';

const PROGRAMS = {
  'scripts/check.ts': ['extra'],
  'scripts/test.ts': ['nopart'],
  'scripts/stack.ts': ['sideways'],
  'scripts/flink-jar.ts': ['extra'],
  'scripts/audit.ts': ['one', 'two'],
  'test/simulation/main.ts': ['--seeds', 'many'],
  'bench/main.ts': ['--suite', 'none'],
  'bench/latency.ts': ['0'],
  'bench/flink-latency.ts': ['1', '2', '3'],
};

function ended(program: string, args: readonly string[]) {
  return new Promise<{ code: unknown; out: string; err: string }>((resolve) => {
    execFile(process.execPath, [program, ...args], { timeout: 60_000 }, (error, out, err) =>
      resolve({ code: error === null ? 0 : error.code, out, err }),
    );
  });
}

for (const [program, wrong] of Object.entries(PROGRAMS))
  test(`${program} answers --help, and refuses what it does not know`, async () => {
    const helped = await ended(program, ['--help']);
    assert.deepEqual({ ...helped, out: '' }, { code: 0, out: '', err: '' });
    assert.match(helped.out, /npm (run|test)/);
    for (const args of [['--unheard-of'], wrong]) {
      const refused = await ended(program, args);
      assert.equal(refused.code, 2, refused.err);
      assert.equal(refused.out, '');
      assert.ok(refused.err.endsWith(helped.out), refused.err);
      assert.doesNotMatch(refused.err, /\n {4}at /);
    }
  });
