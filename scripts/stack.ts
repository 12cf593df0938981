/**
 * `npm run stack -- up | down | status`: real Kafka, Redis and Flink on this machine without
 * containers, from packaged jars and the system's redis-server, with the settings of `deploy/`.
 */
import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { argumentsOf, misused } from './arguments.ts';
import { flinkJar } from './flink-jar.ts';
import { kafkaJars, missing } from './stack/artifacts.ts';
import { type FlinkPorts, isFlinkReady, planFlink, temporaryIn } from './stack/flink.ts';
import { flinkFiles } from './stack/flink-artifacts.ts';
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
import { planServices, startServices } from './stack/services.ts';

const HELP = `Real servers on this machine, without containers.

  npm run stack -- up [--brokers 3]     start Kafka and Redis and wait until they answer
  npm run stack -- up --flink           and Flink, the API and the sink
  npm run stack -- up --lite            and the API and clickrate's own engine, without Flink
  npm run stack -- status               what runs, and where
  npm run stack -- down [--clean]       stop them (and delete their data)

Options: --brokers 1|3 (3), --kafka-port 9092 (the others count up), --redis-port 6379,
--api-port 8000, --counter-port 8001 (sink or engine), --flink-port 8081, --gateway-port 8083,
--directory .clickrate/stack`;

const known = {
  brokers: { type: 'string', default: '3' },
  'kafka-port': { type: 'string', default: '9092' },
  'redis-port': { type: 'string', default: '6379' },
  flink: { type: 'boolean', default: false },
  lite: { type: 'boolean', default: false },
  'api-port': { type: 'string', default: '8000' },
  'counter-port': { type: 'string', default: '8001' },
  'flink-port': { type: 'string', default: '8081' },
  'gateway-port': { type: 'string', default: '8083' },
  directory: { type: 'string', default: '.clickrate/stack' },
  clean: { type: 'boolean', default: false },
} as const;
const { values: flags, positionals } = argumentsOf(
  { allowPositionals: true, options: known },
  HELP,
);

const directory = resolve(flags.directory);
const kafkaPort = Number(flags['kafka-port']);
const ports: BrokerPorts[] = Array.from({ length: Number(flags.brokers) }, (_, n) => ({
  client: kafkaPort + n,
  controller: kafkaPort + 100 + n,
}));
const kafkaDirectory = join(directory, 'kafka');
const say = (sentence: string) => process.stderr.write(`${sentence}\n`);

const brokerList = ports.map(({ client }) => `127.0.0.1:${client}`).join(',');
const redisPort = Number(flags['redis-port']);
const flinkPort = Number(flags['flink-port']);
const flinkPorts: FlinkPorts = {
  rest: flinkPort,
  gateway: Number(flags['gateway-port']),
  rpc: flinkPort + 100,
  blob: flinkPort + 101,
};

type Plans = Record<'redis' | 'brokers' | 'flink' | 'services', ServerPlan[]>;

function plans(): Plans {
  const brokers = planBrokers({ directory: kafkaDirectory, ports, jars: kafkaJars(say) });
  const redis = [planRedis(directory, redisPort)];
  const flink = flags.flink
    ? planFlink({ directory: join(directory, 'flink'), ports: flinkPorts, files: flinkFiles(say) })
    : [];
  const counter = flags.flink ? 'sink' : 'engine';
  const services = planServices({
    directory,
    brokers: brokerList,
    redisPort,
    counter,
    apiPort: Number(flags['api-port']),
    counterPort: Number(flags['counter-port']),
  });
  return { redis, brokers, flink, services: flags.flink || flags.lite ? services : [] };
}

async function up(): Promise<void> {
  const from = 'Debian: apt-get install default-jdk-headless redis-server';
  const lacking = missing({ java: from, 'redis-server': from });
  if (lacking !== null) throw new Error(lacking);
  checkSize();
  if (flags.flink) flinkJar(say);
  const planned = plans();
  const all = Object.values(planned).flat();
  await checkPorts(all);
  const names = all.filter((plan) => runningOf(plan) === null).map(({ name }) => name);
  say(names.length === 0 ? 'it is up already' : `starting ${names.join(', ')} …`);
  await startServers(planned);
  say(`Kafka  ${brokerList}\nRedis  redis://127.0.0.1:${redisPort}`);
  if (flags.flink) say(`Flink  http://127.0.0.1:${flinkPort}, SQL Gateway ${flinkPorts.gateway}`);
  if (planned.services.length > 0) say(`API    http://127.0.0.1:${flags['api-port']}`);
  say(`logs   ${directory}`);
}

async function startServers({ redis, brokers, flink, services }: Plans): Promise<void> {
  for (const plan of [...redis, ...brokers, ...flink]) await startServer(plan);
  for (const plan of [...redis, ...brokers]) await untilReady(plan, () => answers(plan.port));
  await untilReady(brokers[0], () => isClusterReady(ports));
  if (flink.length > 0) await untilReady(flink[0], () => isFlinkReady(flinkPorts));
  if (services.length > 0) await startServices(services, brokerList, flags.flink);
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
    for (const port of [plan.port, ...(plan.otherPorts ?? [])].filter((one) => one !== 0))
      if (await answers(port))
        taken.push(`port ${port} for ${plan.name} is taken by ${holderOf(port) ?? 'a program'}`);
  }
  if (taken.length === 0) return;
  const others = 'choose other ports (--help names the options)';
  throw new Error(
    `${taken.join('\n       ')}\n       end it (a stack of another folder?), or ${others}`,
  );
}

async function down(): Promise<void> {
  const running = runningServers(directory);
  await Promise.all(running.map(stopServer));
  say(running.length === 0 ? 'nothing was running' : `${running.length} servers stopped`);
  if (flags.clean) clean();
  else rmSync(temporaryIn(join(directory, 'flink')), { recursive: true, force: true });
}

/** Deletes what the stack made; the folder too, unless something of others is in it. */
function clean(): void {
  const files = ['redis.log', 'redis.server.json'];
  for (const name of ['kafka', 'redis', 'flink', 'services', ...files])
    rmSync(join(directory, name), { recursive: true, force: true });
  const left = existsSync(directory) ? readdirSync(directory) : null;
  if (left?.length === 0) rmdirSync(directory);
  const rest = left !== null && left.length > 0 ? `; ${directory} holds other things too` : '';
  say(`their data are deleted${rest}`);
}

async function status(): Promise<void> {
  const running = runningServers(directory);
  if (running.length === 0) say(`nothing runs (${directory})`);
  for (const { name, pid, port } of running) {
    // A process that listens nowhere has port 0.
    const at = port === 0 ? '' : `, 127.0.0.1:${port}`;
    const mute = port === 0 || (await answers(port)) ? '' : ', does not answer';
    process.stdout.write(`${name.padEnd(12)} pid ${pid}${at}${mute}\n`);
  }
  if (running.some(({ name }) => name === 'serving-api'))
    say('Kafka UI (8080) and RedisInsight (5540) come with containers only: docker compose up');
}

const actions: Record<string, () => Promise<void>> = { up, down, status };
const action = actions[positionals[0] ?? ''];
if (action === undefined) misused('up, down or status?', HELP);
try {
  if (![1, 3].includes(ports.length)) throw new Error('--brokers must be 1 or 3');
  await action();
} catch (error) {
  say(`stack: ${(error as Error).message}`);
  process.exitCode = 1;
}
