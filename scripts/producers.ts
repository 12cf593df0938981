/**
 * `scripts/start-producers.sh` and `stop-producers.sh` without containers: the original demo's
 * traffic in the background, as one process of the stack.
 */
import { setTimeout } from 'node:timers/promises';
import { runningOf, startServer, stopServer, untilReady } from './stack/server.ts';
import { planProducers } from './stack/services.ts';

/** What is wrong with the flags shows in this time. */
const SETTLE_MS = 1_500;

const [action, directory, ...args] = process.argv.slice(2);
const say = (sentence: string): void => void process.stderr.write(`${sentence}\n`);

async function start(): Promise<void> {
  const plan = planProducers(directory, args);
  const running = runningOf(plan);
  if (running !== null) return say(`the producers run already (pid ${running.pid})`);
  await startServer(plan);
  await setTimeout(SETTLE_MS);
  await untilReady(plan, async () => runningOf(plan) !== null);
  say(`the producers run (pid ${runningOf(plan)?.pid}; log: ${plan.directory}/producers.log)`);
}

async function stop(): Promise<void> {
  const running = runningOf(planProducers(directory, []));
  if (running === null) return say('no producers run');
  await stopServer(running);
  say('the producers are stopped');
}

const actions: Record<string, () => Promise<void>> = { start, stop };
try {
  const wanted = actions[action ?? ''];
  if (wanted === undefined || directory === undefined)
    throw new Error('use: producers.ts start|stop DIRECTORY [flags of clickrate produce]');
  await wanted();
} catch (error) {
  say(`producers: ${(error as Error).message}`);
  process.exitCode = 1;
}
