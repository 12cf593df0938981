/** What `.ci/run` does of what its programs say: they are scripts of ours here. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { ROOT, start, temporary } from '../support/processes.ts';

const PROGRAMS = ['node', 'java', 'mvn', 'redis-server', 'chromium', 'docker-compose', 'promtool'];
const CODES = { TESTS: '0', AUDIT: '0', PIP: '0', VENV: '0' };
/** Each notes how it was called; all are there, and end with the code that is said. */
const SCRIPTS: Record<string, string> = {
  ...Object.fromEntries(PROGRAMS.map((name) => [name, 'exit 0'])),
  npm: 'if [ "$1" = test ]; then exit $TESTS; else exit $AUDIT; fi',
  python3: 'case "$*" in *" pip "*) exit $PIP;; *ensurepip*) exit $VENV;; esac',
  'apt-get': 'exit 0',
  sudo: 'exec "$@"',
};

type Test = { after(fn: () => void): void };

async function ran(t: Test, said: Partial<typeof CODES>) {
  const bin = temporary(t);
  const calls = join(bin, 'calls');
  for (const [name, text] of Object.entries(SCRIPTS)) {
    writeFileSync(join(bin, name), `#!/bin/bash\necho "${name} $*" >> "${calls}"\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const env = { ...CODES, ...said, PATH: `${bin}${delimiter}${process.env.PATH}` };
  const child = start('bash', [join(ROOT, '.ci', 'run'), 'oracle'], { env });
  const code = await child.ended;
  const lines = existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : [];
  const of = (name: string) => lines.filter((line) => line.startsWith(`${name} `));
  return { code, npm: of('npm'), apt: of('apt-get').join('\n'), output: child.output() };
}

test('the tests run first, the audit always, and the failure of either is one', async (t) => {
  const codes = [
    ...[{ TESTS: '0', AUDIT: '0', code: 0 }],
    ...[{ TESTS: '0', AUDIT: '1', code: 1 }],
    ...[{ TESTS: '3', AUDIT: '0', code: 3 }],
    ...[{ TESTS: '3', AUDIT: '1', code: 3 }],
  ];
  for (const { TESTS, AUDIT, code } of codes) {
    const run = await ran(t, { TESTS, AUDIT });
    assert.deepEqual(run.npm, ['npm test -- oracle', 'npm run --silent audit'], run.output);
    assert.equal(run.code, code);
    assert.equal(run.apt, '');
  }
});

test('pip and venv, which Debian packs by themselves, are installed where missing', async (t) => {
  const pip = await ran(t, { PIP: '1' });
  assert.match(pip.apt, /^apt-get install .*python3-pip/m);
  assert.doesNotMatch(pip.apt, /python3-venv|redis/);
  const venv = await ran(t, { VENV: '1' });
  assert.match(venv.apt, /^apt-get install .*python3-venv/m);
  assert.doesNotMatch(venv.apt, /python3-pip/);
});
