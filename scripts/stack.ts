/**
 * `npm run stack -- up | down | status`: real Kafka and Redis on this machine without containers,
 * from Maven's jars and the system's redis-server, with the settings of `deploy/`.
 */
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { kafkaJars, missing } from './stack/artifacts.ts';
import { holderOf } from './stack/holder.ts';
import { type BrokerPorts, brokersIn, isClusterReady, planBrokers } from './stack/kafka.ts';
import { planRedis } from './stack/redis.ts';
import {
  answers,
  runningOf,
  runningServers,
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
  checkSize();
  const jars = kafkaJars(say);
  const { redis, brokers } = plans(jars);
  await checkPorts([redis, ...brokers]);
  const isUp = [redis, ...brokers].every((plan) => runningOf(plan) !== null);
  say(isUp ? 'it is up already' : `starting Redis and ${ports.length} brokers …`);
  await startServer(redis);
  for (const broker of brokers) await startServer(broker);
  await untilReady(redis, () => answers(redis.port));
  for (const broker of brokers) await untilReady(broker, () => answers(broker.port));
  await untilReady(brokers[0], () => isClusterReady(ports));
  const list = ports.map(({ client }) => `127.0.0.1:${client}`).join(',');
  say(`Kafka  ${list}\nRedis  redis://127.0.0.1:${redis.port}\nlogs   ${directory}`);
}

/** Brokers know each other's number from their data. */
function checkSize(): void {
  const there = brokersIn(kafkaDirectory);
  if (there === 0 || there === ports.length) return;
  const other = `--brokers ${there}, or delete the data first: npm run stack -- down --clean`;
  throw new Error(`the data in ${kafkaDirectory} are of ${there} brokers: use ${other}`);
}

/** All of them before anything is started. */
async function checkPorts(wanted: readonly ServerPlan[]): Promise<void> {
  const taken: string[] = [];
  for (const plan of wanted) {
    const running = runningOf(plan);
    if (running !== null && running.port !== plan.port)
      throw new Error(`${plan.name} runs on port ${running.port}: end it first (down)`);
    if (running !== null) continue;
    for (const port of [plan.port, ...(plan.otherPorts ?? [])])
      if (await answers(port))
        taken.push(`port ${port} for ${plan.name} is taken by ${holderOf(port) ?? 'a program'}`);
  }
  if (taken.length === 0) return;
  const others = 'choose others with --kafka-port and --redis-port';
  throw new Error(
    `${taken.join('\n       ')}\n       end it (a stack of another folder?), or ${others}`,
  );
}

async function down(): Promise<void> {
  const running = runningServers(directory);
  await Promise.all(running.map(stopServer));
  say(running.length === 0 ? 'nothing was running' : `${running.length} servers stopped`);
  if (!flags.clean) return;
  rmSync(directory, { recursive: true, force: true });
  say('their data are deleted');
}

async function status(): Promise<void> {
  const running = runningServers(directory);
  if (running.length === 0) say(`nothing runs (${directory})`);
  for (const { name, pid, port } of running) {
    const state = `pid ${pid}, 127.0.0.1:${port}${(await answers(port)) ? '' : ', does not answer'}`;
    process.stdout.write(`${name.padEnd(10)} ${state}\n`);
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
