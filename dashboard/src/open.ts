/** Running counts of windows that have not closed. */
import type { Counts } from './statistics.ts';
import type { Live, Open, OpenWindow } from './types.ts';

/**
 * The open windows of a product, where it is among the most active: the one of now and, until it
 * closes, the one that has just ended. What was published meanwhile is `latest`, and open no more.
 */
export function openOf(
  open: Open | null,
  product: string,
  latest: Live | null,
  windowMs: number,
): OpenWindow[] {
  const after = latest?.window_start ?? -Infinity;
  return (open?.products ?? [])
    .filter(({ product_id: id, window_start: start }) => id === product && start > after)
    .map(({ window_start, impressions, clicks }) => ({
      window_start,
      window_end: window_start + windowMs,
      impressions,
      clicks,
    }))
    .sort((a, b) => a.window_start - b.window_start);
}

/** What all of them have counted; null: there is none. */
export function sumOf(windows: readonly OpenWindow[]): Counts | null {
  if (windows.length === 0) return null;
  const impressions = windows.reduce((sum, window) => sum + window.impressions, 0);
  const clicks = windows.reduce((sum, window) => sum + window.clicks, 0);
  return { impressions, clicks };
}
