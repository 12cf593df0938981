/**
 * From the record that lets a window close to Redis and to a client: ours, and Flink's. Wall-clock
 * times, for an idle machine only. Each is a program of its own; the last line of its output that
 * is JSON says what it saw.
 */
import { withoutFlink } from '../../test/support/flink-cluster.ts';
import { withoutKafka } from '../../test/support/kafka-cluster.ts';
import { start } from '../../test/support/processes.ts';
import { withoutRedis } from '../../test/support/redis-server.ts';
import type { Report } from '../report.ts';

type Delays = { id: string; what: string; p50: number; p90: number; p99: number; max: number };
type Seen = { load: string; closings: number; delays: Delays[] };

/** What is asked of the 99th percentile, in milliseconds. */
const ASKED: Record<string, number> = { redis: 10, sse: 20 };

export async function latency(report: Report, isQuick: boolean): Promise<void> {
  const why = withoutKafka() || withoutRedis();
  if (why) return report.leaveOut('latency', why);
  const closings = String(isQuick ? 30 : 300);
  await told(report, 'engine', 'clickrate run', 'bench/latency.ts', [closings, '10000']);
  const withoutIt = withoutFlink();
  if (withoutIt) return report.leaveOut('latency of Flink', withoutIt);
  await told(report, 'flink', 'Flink, its whole way', 'bench/flink-latency.ts', [closings, '1000']);
}

async function told(
  report: Report,
  key: string,
  name: string,
  file: string,
  args: readonly string[],
): Promise<void> {
  const child = start(process.execPath, [file, ...args]);
  const code = await child.ended;
  const json = child
    .output()
    .split('\n')
    .findLast((line) => line.startsWith('{"'));
  if (code !== 0 || json === undefined) throw new Error(`${file}:\n${child.output()}`);
  const { load, closings, delays } = JSON.parse(json) as Seen;
  report.title(`Window close, ${name}: ${load}`);
  for (const { id, what, p50, p90, p99, max } of delays) {
    const more = `p50 ${p50}, p90 ${p90}, max ${max} ms; ${closings} closings`;
    report.figure({
      id: `latency/${key}-${id}`,
      what: `${what}, p99`,
      value: p99,
      unit: 'ms',
      more,
    });
    const most = key === 'engine' ? ASKED[id] : undefined;
    if (most !== undefined)
      report.row(
        `latency/${id}`,
        `${what}, p99`,
        p99,
        'ms',
        { most },
        `${load}; ${closings} closings`,
      );
  }
}
