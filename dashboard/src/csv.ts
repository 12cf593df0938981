/** Windows as a CSV file (RFC 4180). */
import { isFinal } from './final.ts';
import type { Live } from './types.ts';

const HEAD = [
  'product_id',
  'window_start',
  'window_start_utc',
  'window_end',
  'impressions',
  'clicks',
  'ctr',
  'ctr_low',
  'ctr_high',
  'status',
  'revisions_seen',
];

export function csvOf(windows: readonly Live[], finalBefore: number | null): string {
  const lines = windows.map((window) =>
    [
      window.product_id,
      window.window_start,
      utc(window.window_start),
      window.window_end,
      window.impressions,
      window.clicks,
      window.ctr,
      window.ctr_low,
      window.ctr_high,
      isFinal(window, finalBefore) ? 'final' : 'provisional',
      window.revisions ?? null,
    ]
      .map(cell)
      .join(','),
  );
  return [HEAD.join(','), ...lines, ''].join('\r\n');
}

function utc(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : '';
}

function cell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  // A spreadsheet would take these for a formula, and product ids come from outside.
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
