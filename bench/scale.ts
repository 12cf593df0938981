/** How much faster two processes are than one: with bytes in memory, and with a real broker. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Engine, readiness } from '../test/kafka/engines.ts';
import { eventually } from '../test/support/processes.ts';
import { withEngines } from './kafka.ts';
import { eventTimeMs, makeTopics, pour, type Traffic } from './kafka-fill.ts';
import type { Counted } from './scale-child.ts';

const CHILD = fileURLToPath(new URL('./scale-child.ts', import.meta.url));
/** Of a round in memory: much longer than a pass over the bytes. */
const ROUND_MS = 2_000;
const LONGEST_MS = 120_000;
const LOOK_MS = 20;

/**
 * Millions of events a second of so many processes together, each with its own partitions. All
 * count for the same time: who has more of the products than the other does not hold up the round.
 */
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
      for (const child of children) child.send(ROUND_MS);
      const counted = (await Promise.all(answers)) as Counted[];
      const rate = counted.reduce((sum, one) => sum + one.events / one.ms / 1_000, 0);
      if (round > 0) rates.push(rate);
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
 * Millions of events a second of so many engines together, round after round: they are held by a
 * signal while events are sent, and let go together, so that neither their start nor the producer
 * counts. A hold is shorter than their session in the group.
 */
export async function withBroker(
  bootstrap: string,
  traffic: Traffic,
  processes: number,
  rounds: number,
): Promise<number[]> {
  const { events, partitions, eventsPerWindow } = traffic;
  const topics = await makeTopics(bootstrap, partitions);
  return await withEngines(bootstrap, topics, processes, async (engines) => {
    await eventually(() => areShared(engines, partitions / processes), LONGEST_MS, LOOK_MS);
    const signal = (name: NodeJS.Signals) => {
      for (const { process: child } of engines) child.kill(name);
    };
    const firstMs = Date.now() - eventTimeMs(events, eventsPerWindow) * (rounds + 2);
    const rates: number[] = [];
    // One round more, in which code is compiled.
    for (let round = 0; round <= rounds; round++) {
      signal('SIGSTOP');
      const startMs = firstMs + round * eventTimeMs(events, eventsPerWindow);
      await pour(bootstrap, topics, traffic, startMs);
      const beganMs = performance.now();
      signal('SIGCONT');
      const all = (round + 1) * events;
      await eventually(async () => (await readBy(engines)) >= all, LONGEST_MS, LOOK_MS);
      if (round > 0) rates.push(events / (performance.now() - beganMs) / 1_000);
    }
    return rates;
  });
}

async function areShared(engines: readonly Engine[], share: number): Promise<boolean> {
  const seen = await Promise.all(engines.map(readiness));
  return seen.every((one) => one?.tasks.filter(({ ready }) => ready).length === share);
}

/** Records that were read, by all together. */
async function readBy(engines: readonly Engine[]): Promise<number> {
  const all = await Promise.all(
    engines.map(async ({ url }) => (await (await fetch(`${url}/readyz?verbose`)).json()) as Live),
  );
  const partitions = all
    .flatMap(({ tasks }) => tasks)
    .flatMap(({ live }) => live?.partitions ?? []);
  return partitions.reduce((sum, { position }) => sum + position, 0);
}
