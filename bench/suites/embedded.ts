/** The path of an event without any server, beside `JSON.parse` and a Map on the same bytes. */
import { benchPath } from '../path.ts';
import type { Report } from '../report.ts';

const EVENTS = 1_000_000;

export async function embedded(report: Report, isQuick: boolean): Promise<void> {
  const events = isQuick ? 300_000 : EVENTS;
  const cost = new Map<string, number>();
  for (const products of [5, 1_000, 100_000]) {
    report.title(
      `In one process: ${events.toLocaleString('en')} events of 137 bytes, ${products} products, ` +
        'a million events a window',
    );
    const samples = await benchPath(events, products, isQuick ? 2 : 5);
    for (const { key, name, cpuPerMillion: value } of samples) {
      cost.set(`${key} ${products}`, value);
      const unit = 'CPU s/M';
      report.figure({ id: `embedded/${key}/${products}`, what: name, value, unit });
    }
    const of = (key: string) => cost.get(`${key} ${products}`) as number;
    const times = (key: string) => Math.min(of('nested'), of('text')) / of(key);
    if (products > 1_000) continue;
    const against = 'the better Map';
    report.ratio(`embedded/core-${products}`, `${against} : decode + engine`, times('core'));
    report.ratio(`embedded/scan-${products}`, `${against} : tolerant scan + engine`, times('scan'));
    report.ratio(`embedded/file-${products}`, `${against} : file → SQLite, all on`, times('file'));
  }
  const larger = (cost.get('core 1000') as number) / (cost.get('core 100000') as number);
  report.ratio('embedded/products', '1 000 products : 100 000, decode + engine', larger);
}
