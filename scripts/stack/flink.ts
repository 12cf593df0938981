/** Flink's processes, with the settings of `deploy/flink/`: JobManager, TaskManager, gateway. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FlinkFiles } from './flink-artifacts.ts';
import { filled } from './kafka.ts';
import type { ServerPlan } from './server.ts';

const DEPLOY = fileURLToPath(new URL('../../deploy/flink/', import.meta.url));

export type FlinkPorts = { rest: number; gateway: number; rpc: number; blob: number };

export type FlinkPlan = {
  /** Everything of the cluster is below it. */
  directory: string;
  ports: FlinkPorts;
  files: FlinkFiles;
  /** Of its one TaskManager. */
  slots?: number;
  logLevel?: 'INFO' | 'WARN';
  /** More lines for `config.yaml`. */
  properties?: Readonly<Record<string, string>>;
  /** More flags of Java, of all of them. */
  java?: readonly string[];
};

/** What Flink's scripts put on the command line for Java 17. */
const OPENS = [
  ...['java.lang', 'java.net', 'java.io', 'java.nio', 'java.lang.reflect', 'java.text'],
  ...['java.time', 'java.util', 'java.util.concurrent', 'java.util.concurrent.atomic'],
  ...['java.util.concurrent.locks', 'sun.nio.ch'],
].map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`);
const EXPORTS = [
  ...['java.management/sun.management', 'java.rmi/sun.rmi.registry'],
  'java.security.jgss/sun.security.krb5',
  ...['api', 'file', 'parser', 'tree', 'util'].map((n) => `jdk.compiler/com.sun.tools.javac.${n}`),
].map((name) => `--add-exports=${name}=ALL-UNNAMED`);

/** Must match what `config.yaml` says of the memory of a TaskManager. */
const TASK_MEMORY = ['-Xms896m', '-Xmx896m', '-XX:MaxDirectMemorySize=256m'];
const METASPACE = '-XX:MaxMetaspaceSize=256m';

type Program = { name: string; port: number; memory: string[]; main: string; args: string[] };

/** Writes the settings; the processes that are to be started, in this order. */
export function planFlink(plan: FlinkPlan): ServerPlan[] {
  const { directory, ports, files, java = [] } = plan;
  const conf = writeConfig(plan);
  const configDir = ['--configDir', conf];
  const programs: Program[] = [
    {
      name: 'jobmanager',
      port: ports.rest,
      memory: ['-Xmx700m', METASPACE],
      main: 'org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint',
      args: configDir,
    },
    {
      name: 'taskmanager',
      port: 0,
      memory: [...TASK_MEMORY, METASPACE],
      main: 'org.apache.flink.runtime.taskexecutor.TaskManagerRunner',
      args: configDir,
    },
    {
      name: 'sql-gateway',
      port: ports.gateway,
      memory: ['-Xmx512m'],
      main: 'org.apache.flink.table.gateway.SqlGateway',
      args: [],
    },
  ];
  const path = [conf, join(files.lib, '*'), files.connector, files.zstd];
  const places = [
    `-Dlog4j2.configurationFile=${join(conf, 'log4j2.properties')}`,
    // Each start copies the planner, 44 MB, and leaves it where it is killed.
    `-Djava.io.tmpdir=${temporaryIn(directory)}`,
  ];
  return programs.map(({ name, port, memory, main, args }) => {
    const jars = name === 'sql-gateway' ? [...path, files.gateway] : path;
    const flags = [...memory, ...OPENS, ...EXPORTS, ...places, '-XX:+UseSerialGC', ...java];
    return {
      name,
      port,
      command: 'java',
      directory,
      otherPorts: name === 'jobmanager' ? [ports.rpc, ports.blob] : [],
      args: [...flags, '-cp', jars.join(delimiter), main, ...args],
      env: environment(conf, files),
    };
  });
}

/** Nothing in it is needed when no process runs. */
export function temporaryIn(directory: string): string {
  return join(directory, 'tmp');
}

function environment(conf: string, { home, lib }: FlinkFiles): NodeJS.ProcessEnv {
  return {
    FLINK_CONF_DIR: conf,
    FLINK_HOME: home,
    FLINK_LIB_DIR: lib,
    FLINK_PLUGINS_DIR: join(home, 'plugins'),
    FLINK_OPT_DIR: join(home, 'opt'),
  };
}

/** The folder with the settings. */
function writeConfig({ directory, ports, slots, logLevel, properties }: FlinkPlan): string {
  const [conf, temporary] = [join(directory, 'conf'), temporaryIn(directory)];
  for (const folder of [conf, temporary]) mkdirSync(folder, { recursive: true });
  const host = '127.0.0.1';
  const values = {
    JOBMANAGER_HOST: host,
    GATEWAY_HOST: host,
    TASKMANAGER_HOST: host,
    BIND_HOST: host,
    JOBMANAGER_PORT: String(ports.rpc),
    BLOB_PORT: String(ports.blob),
    REST_PORT: String(ports.rest),
    GATEWAY_PORT: String(ports.gateway),
    SLOTS: String(slots ?? 4),
    STATE_URL: `file://${join(directory, 'state')}`,
    TEMPORARY_DIR: temporary,
  };
  const config = filled(readFileSync(join(DEPLOY, 'config.yaml'), 'utf8'), values);
  const more = Object.entries(properties ?? {}).map(([key, value]) => `${key}: ${value}\n`);
  writeFileSync(join(conf, 'config.yaml'), config + more.join(''));
  const logging = readFileSync(join(DEPLOY, 'log4j2.properties'), 'utf8');
  const levels = { LOG_LEVEL: logLevel ?? 'INFO' };
  writeFileSync(join(conf, 'log4j2.properties'), filled(logging, levels));
  return conf;
}

/** Whether a TaskManager has come to the JobManager and the gateway answers. */
export async function isFlinkReady({ rest, gateway }: FlinkPorts): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(2_000);
    const overview = await fetch(`http://127.0.0.1:${rest}/overview`, { signal });
    const { taskmanagers } = (await overview.json()) as { taskmanagers: number };
    return taskmanagers > 0 && (await fetch(`http://127.0.0.1:${gateway}/v2/info`)).ok;
  } catch {
    return false;
  }
}
