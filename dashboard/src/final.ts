/** Whether late events may still change a window. */
import type { Live } from './types.ts';

/** It is where it came as final, and where time has passed it since, as the stream tells. */
export function isFinal(window: Live | null, finalBefore: number | null): boolean {
  if (window === null) return false;
  return window.status === 'final' || (finalBefore !== null && window.window_start < finalBefore);
}
