/** The stores: closings, commits, bytes of history, snapshots. */
import type { Report } from '../report.ts';
import { benchStore } from '../store.ts';

export async function store(report: Report): Promise<void> {
  report.title('The stores (wall clock and CPU)');
  for (const { name, value, unit } of await benchStore())
    report.figure({ id: `store/${name} ${unit}`, what: name, value, unit });
}
