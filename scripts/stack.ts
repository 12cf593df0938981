/**
 * `npm run stack -- up | down | status`: real Kafka and Redis on this machine without containers,
 * from Maven's jars and the system's redis-server, with the settings of `deploy/`.
 */
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { kafkaJars, missing } from './stack/artifacts.ts';
import { type BrokerPorts, isClusterReady, planBrokers } from './stack/kafka.ts';
import { planRedis, redisMark } from './stack/redis.ts';
import {
  answers,
  runningPid,
  type ServerPlan,
  startServer,
  stopServer,
  untilReady,
} from './stack/server.ts';

const HELP = `Real servers on this machine, without containers.

  npm run stack -- up [--brokers 3]     start Kafka and Redis and wait until they answer
  npm run stack -- status               what runs, and where
  npm run stack -- down [--clean]       stop them (and delete their data)

Options: --brokers 1|3 (3), --kafka-port 9092 (the others count up), --redis-port 6379,
--directory .clickrate/stack`;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    brokers: { type: 'string', default: '3' },
    'kafka-port': { type: 'string', default: '9092' },
    'redis-port': { type: 'string', default: '6379' },
    directory: { type: 'string', default: '.clickrate/stack' },
    clean: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const directory = resolve(flags.directory);
const kafkaPort = Number(flags['kafka-port']);
const ports: BrokerPorts[] = Array.from({ length: Number(flags.brokers) }, (_, n) => ({
  client: kafkaPort + n,
  controller: kafkaPort + 100 + n,
}));
const kafkaDirectory = join(directory, 'kafka');
const say = (sentence: string) => process.stderr.write(`${sentence}\n`);

function plans(jars: string): { redis: ServerPlan; brokers: ServerPlan[] } {
  const redis = planRedis(directory, Number(flags['redis-port']));
  return { redis, brokers: planBrokers({ directory: kafkaDirectory, ports, jars }) };
}

async function up(): Promise<void> {
  const from = 'Debian: apt-get install default-jdk-headless redis-server';
  const lacking = missing({ java: from, 'redis-server': from });
  if (lacking !== null) throw new Error(lacking);
  const { redis, brokers } = plans(kafkaJars(say));
  say(`starting Redis and ${brokers.length} brokers …`);
  await startServer(redis);
  for (const broker of brokers) await startServer(broker);
  await untilReady(redis, () => answers(redis.port));
  for (const broker of brokers) await untilReady(broker, () => answers(broker.port));
  await untilReady(brokers[0], () => isClusterReady(ports));
  const list = ports.map(({ client }) => `127.0.0.1:${client}`).join(',');
  say(`Kafka  ${list}\nRedis  redis://127.0.0.1:${redis.port}\nlogs   ${directory}`);
}

/** Servers that an `up` with other numbers may have started are found by their files too. */
function known(): ServerPlan[] {
  const plan = (name: string, port: number, mark: string, at: string) => ({
    ...{ name, port, mark, command: '', args: [], directory: at },
  });
  const brokers = [1, 2, 3].map((id) => {
    const file = join(kafkaDirectory, `broker-${id}.properties`);
    return plan(`broker-${id}`, kafkaPort + id - 1, file, kafkaDirectory);
  });
  const redisPort = Number(flags['redis-port']);
  const redis = plan('redis', redisPort, redisMark(redisPort), directory);
  return [...brokers, redis];
}

async function down(): Promise<void> {
  const stopped = await Promise.all(known().map(stopServer));
  const count = stopped.filter(Boolean).length;
  say(count === 0 ? 'nothing was running' : `${count} servers stopped`);
  if (!flags.clean) return;
  rmSync(directory, { recursive: true, force: true });
  say('their data are deleted');
}

async function status(): Promise<void> {
  for (const plan of known()) {
    const pid = runningPid(plan);
    const state = pid === null ? 'not running' : `pid ${pid}, 127.0.0.1:${plan.port}`;
    const is = pid !== null && !(await answers(plan.port)) ? `${state}, does not answer` : state;
    process.stdout.write(`${plan.name.padEnd(10)} ${is}\n`);
  }
}

const actions: Record<string, () => Promise<void>> = { up, down, status };
const action = actions[positionals[0] ?? ''];
if (flags.help || action === undefined) {
  say(HELP);
  process.exitCode = flags.help ? 0 : 2;
} else {
  try {
    if (![1, 3].includes(ports.length)) throw new Error('--brokers must be 1 or 3');
    await action();
  } catch (error) {
    say(`stack: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
