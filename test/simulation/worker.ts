/** A thread that runs seeds, one after another, until one fails or there are no more. */
import { parentPort, workerData } from 'node:worker_threads';
import { bugOf, plant } from './planted/plant.ts';
import type { Outcome } from './simulation.ts';

export type Share = {
  from: number;
  step: number;
  before: number;
  events: number;
  /** Name of a bug to plant first. */
  bug?: string;
};
export type Told = { seed: number } & ({ outcome: Outcome } | { failure: string });

const { from, step, before, events, bug } = workerData as Share;
if (bug !== undefined) plant(bugOf(bug));
const { planOf, simulate } = await import('./simulation.ts');
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
