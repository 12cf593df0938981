/**
 * Reading a filled pair of topics: CPU time of the reading process alone, from its launch until
 * everything is read. The engine runs with everything on; the peer is the same client library's
 * message stream with `JSON.parse` and a Map.
 */
import { type Engine, startEngine } from '../test/kafka/engines.ts';
import { eventually, outputOf, startNode } from '../test/support/processes.ts';
import { startRedis } from '../test/support/redis-server.ts';
import type { Filled } from './kafka-fill.ts';
import { cpuSecondsOf, MAIN, sleep } from './measure.ts';
import { peakMbOf } from './peak.ts';
import type { Run } from './slope.ts';

const LONGEST_MS = 300_000;
const LOOK_MS = 100;
/** Until the last windows are closed and written, behind the last event. */
const CLOSING_MS = 2_000;

type Ledger = { total: { received: number; balanced: boolean; verdicts: { counted: number } } };

let groups = 0;

/** One `clickrate run` over everything, into a Redis of its own. */
export async function engine(bootstrap: string, filled: Filled): Promise<Run> {
  return await withEngines(bootstrap, filled, 1, async ([one]) => {
    const pid = one.process.pid as number;
    await eventually(
      async () => (await ledgerOf(one)).received >= filled.events,
      LONGEST_MS,
      LOOK_MS,
    );
    await sleep(CLOSING_MS);
    const cpuSeconds = cpuSecondsOf(pid);
    const { received, balanced, verdicts } = await ledgerOf(one);
    if (received !== filled.events || !balanced || verdicts.counted !== filled.events)
      throw new Error(`of ${filled.events} events ${JSON.stringify(verdicts)} came to be counted`);
    return { events: filled.events, cpuSeconds, peakMb: peakMbOf(pid) };
  });
}

/** What is committed. */
async function ledgerOf({ url }: Engine): Promise<Ledger['total']> {
  return ((await (await fetch(`${url}/v1/ledger`)).json()) as Ledger).total;
}

/** So many engines of one group, with a Redis of their own; ended behind `body`. */
export async function withEngines<T>(
  bootstrap: string,
  { impressions, clicks }: Pick<Filled, 'impressions' | 'clicks'>,
  count: number,
  body: (engines: readonly Engine[]) => Promise<T>,
): Promise<T> {
  const closers: (() => unknown)[] = [];
  const redis = await startRedis({ after: (fn) => closers.push(fn) }, { aof: 'everysec' });
  const group = `bench-${process.pid}-${groups++}`;
  const options = { bootstrap, redis: redis.url, impressions, clicks, group, file: MAIN };
  try {
    const engines = await Promise.all(Array.from({ length: count }, () => startEngine(options)));
    for (const engine of engines) closers.push(() => engine.kill('SIGTERM'));
    return await body(engines);
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

/** The peer, over the first `events`. */
export async function messageStream(
  bootstrap: string,
  { impressions, clicks }: Filled,
  events: number,
): Promise<Run> {
  const args = [bootstrap, `${impressions},${clicks}`, String(events)];
  const child = startNode('bench/peers/message-stream.ts', args);
  const [line] = await outputOf(child, /\{"read".*\}/, LONGEST_MS);
  await child.ended;
  return { events, ...(JSON.parse(line) as Omit<Run, 'events'>) };
}
