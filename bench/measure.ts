/** Measures: CPU time of this process, medians, and what the machine is. */
import { availableParallelism, cpus } from 'node:os';

/** User and system time of this process so far. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
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
