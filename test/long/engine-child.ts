/** The command line as a child that says, at SIGUSR2, what it holds on to after a collection. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

process.on('SIGUSR2', () => {
  collect();
  const { heapUsed, rss, arrayBuffers } = process.memoryUsage();
  const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  process.stdout.write(`held ${JSON.stringify({ heapUsed, rss, arrayBuffers, timers })}\n`);
});

await import('../../src/cli/main.ts');
