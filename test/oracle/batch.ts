/**
 * A batch computation of the rates of a file, sharing nothing with the project: a hash map and a
 * sort. `node test/oracle/batch.ts FILE [--csv time=COL,product=COL,clicked=COL]`
 */
import { readFileSync } from 'node:fs';

const [file, flag, mapping] = process.argv.slice(2);
const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
const cells = new Map<
  string,
  { product: string; start: number; impressions: number; clicks: number }
>();

function count(product: string, ms: number, isClick: boolean): void {
  const start = Math.floor(ms / 10_000) * 10_000;
  const key = `${start}\n${product}`;
  const cell = cells.get(key) ?? { product, start, impressions: 0, clicks: 0 };
  if (isClick) cell.clicks += 1;
  else cell.impressions += 1;
  cells.set(key, cell);
}

if (flag === '--csv') {
  const columns = Object.fromEntries(mapping.split(',').map((pair) => pair.split('=')));
  const header = lines[0].split(',');
  const [time, product, clicked] = ['time', 'product', 'clicked'].map((key) =>
    header.indexOf(columns[key]),
  );
  for (const line of lines.slice(1)) {
    const row = line.split(',');
    // Microseconds are cut off to milliseconds, as JavaScript's own dates have them.
    const ms = Date.parse(row[time].replace(' ', 'T').replace(/(\.\d{3})\d+/, '$1'));
    count(row[product], ms, false);
    if (row[clicked] === '1') count(row[product], ms, true);
  }
} else {
  for (const line of lines) {
    const event = JSON.parse(line);
    count(event.product_id, event.timestamp, event.event_type === 'click');
  }
}

function rate(impressions: number, clicks: number): number {
  if (impressions === 0) return 0;
  const half = BigInt(impressions);
  return Number((20_000n * BigInt(clicks) + half) / (2n * half)) / 10_000;
}

const sorted = [...cells.values()].sort(
  (a, b) => a.start - b.start || Buffer.compare(Buffer.from(a.product), Buffer.from(b.product)),
);
for (const { product, start, impressions, clicks } of sorted) {
  const ctr = rate(impressions, clicks);
  const result = {
    product_id: product,
    ctr,
    impressions,
    clicks,
    window_start: start,
    window_end: start + 10_000,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
