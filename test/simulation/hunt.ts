/** Runs many seeds on every core, and adds up what befell them. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { FaultKind } from './faults.ts';
import type { Share, Told } from './worker.ts';

export type Hunt = { from: number; seeds: number; events: number };

export type Bag = {
  seeds: number;
  happenings: number;
  commits: number;
  simulatedMs: number;
  faults: Map<FaultKind, number>;
  /** The first failing seed of each thread. */
  failures: { seed: number; failure: string }[];
};

/** Each thread stops at its first failure. */
export async function hunt({ from, seeds, events }: Hunt): Promise<Bag> {
  const bag: Bag = {
    ...{ seeds: 0, happenings: 0, commits: 0, simulatedMs: 0 },
    ...{ faults: new Map(), failures: [] },
  };
  const threads = Math.min(availableParallelism(), seeds);
  await Promise.all(
    Array.from({ length: threads }, (_, n) =>
      thread({ from: from + n, step: threads, before: from + seeds, events }, bag),
    ),
  );
  bag.failures.sort((a, b) => a.seed - b.seed);
  return bag;
}

function thread(share: Share, bag: Bag): Promise<void> {
  return inThread(share, (told) => add(bag, told));
}

/** Runs a share of seeds in a thread of its own. */
export function inThread(share: Share, onTold: (told: Told) => void): Promise<void> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: share });
  worker.on('message', onTold);
  return new Promise((resolve, reject) => {
    worker.on('error', reject);
    worker.on('exit', () => resolve());
  });
}

function add(bag: Bag, told: Told): void {
  bag.seeds++;
  if ('failure' in told) {
    bag.failures.push(told);
    return;
  }
  const { happenings, commits, simulatedMs, faults } = told.outcome;
  bag.happenings += happenings;
  bag.commits += commits;
  bag.simulatedMs += simulatedMs;
  for (const [kind, times] of faults) bag.faults.set(kind, (bag.faults.get(kind) ?? 0) + times);
}

/** What a hunt saw, in lines for a person. */
export function reportOf(bag: Bag, events: number): string {
  const { seeds, happenings, commits, simulatedMs } = bag;
  const faults = [...bag.faults].sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    `${seeds} seeds of ${events} events: ${happenings} happenings, ${commits} commits, ` +
      `${(simulatedMs / 3_600_000).toFixed(1)} simulated hours`,
    ...faults.map(([kind, times]) => `  ${kind}: ${times}`),
  ].join('\n');
}
