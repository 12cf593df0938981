/** The README's walk through Kafka and Redis, on the stack it starts; other ports, same commands. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort, freeRow } from '../support/free-port.ts';
import { withoutKafka } from '../support/kafka-cluster.ts';
import { type Child, eventually, outputOf, ROOT, start, temporary } from '../support/processes.ts';
import { withoutRedis } from '../support/redis-server.ts';

/** Commands and the output shown under each. */
function walk(): { command: string; output: string }[] {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [, block] = /<!-- stack -->\n```console\n([\s\S]*?)```/.exec(readme)!;
  return block
    .trimEnd()
    .split(/^\$ /m)
    .slice(1)
    .map((text) => {
      const [command, ...lines] = text.trimEnd().split('\n');
      return { command, output: lines.join('\n') };
    });
}

const shapeOf = (text: string) =>
  text
    .trim()
    .replace(/"previous":(null|\{[^}]*\})/, '"previous":')
    .replace(/(logs +)\S+/, '$1#')
    .replace(/^fetching .*\n/, '')
    .replace(/\d+(\.\d+)?/g, '#');

test('the walk through Kafka and Redis', { skip: withoutKafka() || withoutRedis() }, async (t) => {
  const directory = temporary(t);
  const [kafka, redis] = [await freeRow(), await freePort()];
  const stack = `--directory ${directory} --kafka-port ${kafka} --redis-port ${redis}`;
  const brokers = [0, 1, 2].map((n) => `127.0.0.1:${kafka + n}`).join(',');
  let url = '';
  const here = (command: string) => {
    const text = command.replace(/ &$/, '').replace('http://127.0.0.1:8000', url);
    if (text.includes('stack --')) return `${text} ${stack}`;
    const reached = `--brokers ${brokers}`;
    if (text.includes('-- run'))
      return `${text} ${reached} --redis redis://127.0.0.1:${redis} --port 0`;
    if (text.includes('clickrate --')) return `${text} ${reached}`;
    return text.replace('redis-cli', `redis-cli -p ${redis}`);
  };
  const run = (command: string) => {
    const options = { cwd: ROOT, encoding: 'utf8' } as const;
    const { stdout, stderr, status } = spawnSync('bash', ['-c', command], options);
    assert.equal(status, 0, `${command}\n${stderr}`);
    return stdout + stderr;
  };
  t.after(() => run(`npm run --silent stack -- down --clean ${stack}`));
  const children: Child[] = [];
  for (const { command, output } of walk()) {
    if (command === 'kill %1 %2') {
      await Promise.all(children.map((child) => child.kill('SIGTERM')));
      continue;
    }
    if (!command.endsWith('&')) {
      assert.equal(shapeOf(run(here(command))), shapeOf(output), command);
      continue;
    }
    const child = start('bash', ['-c', here(command)]);
    t.after(() => child.kill('SIGTERM'));
    children.push(child);
    if (!command.includes('-- run')) continue;
    url = (await outputOf(child, /open (http:\/\/[\d.:]+)/))[1];
    await eventually(async () => {
      const latest = (await (await fetch(`${url}/ctr/latest`)).json()) as object;
      return Object.keys(latest).length === 5;
    });
  }
  // The next walk finds its ports free, and no store that another writer owns.
  assert.equal(children.length, 2);
  assert.equal(existsSync(join(directory, 'redis')), false);
});
