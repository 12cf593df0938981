/** Brokers of one cluster: their settings from `deploy/kafka/`, their data, their processes. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Admin } from '@platformatic/kafka';
import type { ServerPlan } from './server.ts';

const DEPLOY = fileURLToPath(new URL('../../deploy/kafka/', import.meta.url));
/** Any 22 characters of base64 do; the same for all brokers, and the same at every start. */
const CLUSTER_ID = 'Y2xpY2tyYXRlLWNsdXN0ZQ';

export type BrokerPorts = { client: number; controller: number };

export type ClusterPlan = {
  /** Everything of the cluster is below it. */
  directory: string;
  /** One entry a broker. */
  ports: readonly BrokerPorts[];
  jars: string;
  /** Flags of the JVM. */
  java?: readonly string[];
  logLevel?: 'INFO' | 'WARN';
  /** More lines for `broker.properties`. */
  properties?: Readonly<Record<string, string>>;
};

const JAVA = ['-Xms256m', '-Xmx768m', '-XX:+UseSerialGC'];

/** A template of `deploy/` with its `${NAME}`s filled in; throws on one that is not known. */
export function filled(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\$\{([A-Z_]+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`nothing is known for ${name}`);
    return value;
  });
}

/** Writes the settings and formats the data directories; the processes that are to be started. */
export function planBrokers(plan: ClusterPlan): ServerPlan[] {
  const { directory, ports, jars } = plan;
  mkdirSync(directory, { recursive: true });
  const logging = join(directory, 'log4j2.properties');
  const template = readFileSync(join(DEPLOY, 'log4j2.properties'), 'utf8');
  writeFileSync(logging, filled(template, { LOG_LEVEL: plan.logLevel ?? 'WARN' }));
  return ports.map(({ client, controller }, n) => {
    const id = n + 1;
    const properties = writeProperties(plan, id);
    format(plan, id, properties);
    const flags = [...(plan.java ?? JAVA), `-Dlog4j2.configurationFile=${logging}`];
    const args = [...flags, '-cp', join(jars, '*'), 'kafka.Kafka', properties];
    return {
      name: `broker-${id}`,
      port: client,
      otherPorts: [controller],
      command: 'java',
      args,
      directory,
    };
  });
}

function writeProperties(plan: ClusterPlan, id: number): string {
  const { directory, ports } = plan;
  const { client, controller } = ports[id - 1];
  const count = ports.length;
  const voters = ports.map((at, n) => `${n + 1}@127.0.0.1:${at.controller}`).join(',');
  const values = {
    NODE_ID: String(id),
    QUORUM_VOTERS: voters,
    LISTENERS: `PLAINTEXT://127.0.0.1:${client},CONTROLLER://127.0.0.1:${controller}`,
    ADVERTISED_LISTENERS: `PLAINTEXT://127.0.0.1:${client}`,
    LOG_DIR: join(directory, `data-${id}`),
    REPLICAS: String(count),
    MIN_INSYNC: String(Math.max(1, count - 1)),
  };
  const template = readFileSync(join(DEPLOY, 'broker.properties'), 'utf8');
  const more = Object.entries(plan.properties ?? {}).map(([key, value]) => `${key}=${value}\n`);
  const file = join(directory, `broker-${id}.properties`);
  // Of a key that is there twice the later line counts.
  writeFileSync(file, filled(template, values) + more.join(''));
  return file;
}

function format({ directory, jars }: ClusterPlan, id: number, properties: string): void {
  if (existsSync(join(directory, `data-${id}`, 'meta.properties'))) return;
  const args = ['-XX:TieredStopAtLevel=1', '-cp', join(jars, '*'), 'kafka.tools.StorageTool'];
  const flags = ['format', '-t', CLUSTER_ID, '-c', properties];
  const done = spawnSync('java', [...args, ...flags], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`formatting broker ${id} failed:\n${done.stderr}`);
}

/** How many brokers the data in the directory are of; 0: there are none. */
export function brokersIn(directory: string): number {
  return [1, 2, 3].filter((id) => existsSync(join(directory, `data-${id}`))).length;
}

/** Whether all brokers are known to each of them. */
export async function isClusterReady(ports: readonly BrokerPorts[]): Promise<boolean> {
  for (const { client } of ports) {
    const admin = new Admin({
      clientId: 'stack',
      bootstrapBrokers: [`127.0.0.1:${client}`],
      retries: 0,
      connectTimeout: 2_000,
      timeout: 2_000,
    });
    admin.on('error', () => {});
    try {
      const { brokers } = await admin.metadata({ topics: [], forceUpdate: true });
      if (brokers.size < ports.length) return false;
    } catch {
      return false;
    } finally {
      await admin.close().catch(() => {});
    }
  }
  return true;
}
