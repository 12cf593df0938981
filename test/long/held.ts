/** What a child of `engine-child.ts` holds on to, and how that changes with time. */
import { readdirSync } from 'node:fs';
import { type Child, eventually } from '../support/processes.ts';

export type Held = {
  /** Monotonic milliseconds. */
  atMs: number;
  heapMb: number;
  residentMb: number;
  buffersMb: number;
  timers: number;
  files: number;
};

const MB = 1_048_576;

/** Asks, and waits for the answer. */
export async function heldBy(child: Child): Promise<Held> {
  const { pid } = child.process;
  const answers = () => [...child.output().matchAll(/^held (.*)$/gm)];
  const before = answers().length;
  process.kill(pid!, 'SIGUSR2');
  const answer = await eventually(async () => answers()[before], 30_000, 20);
  const { heapUsed, rss, arrayBuffers, timers } = JSON.parse(answer[1]) as Record<string, number>;
  return {
    atMs: performance.now(),
    timers,
    files: readdirSync(`/proc/${pid}/fd`).length,
    heapMb: heapUsed / MB,
    residentMb: rss / MB,
    buffersMb: arrayBuffers / MB,
  };
}

/** Slope of the line through the samples, by least squares, a minute. */
export function slopeAMinute(samples: readonly Held[], of: (held: Held) => number): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const minutes = samples.map(({ atMs }) => atMs / 60_000);
  const values = samples.map(of);
  const [x, y] = [mean(minutes), mean(values)];
  const over = minutes.reduce((sum, at, i) => sum + (at - x) * (values[i] - y), 0);
  return over / minutes.reduce((sum, at) => sum + (at - x) ** 2, 0);
}
