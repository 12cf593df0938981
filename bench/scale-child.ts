/**
 * A process that counts its share of pre-fetched bytes, again and again for as long as it is told
 * to, and says how many events that were. Arguments: events of all partitions, partitions, those
 * that are its own by comma.
 */
import '../src/cli/tuning.ts';
import { countTask, wireBytes } from './wire.ts';

const [events, partitions] = process.argv.slice(2, 4).map(Number);
const tasks = process.argv[4].split(',').map(Number);
const bytes = wireBytes(events, partitions, tasks);

export type Counted = { events: number; ms: number };

function countFor(wantedMs: number): Counted {
  const beganMs = performance.now();
  const counted = { events: 0, ms: 0 };
  for (let n = 0; counted.ms < wantedMs; n++) {
    const task = bytes[n % bytes.length];
    countTask(task);
    counted.events += task.events;
    counted.ms = performance.now() - beganMs;
  }
  return counted;
}

process.on('message', (wantedMs: number) => process.send?.(countFor(wantedMs)));
process.send?.('ready');
