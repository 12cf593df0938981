/**
 * Containers and `npm run stack` start the same servers: the scripts that the containers run are
 * run here, with a `java` that only writes down what it was called with, and compared.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { planFlink } from '../../scripts/stack/flink.ts';
import { filled, planBrokers } from '../../scripts/stack/kafka.ts';
import { planRedis } from '../../scripts/stack/redis.ts';
import { planServices } from '../../scripts/stack/services.ts';
import { readCompose } from '../support/compose.ts';
import { ROOT, temporary } from '../support/processes.ts';

const { services } = readCompose();

/** Runs a script of deploy/ with a service's environment; answers how it called java last. */
function started(t: TestContext, script: string, name: string, more: Record<string, string>) {
  const folder = temporary(t);
  const java = join(folder, 'java');
  writeFileSync(java, `#!/bin/sh\nprintf '%s\\n' "$@" > "${folder}/args"\n`);
  chmodSync(java, 0o755);
  const { environment, command = [] } = services[name];
  const env = {
    PATH: `${folder}${delimiter}${process.env.PATH}`,
    ...environment,
    WORK_DIR: folder,
    ...Object.fromEntries(
      Object.entries(more).map(([key, value]) => [key, value.replace('@', folder)]),
    ),
  };
  const done = spawnSync('sh', [join(ROOT, script), ...command], { env, encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
  const args = readFileSync(join(folder, 'args'), 'utf8').trimEnd().split('\n');
  return { folder, args, file: (path: string) => readFileSync(join(folder, path), 'utf8') };
}

/** Lines `key=value` or `key: value`, without comments. */
function settingsOf(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => /^[^#\s]/.test(line));
  return new Map(
    lines.map((line) => {
      const [, key, value] = /^([^=:]+?)\s*[=:]\s*(.*)$/.exec(line) ?? [];
      return [key, value];
    }),
  );
}

/** Keys whose values differ. */
function differences(one: Map<string, string>, other: Map<string, string>): string[] {
  const keys = new Set([...one.keys(), ...other.keys()]);
  return [...keys].filter((key) => one.get(key) !== other.get(key)).sort();
}

/** Where things lie differs; everything else on the command line may not. */
function withoutPlaces(args: readonly string[], places: string[]): string[] {
  return args
    .map((arg) => places.reduce((text, place) => text.replaceAll(place, ''), arg))
    .map((arg) => arg.replace(/broker-\d\.properties/, 'broker.properties'))
    .sort();
}

suite('containers and the stack without them', () => {
  test('a template is filled in as the stack fills it in, or not at all', (t) => {
    const file = join(temporary(t), 'template');
    const template = `# \${...} stays\na=\${ONE}x\${TWO}\n\nb=\${ONE}\\n&\n`;
    writeFileSync(file, template);
    const fill = (env: Record<string, string>) =>
      spawnSync('sh', [join(ROOT, 'deploy/fill.sh'), file], {
        env: { PATH: process.env.PATH, ...env },
        encoding: 'utf8',
      });
    const values = { ONE: 'a&b/c|\\d', TWO: `\${ONE}` };
    assert.equal(fill(values).stdout, filled(template, values));
    const lacking = fill({ ONE: '1' });
    assert.equal(lacking.status, 1);
    assert.match(lacking.stderr, /nothing is known for TWO/);
  });

  test('brokers', (t) => {
    const directory = temporary(t);
    const ports = [0, 1, 2].map((n) => ({ client: 9092 + n, controller: 9192 + n }));
    // Data that are there are not made.
    for (const id of [1, 2, 3]) {
      mkdirSync(join(directory, `data-${id}`));
      writeFileSync(join(directory, `data-${id}`, 'meta.properties'), '');
    }
    const plans = planBrokers({ directory, ports, jars: '/jars' });
    plans.forEach((plan, n) => {
      const name = `kafka-${n + 1}`;
      const more = { KAFKA_LIBS: '/jars', LOG_DIR: '@/data' };
      const { folder, args, file } = started(t, 'deploy/kafka/start.sh', name, more);
      assert.deepEqual(withoutPlaces(args, [folder]), withoutPlaces(plan.args, [directory]));
      const here = settingsOf(readFileSync(join(directory, `broker-${n + 1}.properties`), 'utf8'));
      const there = settingsOf(file('broker.properties'));
      assert.deepEqual(differences(here, there), [
        ...['advertised.listeners', 'controller.quorum.voters', 'listeners', 'log.dirs'],
      ]);
      const logging = readFileSync(join(directory, 'log4j2.properties'), 'utf8');
      assert.equal(file('log4j2.properties'), logging);
      const outside = `HOST://127.0.0.1:${plan.port}`;
      assert.ok(there.get('advertised.listeners')?.endsWith(outside), name);
      assert.deepEqual(services[name].ports, [`127.0.0.1:${plan.port}:${plan.port}`]);
    });
  });

  test('Flink', (t) => {
    const directory = temporary(t);
    const files = {
      home: '/opt/flink',
      lib: '/opt/flink/lib',
      connector: '/opt/flink/clickrate/flink-sql-connector-kafka-5.0.0-2.2.jar',
      zstd: '/opt/flink/clickrate/zstd-jni-1.5.6-10.jar',
      gateway: '/opt/flink/clickrate/flink-sql-gateway-2.2.1.jar',
    };
    const ports = { rest: 8081, gateway: 8083, rpc: 6123, blob: 6124 };
    for (const plan of planFlink({ directory, ports, files })) {
      const more = { TEMPORARY_DIR: '@/tmp' };
      const { folder, args, file } = started(t, 'deploy/flink/start.sh', plan.name, more);
      assert.deepEqual(withoutPlaces(args, [folder]), withoutPlaces(plan.args, [directory]));
      const here = settingsOf(readFileSync(join(directory, 'conf/config.yaml'), 'utf8'));
      const different = differences(here, settingsOf(file('conf/config.yaml')));
      assert.deepEqual(different.filter(isNoPlace), [], plan.name);
      const logging = readFileSync(join(directory, 'conf/log4j2.properties'), 'utf8');
      assert.equal(file('conf/log4j2.properties'), logging);
    }
  });

  test('Redis', (t) => {
    const { args } = planRedis(temporary(t), 6379);
    const { command = [], volumes = [], ports } = services.redis;
    const [settings] = args;
    assert.ok(settings.endsWith('/deploy/redis/redis.conf'));
    assert.deepEqual(volumes[0], './deploy/redis/redis.conf:/etc/redis/redis.conf:ro');
    assert.deepEqual(command.slice(0, 2), ['redis-server', '/etc/redis/redis.conf']);
    // What is on the command line beside the file says where, and to whom, and nothing more.
    const flags = (list: readonly string[]) => list.filter((word) => word.startsWith('--'));
    assert.deepEqual(flags(command), ['--protected-mode', '--dir']);
    assert.deepEqual(flags(args), ['--port', '--bind', '--dir']);
    assert.deepEqual(ports, ['127.0.0.1:6379:6379']);
  });

  test('our own processes', (t) => {
    for (const counter of ['sink', 'engine'] as const) {
      const plans = planServices({
        directory: temporary(t),
        brokers: '127.0.0.1:9092',
        redisPort: 6379,
        apiPort: 8000,
        counterPort: 8001,
        counter,
      });
      for (const plan of plans) {
        const { command = [], ports } = services[plan.name];
        const main = plan.args.findIndex((word) => word.endsWith('main.ts'));
        assert.deepEqual(wordsOf(command), wordsOf(plan.args.slice(main + 1)), plan.name);
        assert.deepEqual(ports, [`127.0.0.1:${plan.port}:${plan.port}`]);
      }
    }
  });
});

/** Addresses and folders are others in a container. */
function isNoPlace(key: string): boolean {
  return !/address$|host$|dir$|^io\.tmp\.dirs$/.test(key);
}

/** A command without the flags that a container has as variables. */
function wordsOf(words: readonly string[]): string[] {
  const isPlace = (word: string | undefined) => /^--(redis|brokers|host)$/.test(word ?? '');
  return words.filter((word, n) => !isPlace(word) && !isPlace(words[n - 1]));
}
