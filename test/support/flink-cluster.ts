/** A Flink cluster of a test's own: JobManager, TaskManager, SQL Gateway on free ports. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { flinkJar } from '../../scripts/flink-jar.ts';
import { missing } from '../../scripts/stack/artifacts.ts';
import { type FlinkPorts, isFlinkReady, planFlink } from '../../scripts/stack/flink.ts';
import { flinkFiles } from '../../scripts/stack/flink-artifacts.ts';
import { freePort } from './free-port.ts';
import { type Child, eventually, start } from './processes.ts';

const START_MS = 120_000;
/** Where its speed does not matter: what it runs once is compiled in a fraction of the work. */
export const QUICK_START = ['-XX:TieredStopAtLevel=1'];

export type FlinkProcess = {
  pid(): number;
  kill(signal?: NodeJS.Signals): Promise<void>;
  start(): void;
};

export type FlinkTestCluster = {
  jobManagerUrl: string;
  gatewayUrl: string;
  /** Where the functions are. */
  jar: string;
  jobManager: FlinkProcess;
  taskManager: FlinkProcess;
  gateway: FlinkProcess;
  untilReady(): Promise<void>;
  /** What the processes wrote. */
  output(): string;
  stop(): Promise<void>;
};

/** Why there is no Flink to test with, or false. Under CI this is an error. */
export function withoutFlink(): string | false {
  try {
    const lacking = missing({ java: 'a Java of version 17', javac: 'a JDK of version 17' });
    if (lacking !== null) throw new Error(lacking);
    flinkFiles(say);
    flinkJar(say);
    return false;
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    return (error as Error).message;
  }
}

function say(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
}

/** Starts the three together; whoever starts them stops them. */
export async function startFlink(
  slots = 4,
  properties: Readonly<Record<string, string>> = {},
  java: readonly string[] = [],
): Promise<FlinkTestCluster> {
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-flink-'));
  const ports: FlinkPorts = {
    rest: await freePort(),
    gateway: await freePort(),
    rpc: await freePort(),
    blob: await freePort(),
  };
  const plans = planFlink({ directory, ports, files: flinkFiles(say), slots, properties, java });
  const processes = plans.map(({ command, args, env }) => {
    let child: Child | null = null;
    return {
      pid: () => child!.process.pid!,
      start: () => {
        child = start(command, [...args], { env: { ...process.env, ...env } });
      },
      kill: async (signal: NodeJS.Signals = 'SIGKILL') => void (await child?.kill(signal)),
      output: () => child?.output() ?? '',
    };
  });
  const [jobManager, taskManager, gateway] = processes;
  const cluster = {
    jobManagerUrl: `http://127.0.0.1:${ports.rest}`,
    gatewayUrl: `http://127.0.0.1:${ports.gateway}`,
    jar: flinkJar(say),
    jobManager,
    taskManager,
    gateway,
    untilReady: async () => void (await eventually(() => isFlinkReady(ports), START_MS)),
    output: () => processes.map(({ output }) => output()).join('\n'),
    stop: async () => {
      await Promise.all(processes.map(({ kill }) => kill()));
      rmSync(directory, { recursive: true, force: true });
    },
  };
  try {
    for (const one of processes) one.start();
    await cluster.untilReady();
  } catch (error) {
    process.stderr.write(cluster.output().slice(-3_000));
    await cluster.stop();
    throw error;
  }
  return cluster;
}
