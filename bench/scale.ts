/** How much faster two processes are than one: with bytes in memory, and with a real broker. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Engine, type Readiness, readiness } from '../test/kafka/engines.ts';
import { eventually } from '../test/support/processes.ts';
import { withEngines } from './kafka.ts';
import type { Filled } from './kafka-fill.ts';
import { sleep } from './measure.ts';
import type { Counted } from './scale-child.ts';

const CHILD = fileURLToPath(new URL('./scale-child.ts', import.meta.url));
const LONGEST_MS = 120_000;
const LOOK_MS = 50;

/** Millions of events a second of so many processes together, each with its own partitions. */
export async function inMemory(
  processes: number,
  events: number,
  partitions: number,
  rounds: number,
): Promise<number[]> {
  const children: ChildProcess[] = [];
  try {
    for (let n = 0; n < processes; n++) {
      const tasks = Array.from({ length: partitions }, (_, task) => task);
      const own = tasks.filter((task) => task % processes === n);
      const child = fork(CHILD, [String(events), String(partitions), own.join()]);
      children.push(child);
    }
    await Promise.all(children.map(messageOf));
    const rates: number[] = [];
    // One round more, in which code is compiled.
    for (let round = 0; round <= rounds; round++) {
      const answers = children.map(messageOf);
      const beganMs = Date.now();
      for (const child of children) child.send('count');
      const counted = (await Promise.all(answers)) as Counted[];
      const endedMs = Math.max(...counted.map(({ untilMs }) => untilMs));
      if (round > 0) rates.push(events / (endedMs - beganMs) / 1_000);
    }
    return rates;
  } finally {
    for (const child of children) child.kill();
  }
}

/** Its next message; rejects when it ends instead. */
async function messageOf(child: ChildProcess): Promise<unknown> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`a process of the bench ended with ${code}`);
  });
  const [message] = await Promise.race([once(child, 'message'), ended]);
  return message;
}

type Live = { tasks: { live: { partitions: { position: number }[] } | null }[] };

/**
 * Millions of events a second of so many engines together, from when each has its tasks until the
 * first of them has nothing left.
 */
export async function withBroker(
  bootstrap: string,
  filled: Filled,
  processes: number,
): Promise<number> {
  return await withEngines(bootstrap, filled, processes, async (engines) => {
    const share = filled.partitions / processes;
    const shared = async () => {
      const all = await Promise.all(engines.map(readiness));
      return all.every((one) => runningOf(one) === share);
    };
    await eventually(shared, LONGEST_MS, LOOK_MS);
    const first = await received(engines);
    let last = first;
    for (let now = first; now.sum < filled.events; now = await received(engines)) {
      if (now.each.every((count, n) => count > last.each[n])) last = now;
      await sleep(LOOK_MS);
    }
    return (last.sum - first.sum) / (last.atMs - first.atMs) / 1_000;
  });
}

function runningOf(seen: Readiness | null): number {
  return seen?.tasks.filter(({ ready }) => ready).length ?? 0;
}

async function received(engines: readonly Engine[]) {
  const atMs = performance.now();
  const each = await Promise.all(
    engines.map(async ({ url }) => {
      const { tasks } = (await (await fetch(`${url}/readyz?verbose`)).json()) as Live;
      const positions = tasks.flatMap(({ live }) => live?.partitions ?? []);
      return positions.reduce((sum, { position }) => sum + position, 0);
    }),
  );
  return { atMs, each, sum: each.reduce((a, b) => a + b, 0) };
}
