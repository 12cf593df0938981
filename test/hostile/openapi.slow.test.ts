/**
 * The HTTP API against cases that schemathesis makes from our OpenAPI document: a tool that shares
 * no line with us. It is installed from PyPI, once, beside the packages.
 *
 * Off, and why: `positive_data_acceptance` (times, zones and cursors have rules that their schema
 * does not say, and a valid body may hold no usable event: these answers are 400 on purpose),
 * `ignored_auth` (keys are tested in test/api/doors.test.ts). Not asked: `/v1/stream`, whose answer
 * has no end.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { embedded, event, feed } from '../operations/engine.ts';
import { ROOT, start, temporary } from '../support/processes.ts';

const VERSION = '4.32.5';
const HOME = join(ROOT, 'node_modules', '.cache', `schemathesis-${VERSION}`);
const PROGRAM = join(HOME, 'bin', 'schemathesis');
const EXAMPLES = 8;
const SECONDS = 60;
/** A head of 16 KB is refused before anybody looks at its parameters. */
const REFUSALS = '[400, 401, 403, 404, 405, 406, 413, 415, 422, 428, 431]';

const CHECKS = [
  ...['not_a_server_error', 'status_code_conformance', 'content_type_conformance'],
  ...['response_schema_conformance', 'response_headers_conformance', 'negative_data_rejection'],
  ...['missing_required_header', 'unsupported_method'],
];

/** Installs it where it is not; why that is not possible, or false. */
function withoutProgram(): string | false {
  if (existsSync(PROGRAM)) return false;
  const commands = [
    ['python3', '-m', 'venv', HOME],
    [join(HOME, 'bin', 'pip'), 'install', '--quiet', `schemathesis==${VERSION}`],
  ];
  for (const [program, ...args] of commands) {
    const { status, error, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    if (status === 0) continue;
    const why = error?.message ?? stderr.trim().split('\n').at(-1);
    return `schemathesis cannot be installed (python3-venv and PyPI are needed): ${why}`;
  }
  return false;
}

test('no case from the OpenAPI document breaks a promise of it', {
  skip: withoutProgram(),
}, async (t) => {
  const engine = await embedded(temporary(t));
  t.after(() => engine.stop());
  const from = Date.now() - 60_000;
  const lines = Array.from({ length: 200 }, (_, n) => event(`p${n % 7}`, from + n * 100));
  await feed(engine.url, [...lines, 'broken', '{"a":1}']);
  const cwd = temporary(t);
  const settings = `[checks]\nnegative_data_rejection.expected-statuses = ${REFUSALS}\n`;
  writeFileSync(join(cwd, 'schemathesis.toml'), settings);
  const child = start(
    PROGRAM,
    [
      ...['run', `${engine.url}/openapi.json`, '--phases', 'examples,coverage,fuzzing'],
      ...['--checks', CHECKS.join(), '--exclude-path', '/v1/stream', '--seed', '1'],
      ...['--max-examples', String(EXAMPLES), '--max-time', String(SECONDS)],
      ...['--generation-database', 'none', '--continue-on-failure', '--no-color', '--no-shrink'],
      ...['--request-timeout', '10'],
    ],
    { cwd },
  );
  t.after(() => child.kill());
  const code = await child.ended;
  const output = child.output();
  t.diagnostic(/\d+ generated.*/.exec(output)?.[0] ?? 'no cases');
  assert.equal(code, 0, output.slice(-8_000));
  assert.match(output, /Tested: (1[5-9]|[2-9]\d)/);
  assert.equal((await fetch(`${engine.url}/livez`)).status, 200);
});
