/** Imported ahead of a program: what the process took from its launch to its end. */
import { writeSync } from 'node:fs';
import { peakMbOf } from './peak.ts';

process.once('exit', () => {
  const { user, system } = process.cpuUsage();
  const cpuSeconds = (user + system) / 1e6;
  writeSync(2, `${JSON.stringify({ cpuSeconds, peakMb: peakMbOf(process.pid) })}\n`);
});
