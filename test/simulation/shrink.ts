/** Makes the plan of a failing run smaller while it still fails, and tells its story. */
import type { Fault, Plan } from './faults.ts';
import { Simulation } from './simulation.ts';

export type Failing = { plan: Plan; failure: string; story: string[] };

/** Runs at most, so that a story comes within a minute. */
const MOST_RUNS = 150;

/** The run of `plan` if it fails; null when it passes. */
export async function failing(plan: Plan): Promise<Failing | null> {
  const simulation = new Simulation(plan, true);
  try {
    await simulation.run();
    return null;
  } catch (error) {
    const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { plan, failure, story: simulation.outcome.story };
  }
}

export async function shrink(first: Failing): Promise<Failing> {
  let best = first;
  let runs = 0;
  const tryPlan = async (change: Partial<Plan>): Promise<boolean> => {
    if (++runs > MOST_RUNS) return false;
    const found = await failing({ ...best.plan, ...change });
    if (found !== null) best = found;
    return found !== null;
  };
  await fewerFaults(
    () => best.plan.faults,
    (faults) => tryPlan({ faults }),
  );
  for (const engines of [1, 2, 3]) {
    const isFewer = engines < best.plan.engines;
    if (isFewer && (await tryPlan({ engines }))) break;
  }
  if (best.plan.tasks > 1) await tryPlan({ tasks: 1 });
  while (best.plan.events > 20 && (await tryPlan({ events: Math.ceil(best.plan.events / 2) })));
  await fewerFaults(
    () => best.plan.faults,
    (faults) => tryPlan({ faults }),
  );
  return best;
}

/** Leaves out parts of the list, halves first, then single faults. */
async function fewerFaults(
  current: () => Fault[],
  fails: (faults: Fault[]) => Promise<boolean>,
): Promise<void> {
  for (let size = Math.ceil(current().length / 2); size >= 1; size = Math.floor(size / 2))
    for (let at = 0; at < current().length; ) {
      const rest = current().toSpliced(at, size);
      if (!(await fails(rest))) at += size;
    }
}

/** What happened, and what was seen instead of what must be. */
export function storyOf({ plan, failure, story }: Failing): string {
  const { seed, engines, tasks, events, faults } = plan;
  const lines = story.length <= 120 ? story : ['  …', ...story.slice(-120)];
  return [
    `seed ${seed} with ${engines} engines, ${tasks} tasks, ${events} events and these faults:`,
    ...faults.map((fault) => `  ${JSON.stringify(fault)}`),
    'what happened:',
    ...lines,
    'what is wrong:',
    failure,
  ].join('\n');
}
