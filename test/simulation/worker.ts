/** A process that runs seeds, one after another, until one fails or there are no more. */
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

const { from, step, before, events, bug } = JSON.parse(process.argv[2] ?? '') as Share;
if (bug !== undefined) plant(bugOf(bug));
const { planOf, simulate } = await import('./simulation.ts');
for (let seed = from; seed < before; seed += step) {
  let told: Told;
  try {
    told = { seed, outcome: await simulate(planOf(seed, events)) };
  } catch (error) {
    told = { seed, failure: error instanceof Error ? error.message : String(error) };
  }
  process.send?.(told);
  if ('failure' in told) break;
}
process.disconnect();
