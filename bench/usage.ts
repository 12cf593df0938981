/** Imported ahead of a program: what the process took from its launch to its end. */
import { writeSync } from 'node:fs';

process.once('exit', () => {
  const { user, system } = process.cpuUsage();
  const peakMb = process.resourceUsage().maxRSS / 1_024;
  writeSync(2, `${JSON.stringify({ cpuSeconds: (user + system) / 1e6, peakMb })}\n`);
});
