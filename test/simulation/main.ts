/**
 * `npm run simulate -- --seeds N --seed S`: runs N seeds from S on; the first one that fails is
 * made as small as it can be and its story told. One seed alone is told whole.
 */
import { argumentsOf, misused } from '../../scripts/arguments.ts';
import { hunt, reportOf } from './hunt.ts';
import { failing, shrink, storyOf } from './shrink.ts';
import { planOf, Simulation } from './simulation.ts';

const HELP = `npm run simulate -- [options]

  --seeds N    how many seeds (1, which is told whole)
  --seed S     the first of them (1)
  --events N   events of each (5000)`;

const known = {
  seeds: { type: 'string', default: '1' },
  seed: { type: 'string', default: '1' },
  events: { type: 'string', default: '5000' },
} as const;
const { values } = argumentsOf({ options: known }, HELP);
const [seeds, from, events] = [values.seeds, values.seed, values.events].map(Number);
if (![seeds, from, events].every((value) => Number.isSafeInteger(value) && value >= 0))
  misused('seeds, seed and events are whole numbers', HELP);

if (seeds === 1) await tellOne();
else await tellMany();

async function tellOne(): Promise<void> {
  const simulation = new Simulation(planOf(from, events), true);
  try {
    const outcome = await simulation.run();
    process.stdout.write(`${outcome.story.join('\n')}\nseed ${from} holds\n`);
  } catch {
    await tellFailure(from);
  }
}

async function tellMany(): Promise<void> {
  const bag = await hunt({ from, seeds, events });
  process.stdout.write(`${reportOf(bag, events)}\n`);
  for (const { seed, failure } of bag.failures)
    process.stdout.write(`seed ${seed} fails: ${failure.split('\n')[0]}\n`);
  if (bag.failures[0] !== undefined) await tellFailure(bag.failures[0].seed);
}

async function tellFailure(seed: number): Promise<void> {
  process.exitCode = 1;
  const found = await failing(planOf(seed, events));
  if (found === null) process.stdout.write(`seed ${seed} fails only after others\n`);
  else process.stdout.write(`${storyOf(await shrink(found))}\n`);
}
