/** Secrets in every option: seen in no list of processes, log, metric, error or `config`. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { configure, printable } from '../../src/cli/options.ts';
import { masked, withoutSecrets } from '../../src/cli/secrets.ts';
import { freePort } from '../support/free-port.ts';
import { type Child, outputOf, startNode, temporary } from '../support/processes.ts';

const SECRET = 'geheim-';
const ADDRESS = (port: number) => `redis://someone:${SECRET}url@127.0.0.1:${port}`;

function mustHide(text: string, where: string): void {
  const at = text.indexOf(SECRET);
  assert.equal(at, -1, `${where} shows …${text.slice(Math.max(0, at - 80), at + 40)}…`);
}

suite('secrets', () => {
  test('are masked', () => {
    assert.equal(masked('redis', ADDRESS(1)), 'redis://someone:********@127.0.0.1:1');
    assert.equal(masked('redis', `redis://:${SECRET}@/@h`), 'redis://:********@/@h');
    assert.equal(masked('redis', 'redis://127.0.0.1:1'), 'redis://127.0.0.1:1');
    for (const password of ['a:b', ':', 'a@b:c', 'a:b@c'])
      assert.equal(masked('redis', `redis://:${password}@h:1`), 'redis://:********@h:1');
    assert.equal(masked('saslPassword', ''), '');
    const flags = { redis: ADDRESS(1), redisPassword: `${SECRET}a`, saslPassword: `${SECRET}b` };
    mustHide(printable(configure(flags, {}, undefined).effective), 'config');
  });

  test('are taken from a command line, whichever way they stand there', () => {
    const line = (...args: string[]) => withoutSecrets(['node', 'main.ts', 'api', ...args]);
    const shown = line('--redis-password', `${SECRET}a`, `--sasl-password=${SECRET}b`, '--redis');
    mustHide(String(shown), 'the command line');
    assert.equal(line('--redis', ADDRESS(1))?.at(-1), 'redis://someone:********@127.0.0.1:1');
    assert.equal(line('--redis', 'redis://127.0.0.1:1', '--read-keys', 'sha256:a'), null);
  });

  test('come from files too', (t) => {
    const file = join(temporary(t), 'password');
    writeFileSync(file, `${SECRET}a\n`);
    const read = (environment: NodeJS.ProcessEnv) => configure({}, environment, undefined).options;
    assert.equal(read({ CLICKRATE_SASL_PASSWORD_FILE: file }).saslPassword, `${SECRET}a`);
    const both = { CLICKRATE_SASL_PASSWORD_FILE: file, CLICKRATE_SASL_PASSWORD: 'x' };
    assert.throws(() => read(both), { code: 'config_invalid', message: /give one of them/ });
    const none = { CLICKRATE_READ_KEYS_FILE: `${file}s` };
    assert.throws(() => read(none), {
      code: 'config_invalid',
      message: /CLICKRATE_READ_KEYS_FILE/,
    });
  });

  test('a file that holds none is refused, not taken for no secret', (t) => {
    const file = join(temporary(t), 'keys');
    for (const text of ['', '\n', ' \r\n\n']) {
      writeFileSync(file, text);
      const read = () => configure({}, { CLICKRATE_WRITE_KEYS_FILE: file }, undefined);
      const message = /^CLICKRATE_WRITE_KEYS_FILE: .*keys is empty/;
      assert.throws(read, { code: 'config_invalid', message });
    }
  });

  test('of the wrong type are refused without being shown', (t) => {
    const file = join(temporary(t), 'config.json');
    writeFileSync(file, '{"saslPassword": 20191124}');
    const refused = (error: Error) =>
      /saslPassword must be a text/.test(error.message) && !error.message.includes('20191124');
    assert.throws(() => configure({}, {}, file), refused);
  });
});

/** Everything that others can see of a process that runs, and what it answers. */
async function seenOf(child: Child, url: string): Promise<string> {
  const paths = [
    '/',
    '/readyz?verbose',
    '/metrics',
    '/ctr/latest',
    '/v1/products',
    '/openapi.json',
  ];
  const answers = await Promise.all(
    paths.map(async (path) => {
      const answer = await fetch(url + path, { signal: AbortSignal.timeout(10_000) });
      return `${[...answer.headers].join('\n')}\n${await answer.text()}`;
    }),
  );
  const line = readFileSync(`/proc/${child.process.pid}/cmdline`, 'utf8');
  assert.match(line, /main\.ts/);
  return [line, ...answers].join('\n');
}

const skip = process.platform === 'linux' ? false : 'only Linux has /proc';

test('a process with secrets in its options shows them nowhere', { skip }, async (t) => {
  const [kafka, redis] = [await freePort(), await freePort()];
  const secret = (name: string) => [`--${name}`, SECRET + name];
  const child = startNode('src/cli/main.ts', [
    ...['run', '--source', 'kafka', '--store', 'redis', '--port', '0', '--log-level', 'debug'],
    ...['--brokers', `127.0.0.1:${kafka}`, '--redis', ADDRESS(redis), '--sasl-mechanism', 'PLAIN'],
    ...['--sasl-username', 'someone', ...secret('sasl-password'), ...secret('redis-password')],
  ]);
  t.after(() => child.kill());
  const [, url] = await outputOf(child, /open (http:\/\/[\d.:]+)/);
  // Until it has tried both, and said that neither answers.
  await outputOf(child, new RegExp(`${redis}`));
  const authorization = `Bearer ${SECRET}key`;
  await fetch(`${url}/ctr/latest?key=${SECRET}query`, { headers: { authorization } });
  mustHide(await seenOf(child, url), 'the process');
  await child.kill('SIGTERM');
  assert.match(child.output(), /a secret was on the command line/);
  mustHide(child.output(), 'the log');
});

test('an address of Redis that is none is refused without being shown', async (t) => {
  const child = startNode('src/cli/main.ts', [
    ...['api', '--port', '0', '--redis', `redis://someone:${SECRET}a b#c@nowhere:x`],
  ]);
  t.after(() => child.kill());
  assert.equal(await child.ended, 2);
  assert.match(child.output(), /redis must be redis:/);
  mustHide(child.output(), 'the error');
});
