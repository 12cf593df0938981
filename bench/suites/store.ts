/** The stores: closings, commits, bytes of history, snapshots. */
import { withoutRedis } from '../../test/support/redis-server.ts';
import type { Report } from '../report.ts';
import { benchStore } from '../store.ts';

/** By the name of a figure in milliseconds: what it may be at most. */
const ASKED: Record<string, number> = {
  'SQLite, 100000 products: a closing': 400,
  'SQLite, 1000 products: a closing': 5,
  'Redis, 100000 products: a closing': 400,
  'Redis, 1000 products: a closing': 5,
  'Redis, 100000 products: a commit in Redis, the longest': 3,
};

export async function store(report: Report): Promise<void> {
  report.title('The stores (wall clock and CPU)');
  const why = withoutRedis();
  for (const { name, value, unit, samples = [] } of await benchStore(why === false)) {
    report.figure({ id: `store/${name} ${unit}`, what: name, value, unit, samples });
    if (unit !== 'ms' || !Object.hasOwn(ASKED, name)) continue;
    const bound = { most: ASKED[name] };
    const load = 'one right behind the other, as a task closes; Redis with its append-only file';
    report.row({ id: `store/${name}`, against: name, value, unit, bound, load, rounds: samples });
  }
  if (why) report.leaveOut('store', `Redis: ${why}`);
}
