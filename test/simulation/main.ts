import { planOf } from './simulation.ts';

const [from, n, events] = process.argv.slice(2).map(Number);
const t = performance.now();
let h = 0;

import { Simulation } from './simulation.ts';

async function run(seed: number) {
  const s = new Simulation(planOf(seed, events ?? 5000), true);
  try {
    return await s.run();
  } catch (e) {
    if (n === 1) console.log(s.outcome.story.join('\n'), e);
    throw e;
  }
}

for (let seed = from!; seed < from! + n!; seed++) {
  try {
    const o = await run(seed);
    h += o.happenings;
    if (n === 1) console.log(o.story.join('\n'), o);
  } catch (e) {
    console.log('seed', seed, e);
    if (n === 1) {
      process.exit(1);
    }
  }
}
console.log((performance.now() - t) / n!, 'ms a seed', h / n!);
