/** `npm run stack` as a user runs it: three real brokers and Redis, on ports of the test's own. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { answers, isRunning, runningServers } from '../../scripts/stack/server.ts';
import { freePort, freeRow } from '../support/free-port.ts';
import { withoutKafka } from '../support/kafka-cluster.ts';
import { eventually, start, startNode } from '../support/processes.ts';
import { withoutRedis } from '../support/redis-server.ts';
import { endingStack } from '../support/stack-end.ts';

suite('stack', { skip: withoutKafka() || withoutRedis() }, () => {
  let directory: string;
  let kafkaPort: number;
  let redisPort: number;
  let end: () => Promise<void>;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'clickrate-stack-'));
    end = endingStack(directory);
    redisPort = await freePort();
    kafkaPort = await freeRow();
  });
  after(async () => {
    await end();
    rmSync(directory, { recursive: true, force: true });
  });

  const stack = async (command: string, ...flags: string[]) => {
    const child = startNode('scripts/stack.ts', [command, '--directory', directory, ...flags]);
    return { code: await child.ended, text: child.output() };
  };
  const places = () => [...['--kafka-port', String(kafkaPort), '--redis-port', String(redisPort)]];
  const cli = async (...args: string[]) => {
    const brokers = ['--brokers', `127.0.0.1:${kafkaPort}`];
    const child = startNode('src/cli/main.ts', [...args, ...brokers]);
    assert.equal(await child.ended, 0, child.output());
    return child.output();
  };
  const redis = async (...args: string[]) => {
    const child = start('redis-cli', ['-p', String(redisPort), ...args]);
    await child.ended;
    return child.output().trim();
  };
  /** Process id of a server, from the status. */
  const pidOf = async (name: string) => {
    const { text } = await stack('status');
    return Number(new RegExp(`${name} +pid (\\d+)`).exec(text)?.[1]);
  };

  test('up starts three brokers and Redis, with the settings of deploy/', async () => {
    const { code, text } = await stack('up', ...places());
    assert.equal(code, 0, text);
    assert.match(text, new RegExp(`Redis  redis://127.0.0.1:${redisPort}`));
    assert.equal(await redis('config', 'get', 'appendonly'), 'appendonly\nyes');
    assert.equal(await redis('config', 'get', 'maxmemory-policy'), 'maxmemory-policy\nnoeviction');
    await cli('topics', 'create');
    const topics = await cli('topics', 'list');
    assert.match(topics, /impressions {2}3 partitions {2}3 replicas/);
  });

  test('up again changes nothing; what does not fit is refused by name', async () => {
    const pid = await pidOf('broker-2');
    const again = await stack('up', ...places());
    assert.equal(again.code, 0, again.text);
    assert.match(again.text, /it is up already/);
    assert.equal(await pidOf('broker-2'), pid);

    const one = await stack('up', '--brokers', '1', ...places());
    assert.equal(one.code, 1);
    assert.match(one.text, /are of 3 brokers: use --brokers 3, or delete the data first/);
    const moved = await stack('up', '--kafka-port', String(kafkaPort + 10));
    assert.match(moved.text, /runs on port \d+: end it first/);
    const other = await stack('up', ...places(), '--directory', join(directory, 'x', 'other'));
    assert.equal(other.code, 1);
    assert.match(
      other.text,
      new RegExp(`port ${redisPort} for redis is taken by pid \\d+ \\(redis`),
    );
    assert.match(other.text, new RegExp(`port ${kafkaPort + 101} for broker-2 is taken by pid`));
    for (const flags of [['up', '--brokers', '2'], ['sideways']])
      assert.notEqual((await stack(flags[0], ...flags.slice(1))).code, 0);
  });

  test('a server that was killed is started again, with its data', async () => {
    const pid = await pidOf('broker-1');
    process.kill(pid, 'SIGKILL');
    await eventually(async () => !(await answers(kafkaPort)));
    assert.equal(await pidOf('broker-1'), Number.NaN);
    const { code, text } = await stack('up', ...places());
    assert.equal(code, 0, text);
    assert.ok((await pidOf('broker-1')) > 0);
    assert.match(await cli('topics', 'list'), /ctr-rejected {2}1 partitions {2}3 replicas/);
  });

  test('up says why who counts has ended: its store is of another writer', async () => {
    await redis('hset', 'ctr:store', 'form', '4', 'incarnation', 'i', 'writer', 'sink');
    const [api, counter] = [await freePort(), await freePort()].map(String);
    const services = ['--lite', '--api-port', api, '--counter-port', counter];
    const { code, text } = await stack('up', ...places(), ...services);
    assert.equal(code, 1, text);
    assert.match(text, /engine ended; its log ends:[\s\S]*the store is written by the sink/);
    process.kill(await pidOf('serving-api'));
    await eventually(async () => Number.isNaN(await pidOf('serving-api')));
    await redis('unlink', 'ctr:store');
  });

  test('down leaves nothing running and keeps the data; --clean deletes them', async () => {
    await redis('set', 'kept', 'yes');
    const servers = runningServers(directory);
    const names = servers.map(({ name }) => name).sort();
    assert.deepEqual(names, ['broker-1', 'broker-2', 'broker-3', 'redis']);
    const { text } = await stack('down');
    assert.match(text, /4 servers stopped/);
    assert.deepEqual(servers.filter(isRunning), []);
    for (const { port } of servers) assert.equal(await answers(port), false);
    assert.match((await stack('status')).text, /nothing runs/);

    await stack('up', ...places());
    assert.equal(await redis('get', 'kept'), 'yes');
    assert.match(await cli('topics', 'list'), /impressions/);
    // What is not the stack's stays: the folder may be any that was named.
    writeFileSync(join(directory, 'own.txt'), '');
    const cleaned = await stack('down', '--clean');
    assert.match(cleaned.text, /data are deleted; .* holds other things too/);
    // The other is of the folder that was refused above.
    assert.deepEqual(readdirSync(directory), ['own.txt', 'x']);
    for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true });
    await stack('down', '--clean');
    assert.ok(!existsSync(directory));
    assert.match((await stack('down')).text, /nothing was running/);
  });

  test('a port that another program has is refused before anything is started', async () => {
    const server = createServer().listen(redisPort, '127.0.0.1');
    try {
      const { code, text } = await stack('up', ...places());
      assert.equal(code, 1);
      assert.match(text, new RegExp(`port ${redisPort} for redis is taken by pid ${process.pid}`));
      assert.match((await stack('status')).text, /nothing runs/);
    } finally {
      server.close();
    }
  });
});
