/** A Kafka cluster of a test's own: real brokers on free ports, in a directory of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '@platformatic/kafka';
import { kafkaJars, missing } from '../../scripts/stack/artifacts.ts';
import { type BrokerPorts, isClusterReady, planBrokers } from '../../scripts/stack/kafka.ts';
import { OPTIONS } from '../../src/config.ts';
import { topicsKnown } from '../../src/sources/kafka/topic-known.ts';
import { freePort } from './free-port.ts';
import { type Child, eventually, outputOf, start } from './processes.ts';

export type TestBroker = {
  id: number;
  port: number;
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Resolves when it has started. */
  start(): Promise<void>;
  pause(): void;
  resume(): void;
};

export type KafkaTestCluster = {
  bootstrap: string;
  brokers: TestBroker[];
  /** Makes topics with the broker's append time, on all brokers. */
  createTopics(names: readonly string[], partitions: number): Promise<void>;
  stop(): Promise<void>;
};

export type KafkaTestOptions = {
  brokers: 1 | 3;
  /** Free ones if left out. */
  ports?: readonly BrokerPorts[];
  properties?: Readonly<Record<string, string>>;
};

const JAVA = ['-Xms128m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
const STARTED = /Kafka Server started/;
const START_MS = 90_000;

/** Why there is no Kafka to test with, or false. Under CI this is an error. */
export function withoutKafka(): string | false {
  try {
    const lacking = missing({ java: 'a Java runtime of version 17 or newer' });
    if (lacking !== null) throw new Error(lacking);
    kafkaJars((sentence) => process.stderr.write(`${sentence}\n`));
    return false;
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    return (error as Error).message;
  }
}

/** Starts the brokers together; whoever starts them stops them. */
export async function startKafka(options: KafkaTestOptions): Promise<KafkaTestCluster> {
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-kafka-'));
  const ports: BrokerPorts[] = [...(options.ports ?? [])];
  while (ports.length < options.brokers)
    ports.push({ client: await freePort(), controller: await freePort() });
  const { properties = {} } = options;
  const jars = kafkaJars(() => {});
  const java = JAVA;
  const plans = planBrokers({ directory, ports, jars, java, logLevel: 'INFO', properties });
  const brokers = plans.map(({ command, args, port }, n) => broker(n + 1, port, command, args));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  // Gigabytes of a benchmark, for example, that is interrupted.
  process.once('exit', remove);
  const stop = async () => {
    await Promise.all(brokers.map(({ kill }) => kill()));
    process.off('exit', remove);
    remove();
  };
  try {
    await Promise.all(brokers.map((one) => one.start()));
    await eventually(() => isClusterReady(ports), START_MS);
  } catch (error) {
    await stop();
    throw error;
  }
  const bootstrap = ports.map(({ client }) => `127.0.0.1:${client}`).join(',');
  const createTopics = async (topics: readonly string[], partitions: number) => {
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: bootstrap.split(',') });
    await admin.createTopics({ topics: [...topics], partitions, replicas: brokers.length });
    await admin.close();
    const options = { ...OPTIONS, brokers: bootstrap };
    await topicsKnown(options, bootstrap.split(','), topics, partitions);
  };
  return { bootstrap, brokers, createTopics, stop };
}

function broker(id: number, port: number, command: string, args: readonly string[]): TestBroker {
  let child: Child | null = null;
  const signal = (name: NodeJS.Signals) => process.kill(child!.process.pid!, name);
  return {
    id,
    port,
    start: async () => {
      child = start(command, args);
      await outputOf(child, STARTED, START_MS);
    },
    kill: async (name = 'SIGKILL') => void (await child?.kill(name)),
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
  };
}
