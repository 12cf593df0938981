/**
 * A process that counts its share of pre-fetched bytes each time it is told to, and says how long
 * it took. Arguments: events of all partitions, partitions, those that are its own by comma.
 */
import '../src/cli/tuning.ts';
import { cpuSeconds } from './measure.ts';
import { countTask, wireBytes } from './wire.ts';

const [events, partitions] = process.argv.slice(2, 4).map(Number);
const tasks = process.argv[4].split(',').map(Number);
const bytes = wireBytes(events, partitions, tasks);

/** `untilMs` is by the clock that all processes share. */
export type Counted = { untilMs: number; cpuSeconds: number };

process.on('message', () => {
  const before = cpuSeconds();
  for (const task of bytes) countTask(task);
  const counted: Counted = { untilMs: Date.now(), cpuSeconds: cpuSeconds() - before };
  process.send?.(counted);
});
process.send?.('ready');
