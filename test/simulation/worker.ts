/** A thread that runs seeds, one after another, until one fails or there are no more. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Outcome } from './simulation.ts';
import { planOf, simulate } from './simulation.ts';

export type Share = { from: number; step: number; before: number; events: number };
export type Told = { seed: number } & ({ outcome: Outcome } | { failure: string });

const { from, step, before, events } = workerData as Share;
for (let seed = from; seed < before; seed += step) {
  let told: Told;
  try {
    told = { seed, outcome: await simulate(planOf(seed, events)) };
  } catch (error) {
    told = { seed, failure: error instanceof Error ? error.message : String(error) };
  }
  parentPort?.postMessage(told);
  if ('failure' in told) break;
}
