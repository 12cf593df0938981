/** Runs many seeds on every core, and adds up what befell them. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { FaultKind } from './faults.ts';
import type { Share, Told } from './worker.ts';

export type Hunt = { from: number; seeds: number; events: number };

export type Bag = {
  seeds: number;
  happenings: number;
  commits: number;
  simulatedMs: number;
  faults: Map<FaultKind, number>;
  /** The first failing seed of each process. */
  failures: { seed: number; failure: string }[];
};

/** Each process stops at its first failure. */
export async function hunt({ from, seeds, events }: Hunt): Promise<Bag> {
  const bag: Bag = {
    seeds: 0,
    happenings: 0,
    commits: 0,
    simulatedMs: 0,
    faults: new Map(),
    failures: [],
  };
  const processes = Math.min(availableParallelism(), seeds);
  await Promise.all(
    Array.from({ length: processes }, (_, n) =>
      inProcess({ from: from + n, step: processes, before: from + seeds, events }, (told) =>
        add(bag, told),
      ),
    ),
  );
  bag.failures.sort((a, b) => a.seed - b.seed);
  return bag;
}

/** Runs a share of seeds in a process of its own. */
export async function inProcess(share: Share, onTold: (told: Told) => void): Promise<void> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const worker = fileURLToPath(new URL('./worker.ts', import.meta.url));
  const child = fork(worker, [JSON.stringify(share)], { serialization: 'advanced', env });
  child.on('message', (told: Told) => onTold(told));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`seeds from ${share.from} on: their process ended with ${code}`);
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
