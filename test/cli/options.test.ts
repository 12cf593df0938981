/** Options of the generator are checked where options are, before anything is made. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { configurationOf } from '../../src/cli/command.ts';
import { generateCommand } from '../../src/cli/generate.ts';
import { misspelt } from '../../src/cli/misspelt.ts';
import { ALL, configure } from '../../src/cli/options.ts';
import { addProduce } from '../../src/cli/produce.ts';
import { addRejected } from '../../src/cli/rejected.ts';
import { addConfig } from '../../src/cli/show-config.ts';
import { addSink } from '../../src/cli/sink.ts';
import { addTopics } from '../../src/cli/topics.ts';
import { addVerify } from '../../src/cli/verify.ts';
import { CHOICES, OPTIONS } from '../../src/config.ts';
import { ROOT, temporary } from '../support/processes.ts';
import { optionsTable } from './options-table.ts';

test('a rate, products or seed that make no traffic are refused, wherever they stand', () => {
  for (const [name, value] of [
    ['rate', '0'],
    ['rate', '-5'],
    ['products', '0'],
    ['products', '2.5'],
    ['products', '1000001'],
    ['seed', '0.5'],
  ]) {
    const message = new RegExp(`^${name} must be .*, not ${value}$`);
    const wrong = { code: 'config_invalid', message };
    assert.throws(() => configure({ [name]: value }, {}, undefined), wrong);
    const variable = `CLICKRATE_${name.toUpperCase()}`;
    assert.throws(() => configure({}, { [variable]: value }, undefined), wrong);
  }
  const { options } = configure({ rate: '0.5', products: '1000000' }, {}, undefined);
  assert.deepEqual([options.rate, options.products], [0.5, 1_000_000]);
});

test('generate refuses what it cannot write before it makes a file', (t) => {
  const out = join(temporary(t), 'out');
  const valid = { events: 10, out, startMs: 0, generator: {} };
  for (const wrong of [
    { ...valid, events: 1.5 },
    { ...valid, startMs: 0.5 },
    { ...valid, generator: { rate: 0 } },
    { ...valid, generator: { products: 0 } },
    { ...valid, generator: { late: 2 } },
  ])
    assert.throws(() => generateCommand(wrong), { code: 'config_invalid', message: /must be/ });
  assert.equal(existsSync(out), false);
  assert.equal(generateCommand({ ...valid, events: 0 }).records, 0);
});

test('generate does not write the truth over the events', (t) => {
  const out = join(temporary(t), 'out');
  const options = { events: 10, out, startMs: 0, generator: {} };
  const link = `${out}-link`;
  symlinkSync(out, link);
  for (const truth of [out, relative('', out)])
    assert.throws(() => generateCommand({ ...options, truth }), { code: 'usage' });
  assert.equal(existsSync(out), false);
  writeFileSync(out, '');
  assert.throws(() => generateCommand({ ...options, truth: link }), {
    code: 'usage',
    message: `${link} gets the events: choose another file for --truth`,
  });
});

test('a port that cannot be one is refused by name', () => {
  for (const port of ['65536', '-1', '80.5'])
    assert.throws(() => configure({ port }, {}, undefined), {
      code: 'config_invalid',
      message: `port must be a whole number from 0 to 65 535, not ${port}`,
    });
  assert.equal(configure({ port: '65535' }, {}, undefined).options.port, 65_535);
});

test('workers and a rate limit that cannot be are refused by name, also by config', () => {
  for (const workers of ['0', '65', '1.5'])
    assert.throws(() => configure({ workers }, {}, undefined), {
      code: 'config_invalid',
      message: `workers must be a whole number from 1 to 64, not ${workers}`,
    });
  assert.throws(() => configure({ rateLimit: '-1' }, {}, undefined), {
    code: 'config_invalid',
    message: 'rateLimit must be at least 0 (0: any number), not -1',
  });
  const { options } = configure({ workers: '64', rateLimit: '0.5' }, {}, undefined);
  assert.deepEqual([options.workers, options.rateLimit], [64, 0.5]);
});

test('a whole number below its least, or with a fraction, is refused by name', () => {
  for (const [name, least, wrong] of [
    ['minSample', 0, ['-1', '0.5', '1e300']],
    ['flinkIdleMs', 1, ['0', '-1', '1.5']],
  ] as const) {
    for (const value of wrong)
      assert.throws(() => configure({ [name]: value }, {}, undefined), {
        code: 'config_invalid',
        message: `${name} must be a whole number of at least ${least}, not ${Number(value)}`,
      });
    assert.equal(configure({ [name]: `${least}` }, {}, undefined).options[name], least);
  }
});

test('a flag that takes a whole number takes no other, and says which', async () => {
  const range = { 0: 'of at least 0', 1: 'of at least 1', hour: 'from 0 to 3 600 000' };
  for (const [add, line, text] of [
    [addTopics, 'create --parallelism 0', range[1]],
    [addTopics, 'create --partitions 1.5', range[1]],
    [addTopics, 'tail clicks --max 0.5', range[0]],
    [addRejected, 'list --max -1', range[0]],
    [addProduce, '--events 1.5', range[0]],
    [addProduce, '--events 1 --start 1e300', range[0]],
    [addVerify, '--generate 10 --show 1.5', range[0]],
    [addSink, '--heartbeat-ms 3e9', range.hour],
  ] as const)
    await assert.rejects(parsed(add, line), {
      code: 'commander.invalidArgument',
      message: new RegExp(`must be a whole number ${text}$`),
    });
});

test('config refuses a text that no command would start with', async () => {
  for (const [line, message] of [
    ['--time-zone Mars/Base', /^"Mars\/Base" is no time zone/],
    ['--redis http://127.0.0.1', /^redis must be redis:/],
    ['--brokers a:b', /^brokers must be host:port/],
    ['--sasl-mechanism GSSAPI', /^saslMechanism must be one of/],
    ['--read-keys secret', /^readKeys takes hashes/],
    ['--write-keys secret', /^writeKeys takes hashes/],
    ['--cors-origins shop', /^corsOrigins takes origins/],
  ] as const)
    await assert.rejects(parsed(addConfig, line), { code: 'config_invalid', message });
});

async function parsed(add: (command: Command) => void, line: string): Promise<void> {
  const command = new Command();
  add(command);
  for (const each of [command, ...command.commands])
    each.exitOverride().configureOutput({ writeErr: () => {} });
  await command.parseAsync(line.split(' '), { from: 'user' });
}

test('an option of a few values takes no other, and names them', () => {
  for (const [name, choices] of Object.entries(CHOICES)) {
    for (const choice of choices) configure({ [name]: choice }, {}, undefined);
    const message = new RegExp(`must be .*${choices.at(-1)}, not "kafak"$`);
    const wrong = { code: 'config_invalid', message };
    assert.throws(() => configure({ [name]: 'kafak' }, {}, undefined), wrong);
  }
});

test('an empty variable is none, also the one that names the configuration file', (t) => {
  process.env.CLICKRATE_CONFIG = '';
  t.after(() => delete process.env.CLICKRATE_CONFIG);
  assert.equal(configurationOf({ port: '1' }, ALL).options.port, 1);
  const environment = { CLICKRATE_REJECTED_TOPIC: '' };
  const topicOf = (flags: object) =>
    configure({ ...flags }, environment, undefined).options.rejectedTopic;
  assert.equal(topicOf({}), 'ctr-rejected');
  assert.equal(topicOf({ rejectedTopic: '' }), '');
});

test('a variable that is nearly an option is told, others are not ours', () => {
  const told = (...names: string[]) =>
    misspelt(Object.fromEntries(names.map((name) => [name, 'x']))).map(([, meant]) => meant);
  assert.deepEqual(told('CLICKRATE_BROKER', 'CLICKRATE_PRT', 'CLICKRATE_REDISPASSWORD_FILE'), [
    'CLICKRATE_BROKERS',
    'CLICKRATE_PORT',
    'CLICKRATE_REDIS_PASSWORD_FILE',
  ]);
  const others = ['CLICKRATE_', 'CLICKRATE_VERBOSE', 'BROKER', 'CLICKRATE_MY_OWN_NOTES'];
  assert.deepEqual(told(...others, 'CLICKRATE_BROKERS', 'CLICKRATE_CONFIG'), []);
  // Those of the tests, the bench and the stack reach the programs that they start.
  const used = ['RUNS', 'SEED', 'RUN_SHARE', 'PLANT', 'STACK', 'SOAK_MINUTES', 'SOAK_RATE'];
  assert.deepEqual(told(...used.map((name) => `CLICKRATE_${name}`)), []);
});

test("a command's own default goes behind flag, environment and file", (t) => {
  const file = join(temporary(t), 'config.json');
  writeFileSync(file, '{"store":"sqlite"}');
  const storeOf = (flags: object, environment: NodeJS.ProcessEnv, from?: string) =>
    configure({ ...flags }, environment, from, { store: 'redis' }).options.store;
  assert.equal(storeOf({}, {}), 'redis');
  assert.equal(storeOf({}, {}, file), 'sqlite');
  assert.equal(storeOf({}, { CLICKRATE_STORE: 'sqlite' }), 'sqlite');
  assert.equal(storeOf({ store: 'sqlite' }, { CLICKRATE_STORE: 'redis' }), 'sqlite');
  assert.equal(OPTIONS.store, 'sqlite');
});

test('docs/options.md has every option with its default and what --help says', () => {
  const text = readFileSync(join(ROOT, 'docs/options.md'), 'utf8');
  for (const which of ['settings', 'options'] as const)
    assert.ok(
      text.includes(optionsTable(which)),
      `the table of ${which} must be:\n${optionsTable(which)}`,
    );
});
