/** Measures: CPU time and memory of processes, medians, and what the machine is. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { KAFKA_VERSION } from '../scripts/stack/artifacts.ts';
import { FLINK_VERSION } from '../scripts/stack/flink-artifacts.ts';

/** Ticks of /proc a second: fixed by Linux for user space. */
const TICKS = 100;

/** Bytes of buffers that this process holds, without those that nobody refers to any more. */
export function heldBufferBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().arrayBuffers;
}

/** User and system time of this process so far. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** The same of another process. */
export function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export type Machine = {
  cpu: string;
  /** Family and model tell processors of one name apart. */
  cpuFamily: string;
  cores: number;
  memoryGb: number;
  kernel: string;
  versions: Record<string, string>;
};

export function describeMachine(): Machine {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cpuFamily: cpuFamily(),
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release().split('-')[0],
    versions: {
      clickrate: version,
      node: process.version,
      kafka: KAFKA_VERSION,
      flink: FLINK_VERSION,
      redis: said('redis-server', ['--version'], /v=([\d.]+)/),
      java: said('java', ['-version'], /version "([^"]+)"/),
      python: said('python3', ['--version'], /Python ([\d.]+)/),
      '@platformatic/kafka': library('@platformatic/kafka'),
    },
  };
}

/** The same in one line. */
export function machine(): string {
  const { cpu, cpuFamily: family, cores, memoryGb, versions } = describeMachine();
  const { node, java, kafka, redis } = versions;
  return (
    `${cpu} (${family}), ${cores} cores, ${memoryGb} GB, Node ${node}, Java ${java}, ` +
    `Kafka ${kafka}, Redis ${redis}`
  );
}

function cpuFamily(): string {
  try {
    const info = readFileSync('/proc/cpuinfo', 'utf8');
    const of = (key: string) => new RegExp(`^${key}\\s*: (.*)$`, 'm').exec(info)?.[1] ?? '?';
    return `family ${of('cpu family')} model ${of('model')}`;
  } catch {
    return 'family unknown';
  }
}

function said(command: string, args: string[], pattern: RegExp): string {
  const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return pattern.exec(`${stdout ?? ''}${stderr ?? ''}`)?.[1] ?? 'not installed';
}

function library(name: string): string {
  const file = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** Ctrl-C and SIGTERM end the bench, and with it the servers that it started. */
export function endOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
}

/** What is installed and run: the bundle, as `npm pack` ships it; `prebench` builds it. */
export const MAIN = 'dist/cli/main.js';
