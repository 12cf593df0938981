/**
 * The Kafka size as a process that a test may kill: `node kafka-child.ts run <flags>` as the command
 * line, but it kills itself where `KILL_AT=step:count` says.
 */

import { startKafkaSize } from '../../src/cli/kafka-size.ts';
import { createLogger } from '../../src/cli/logger.ts';
import { configure } from '../../src/cli/options.ts';
import { untilStopped } from '../../src/cli/running.ts';
import { LIMITS } from '../../src/config.ts';

const [step, count] = (process.env.KILL_AT ?? '0:0').split(':').map(Number);
let times = 0;

const flags: Record<string, string> = {};
const args = process.argv.slice(3);
for (let n = 0; n < args.length; n += 2) {
  const name = args[n].slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  flags[name] = args[n + 1];
}
const { options, settings } = configure(flags, {}, undefined);
const log = createLogger(options);
const running = await startKafkaSize({
  options,
  settings,
  limits: LIMITS,
  log,
  resetWindows: false,
  onStep: (at) => {
    if (at !== step) return;
    times++;
    if (times === count) process.kill(process.pid, 'SIGKILL');
  },
});
await untilStopped(running, log);
