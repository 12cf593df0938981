/**
 * The HTTP API against cases that schemathesis makes from our OpenAPI document: a tool that shares
 * no line with us. It is installed from PyPI, once, into the cache.
 *
 * Off, and why: `positive_data_acceptance` (times, zones and cursors have rules that their schema
 * does not say, and a valid body may hold no usable event: these answers are 400 on purpose),
 * `ignored_auth` (keys are tested in test/api/doors.test.ts). Not asked: `/v1/stream`, whose answer
 * has no end.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pythonWith } from '../../scripts/stack/python.ts';
import { messageOf } from '../../src/errors.ts';
import { embedded, event, feed } from '../operations/engine.ts';
import { ROOT, start, temporary } from '../support/processes.ts';

const REQUIREMENTS = join(ROOT, 'test', 'hostile', 'requirements.txt');
/** It knows no way to send lines: as they are. */
const HOOKS = `import schemathesis

@schemathesis.serializer('application/x-ndjson')
def lines(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode()
`;
/** Of each operation, however long they take; so many seconds are a hang. */
const EXAMPLES = 30;
const WAIT_MS = 600_000;
/** A head of 16 KB is refused before anybody looks at its parameters. */
const REFUSALS = '[400, 401, 403, 404, 405, 406, 413, 415, 422, 428, 431]';

const CHECKS = [
  ...['not_a_server_error', 'status_code_conformance', 'content_type_conformance'],
  ...['response_schema_conformance', 'response_headers_conformance', 'negative_data_rejection'],
  ...['missing_required_header', 'unsupported_method'],
];

/** Installs it where it is not; its Python, or why that is not possible. */
function installed(): { python: string; why: string | false } {
  try {
    return { python: pythonWith('schemathesis', REQUIREMENTS, () => {}), why: false };
  } catch (error) {
    const why = messageOf(error).trim().split('\n').at(-1);
    const needed = 'python3-venv and PyPI are needed';
    return { python: '', why: `schemathesis cannot be installed (${needed}): ${why}` };
  }
}

const program = installed();

test('no case from the OpenAPI document breaks a promise of it', {
  skip: program.why,
  timeout: WAIT_MS,
}, async (t) => {
  const engine = await embedded(temporary(t));
  t.after(() => engine.stop());
  const from = Date.now() - 60_000;
  const lines = Array.from({ length: 200 }, (_, n) => event(`p${n % 7}`, from + n * 100));
  await feed(engine.url, [...lines, 'broken', '{"a":1}']);
  const cwd = temporary(t);
  const settings = `[checks]\nnegative_data_rejection.expected-statuses = ${REFUSALS}\n`;
  writeFileSync(join(cwd, 'schemathesis.toml'), settings);
  writeFileSync(join(cwd, 'hooks.py'), HOOKS);
  const child = start(
    program.python,
    [
      ...['-c', 'from schemathesis.cli import schemathesis; schemathesis()'],
      ...['run', `${engine.url}/openapi.json`, '--phases', 'examples,coverage,fuzzing'],
      ...['--checks', CHECKS.join(), '--exclude-path', '/v1/stream', '--seed', '1'],
      ...['--max-examples', String(EXAMPLES)],
      ...['--generation-database', 'none', '--continue-on-failure', '--no-color', '--no-shrink'],
      ...['--request-timeout', '10'],
    ],
    { cwd, env: { SCHEMATHESIS_HOOKS: 'hooks' } },
  );
  t.after(() => child.kill());
  const code = await child.ended;
  const output = child.output();
  t.diagnostic(/\d+ generated.*/.exec(output)?.[0] ?? 'no cases');
  assert.equal(code, 0, output.slice(-8_000));
  assert.match(output, /Tested: (1[5-9]|[2-9]\d)/);
  assert.equal((await fetch(`${engine.url}/livez`)).status, 200);
});
