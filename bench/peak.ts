/** How much memory processes held. */
import { readFileSync } from 'node:fs';

/**
 * The most memory a process held so far. Not `maxRSS` of `resourceUsage`: that is at least what its
 * parent held when it was forked.
 */
export function peakMbOf(pid: number): number {
  const [, kb] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kb) / 1_024;
}
