/**
 * What reading a filled pair of topics costs: CPU seconds per million events of the reading process
 * alone, from the first record to the last, so that no start is counted. The engine runs with
 * everything on; the peer is the same client library's message stream with `JSON.parse` and a Map.
 */
import { eventually, outputOf, startNode } from '../test/support/processes.ts';
import { startRedis } from '../test/support/redis-server.ts';
import type { Filled } from './kafka-fill.ts';
import { cpuSecondsOf, peakMbOf } from './measure.ts';

export type ReadSample = {
  cpuPerMillion: number;
  peakMb: number;
  /** Behind the first quarter of the events, when the code has been compiled. */
  steadyPerMillion?: number;
};

const LONGEST_MS = 300_000;
const LOOK_MS = 100;

type Ledger = { total: { received: number } };

/** One `clickrate run` over everything, into a Redis of its own. */
export async function engine(bootstrap: string, filled: Filled): Promise<ReadSample> {
  const closers: (() => unknown)[] = [];
  const redis = await startRedis({ after: (fn) => closers.push(fn) }, { aof: 'everysec' });
  const { impressions, clicks, records } = filled;
  const flags = {
    ...{ '--source': 'kafka', '--store': 'redis', '--port': '0' },
    ...{ '--brokers': bootstrap, '--redis': redis.url, '--group': `bench-${Date.now()}` },
    ...{ '--impressions-topic': impressions, '--clicks-topic': clicks, '--rejected-topic': '' },
  };
  const child = startNode('src/cli/main.ts', ['run', ...Object.entries(flags).flat()]);
  try {
    const pid = child.process.pid as number;
    const [, url] = await outputOf(child, /open (http:\/\/[\d.:]+)/);
    await outputOf(child, /task claimed/);
    const before = cpuSecondsOf(pid);
    let quarter: { cpu: number; received: number } | null = null;
    await eventually(
      async () => {
        const ledger = (await (await fetch(`${url}/v1/ledger`)).json()) as Ledger;
        const { received } = ledger.total;
        if (received >= records / 4) quarter ??= { cpu: cpuSecondsOf(pid), received };
        return received >= records;
      },
      LONGEST_MS,
      LOOK_MS,
    );
    const after = cpuSecondsOf(pid);
    const { cpu, received } = quarter as unknown as { cpu: number; received: number };
    return {
      cpuPerMillion: ((after - before) / records) * 1e6,
      peakMb: peakMbOf(pid),
      ...(received < records
        ? { steadyPerMillion: ((after - cpu) / (records - received)) * 1e6 }
        : {}),
    };
  } finally {
    await child.kill('SIGTERM');
    for (const close of closers.reverse()) await close();
  }
}

/** The peer, over the first `records`. */
export async function messageStream(
  bootstrap: string,
  { impressions, clicks }: Filled,
  records: number,
): Promise<ReadSample> {
  const args = [bootstrap, `${impressions},${clicks}`, String(records)];
  const child = startNode('bench/peers/message-stream.ts', args);
  const [line] = await outputOf(child, /\{"read".*\}/, LONGEST_MS);
  await child.ended;
  const { cpuSeconds, maxRssMb } = JSON.parse(line) as { cpuSeconds: number; maxRssMb: number };
  return { cpuPerMillion: (cpuSeconds / records) * 1e6, peakMb: maxRssMb };
}
