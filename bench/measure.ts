/** Measures: CPU time of this process, medians, and what the machine is. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';

/** Ticks of /proc a second: fixed by Linux for user space. */
const TICKS = 100;

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

export function machine(): string {
  const model = cpus()[0]?.model ?? 'unknown';
  return `${model}, ${availableParallelism()} cores, Node ${process.version}`;
}

/** The most memory another process held so far. */
export function peakMbOf(pid: number): number {
  const [, kb] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kb) / 1_024;
}
