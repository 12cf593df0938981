/** History as CSV (RFC 4180) and as lines of JSON. */
import { type Counts, ctr } from '../result.ts';
import { endsOf } from './live.ts';

export type Told = Counts & { end: number; isFinal: boolean; isComplete: boolean };

const COLUMNS =
  'product_id,start,end,window_start,window_end,impressions,clicks,' +
  'ctr,ctr_low,ctr_high,few,status,complete';
/** What a spreadsheet would take for a formula. */
const FORMULA = /^[=+\-@\t\r]/;

/**
 * Rows with the names of their columns; without a product (a total) its column is empty. Fewer
 * impressions than `minSample` are few.
 */
export function csvText(
  product: string | null,
  periods: readonly Told[],
  minSample: number,
): string {
  const name = product === null ? '' : field(product);
  const lines = periods.map(({ start, end, impressions, clicks, ...told }) => {
    const ends = endsOf(impressions, clicks);
    return [
      name,
      new Date(start).toISOString(),
      new Date(end).toISOString(),
      start,
      end,
      impressions,
      clicks,
      ctr(impressions, clicks),
      ends?.low,
      ends?.high,
      impressions < minSample,
      told.isFinal ? 'final' : 'provisional',
      told.isComplete,
    ].join(',');
  });
  return `${[COLUMNS, ...lines].join('\r\n')}\r\n`;
}

function field(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
