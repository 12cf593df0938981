/**
 * Each command shows what it reads, and takes nothing else. That it reads no more than it shows is
 * in the types: `configurationOf` answers with nothing else.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { addApi } from '../../src/cli/api.ts';
import { addBackup } from '../../src/cli/backup.ts';
import { addEngine } from '../../src/cli/engine.ts';
import { addFlink } from '../../src/cli/flink.ts';
import { addGenerate } from '../../src/cli/generate.ts';
import { addKey } from '../../src/cli/key.ts';
import { ALL, configure, flagOf } from '../../src/cli/options.ts';
import { addProduce } from '../../src/cli/produce.ts';
import { addRejected } from '../../src/cli/rejected.ts';
import { addRepair } from '../../src/cli/repair.ts';
import { addReplay } from '../../src/cli/replay-command.ts';
import { addRun } from '../../src/cli/run.ts';
import { addConfig } from '../../src/cli/show-config.ts';
import { addSink } from '../../src/cli/sink.ts';
import { addTopics } from '../../src/cli/topics.ts';
import { addVerify } from '../../src/cli/verify.ts';
import { OPTIONS, SETTINGS } from '../../src/config.ts';
import { temporary } from '../support/processes.ts';

type Name = keyof typeof ALL;
type Add = (command: Command) => void;

const SETTINGS_ALL = Object.keys(SETTINGS) as Name[];
const LOG: Name[] = ['logLevel', 'logFormat'];
const TLS: Name[] = ['tls', 'tlsCa', 'tlsCert', 'tlsKey'];
const SASL: Name[] = ['saslMechanism', 'saslUsername', 'saslPassword'];
const CLIENT: Name[] = ['brokers', 'clientId', ...TLS, ...SASL];
const EVENTS: Name[] = ['impressionsTopic', 'clicksTopic'];
const TOPICS: Name[] = [...EVENTS, 'rejectedTopic'];
const JOB_TOPICS: Name[] = ['resultsTopic', 'heartbeatTopic', 'progressTopic'];
const KEYS: Name[] = ['readKeys', 'writeKeys', 'insecure', 'httpsCert', 'httpsKey'];
const DOORS: Name[] = ['host', 'port', ...KEYS, 'corsOrigins', 'hostNames', 'rateLimit'];
const REDIS: Name[] = ['redis', 'redisPassword'];
const STORE: Name[] = ['store', 'data', ...REDIS];
const SERVED: Name[] = [...DOORS, ...STORE, 'timeZone', 'minSample', ...LOG];
const ENGINE: Name[] = ['group', 'groupInstance', 'onGap', 'onLostStore'];
const TRAFFIC: Name[] = ['rate', 'products', 'seed'];
const WINDOWS: Name[] = ['windowMs', 'watermarkDelayMs', 'allowedLatenessMs', 'futureMs'];
const EVENT_BYTES: Name[] = ['maxEventBytes', 'maxProductIdBytes'];

/** Each command by its words, and what of the shared options it is set by. */
const COMMANDS: [words: string, add: Add, names: Name[]][] = [
  ['run', addRun, ['source', ...TRAFFIC, 'generate', ...SERVED, ...CLIENT, ...TOPICS, ...ENGINE]],
  ['engine', addEngine, [...SERVED, ...CLIENT, ...TOPICS, ...ENGINE]],
  ['api', addApi, [...SERVED, 'workers', 'maxProductIdBytes']],
  ['replay', addReplay, ['data', ...LOG]],
  ['generate', addGenerate, TRAFFIC],
  ['topics create', addTopics, [...CLIENT, ...TOPICS, ...JOB_TOPICS]],
  ['topics list', addTopics, CLIENT],
  ['topics tail', addTopics, CLIENT],
  ['produce', addProduce, [...CLIENT, ...EVENTS, ...TRAFFIC]],
  ['rejected list', addRejected, [...CLIENT, 'rejectedTopic']],
  ['rejected replay', addRejected, [...CLIENT, 'rejectedTopic', 'group']],
  [
    'flink deploy',
    addFlink,
    [
      ...[...CLIENT, ...TOPICS, ...JOB_TOPICS, ...WINDOWS],
      ...(['group', 'gateway', 'jobManager', 'jobName', 'flinkIdleMs', 'onGap'] as const),
      'driftMs',
    ],
  ],
  ['flink status', addFlink, ['jobManager', 'jobName']],
  ['flink stop', addFlink, [...CLIENT, 'jobManager', 'jobName', 'progressTopic']],
  [
    'sink',
    addSink,
    [
      ...[...SERVED, ...CLIENT, ...TOPICS, ...JOB_TOPICS, ...WINDOWS, ...EVENT_BYTES],
      ...(['group', 'expiryMs'] as const),
    ],
  ],
  [
    'verify',
    addVerify,
    [
      ...[...STORE, ...CLIENT, ...EVENTS, ...LOG],
      ...(['gateway', 'jobManager', 'generate', 'seed'] as const),
    ],
  ],
  ['key', addKey, []],
  ['backup', addBackup, ['data']],
  ['repair', addRepair, STORE],
  ['config', addConfig, Object.keys(OPTIONS) as Name[]],
];
const COUNT_ALL = ['run', 'engine', 'replay', 'verify', 'config'];

function commandOf(words: string, add: Add): Command {
  const [name, second] = words.split(' ');
  const command = new Command(name);
  add(command);
  return second === undefined ? command : command.commands.find((c) => c.name() === second)!;
}

test('a command shows the options that it is set by, and no others', () => {
  for (const [words, add, names] of COMMANDS) {
    const known = Object.keys(ALL).map((name) => flagOf(name));
    const shown = commandOf(words, add)
      .options.map(({ long }) => long ?? '')
      .filter((flag) => known.includes(flag));
    const all = COUNT_ALL.includes(words) ? [...names, ...SETTINGS_ALL] : names;
    assert.deepEqual(shown.sort(), all.map((name) => flagOf(name)).sort(), words);
  }
});

test('an option that a command does not use is refused as one that there is not', async () => {
  for (const [words, add, flag] of [
    ['topics list', addTopics, '--group'],
    ['flink status', addFlink, '--brokers'],
    ['produce', addProduce, '--log-level'],
    ['sink', addSink, '--drift-ms'],
    ['run', addRun, '--workers'],
  ] as const) {
    const command = commandOf(words, add)
      .exitOverride()
      .configureOutput({ writeErr: () => {} });
    const parsed = command.parseAsync([flag, '1'], { from: 'user' });
    await assert.rejects(parsed, { code: 'commander.unknownOption' }, `${words} ${flag}`);
  }
});

test('what commands share may say more than one of them uses, but no unknown key', (t) => {
  const file = join(temporary(t), 'config.json');
  writeFileSync(file, '{"brokers":"a:1","port":"none","windowMs":5}');
  const environment = {
    CLICKRATE_RATE: '-1',
    CLICKRATE_REDIS_PASSWORD_FILE: '/missing',
    CLICKRATE_WORKERS: '0',
    CLICKRATE_CLIENT_ID: 'one',
  };
  const { brokers, clientId } = ALL;
  const read = configure({}, environment, file, { brokers, clientId });
  assert.deepEqual(read.options, { brokers: 'a:1', clientId: 'one' });
  writeFileSync(file, '{"broker":"a:1"}');
  assert.throws(() => configure({}, {}, file, { brokers }), { code: 'config_invalid' });
});

test('settings are read together or not at all, as they must fit together', () => {
  const environment = { CLICKRATE_WINDOW_MS: '5' };
  const { windowMs } = SETTINGS;
  assert.equal(configure({}, environment, undefined, {}).settings.windowMs, windowMs);
  const { maxProductIdBytes } = SETTINGS;
  assert.throws(() => configure({}, environment, undefined, { maxProductIdBytes }), {
    code: 'config_invalid',
    message: 'windowMs must be at least 100',
  });
});
