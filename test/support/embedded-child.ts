/**
 * The embedded size as a process that a test may kill: `node embedded-child.ts '<json>'` prints its
 * URL as a line of JSON and runs until SIGTERM, or kills itself at the n-th time a step begins.
 */

import { startEmbedded } from '../../src/cli/embedded.ts';
import { createLogger } from '../../src/cli/logger.ts';
import { LIMITS, settingsWith } from '../../src/config.ts';

type Job = {
  data: string;
  port?: number;
  settings?: Parameters<typeof settingsWith>[0];
  limits?: Partial<typeof LIMITS>;
  killAt?: { step: number; count: number };
};

const job = JSON.parse(process.argv[2] ?? '{}') as Job;
let times = 0;

const embedded = await startEmbedded({
  options: { host: '127.0.0.1', port: job.port ?? 0, data: job.data },
  settings: settingsWith(job.settings ?? {}),
  limits: { ...LIMITS, ...job.limits },
  log: createLogger({
    logLevel: process.env.CHILD_LOG === 'info' ? 'info' : 'error',
    logFormat: 'text',
  }),
  onStep: (step) => {
    if (step !== job.killAt?.step) return;
    times++;
    if (times >= job.killAt.count) process.kill(process.pid, 'SIGKILL');
  },
});
process.stdout.write(`${JSON.stringify({ url: embedded.url })}\n`);
process.once('SIGTERM', () => {
  void embedded.stop().then(() => process.exit(0));
});
await embedded.finished;
