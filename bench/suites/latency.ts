/**
 * From the record that lets a window close to Redis and to a client; and Flink's, which begins at
 * another moment, so that no ratio is made of the two. Wall-clock times, for an idle machine only.
 * Each is a program of its own, which tells its load in a line with `events/s` and each way in a
 * line with its name and four percentiles.
 */
import { withoutFlink } from '../../test/support/flink-cluster.ts';
import { withoutKafka } from '../../test/support/kafka-cluster.ts';
import { start } from '../../test/support/processes.ts';
import { withoutRedis } from '../../test/support/redis-server.ts';
import { rowsOf } from '../percentiles.ts';
import type { Report } from '../report.ts';

/** What is asked of the 99th percentile, in milliseconds, by a word of the way's name. */
const ASKED = [
  { word: /redis/i, id: 'redis', most: 10 },
  { word: /stream/i, id: 'stream', most: 20 },
];

export async function latency(report: Report, isQuick: boolean): Promise<void> {
  const why = withoutKafka() || withoutRedis();
  if (why) return report.leaveOut('latency', why);
  await told(report, 'engine', 'bench/latency.ts', isQuick ? 30 : 900);
  const withoutIt = withoutFlink();
  if (withoutIt) return report.leaveOut('latency', `Flink's: ${withoutIt}`);
  await told(report, 'flink', 'bench/flink-latency.ts', isQuick ? 30 : 300);
}

/** Tells all ways of one program. */
async function told(
  report: Report,
  who: 'engine' | 'flink',
  file: string,
  closings: number,
): Promise<void> {
  const child = start(process.execPath, [file, String(closings)]);
  if ((await child.ended) !== 0) throw new Error(`${file}:\n${child.output()}`);
  const { load, rows } = rowsOf(child.output());
  if (rows.length === 0) throw new Error(`${file} told no percentiles:\n${child.output()}`);
  const name = who === 'engine' ? 'clickrate run' : "Flink's whole way";
  report.title(`Window close, ${name} (wall clock): ${load}`);
  for (const { way, p50, p90, p99, max, unseen } of rows) {
    const what = `${name}: window close, ${way}, p99`;
    const more = `p50 ${p50}, p90 ${p90}, max ${max} ms${unseen > 0 ? `; ${unseen} unseen` : ''}`;
    const asked = ASKED.find(({ word }) => word.test(way));
    const id = `latency/${who}-${asked?.id ?? way.replaceAll(/\W+/g, '-')}`;
    report.figure({ id, what, value: p99, unit: 'ms', more });
    if (who !== 'engine' || asked === undefined) continue;
    // A result that never came is later than any.
    const value = unseen > 0 ? Number.POSITIVE_INFINITY : p99;
    const bound = { most: asked.most };
    report.row({ id, against: what, value, unit: 'ms', bound, load: `${load}; ${more}` });
  }
}
