/** Whether late events may still change a window. */
import type { Step } from './steps.ts';
import type { Freshness, Live } from './types.ts';

/** It is where it came as final, and where time has passed it since, as the stream tells. */
export function isFinal(window: Live | null, finalBefore: number | null): boolean {
  if (window === null) return false;
  return window.status === 'final' || (finalBefore !== null && window.window_start < finalBefore);
}

/**
 * Before when time alone makes final what is shown in a step. Only windows are kept up to date by
 * the stream: periods of other steps stay as they were asked for, counts and status together.
 */
export function finalBeforeOf(step: Step, freshness: Freshness | null): number | null {
  return step === 'window' ? (freshness?.final_before ?? null) : null;
}
