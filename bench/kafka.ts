/**
 * `npm run bench:kafka`: one broker, topics filled beforehand; CPU seconds per million events of
 * the reading process alone, from the first record to the last, so that no start is counted. The
 * engine runs with everything on: fence, ledger, checkpoint each second, Redis. The peer is the
 * same client library's message stream with `JSON.parse` and a Map.
 */
import { readFileSync } from 'node:fs';
import { startKafka, withoutKafka } from '../test/support/kafka-cluster.ts';
import { eventually, outputOf, startNode } from '../test/support/processes.ts';
import { startRedis, withoutRedis } from '../test/support/redis-server.ts';
import { type Filled, fill } from './kafka-fill.ts';
import { cpuSecondsOf, machine, median } from './measure.ts';

const EVENTS = Number(process.argv[2] ?? 3_000_000);
const RUNS = Number(process.argv[3] ?? 5);
const PARTITIONS = 3;

type Sample = { cpuPerMillion: number; maxRssMb: number };
type Closers = { after(fn: () => unknown): void };

async function engine(bootstrap: string, filled: Filled, run: number): Promise<Sample> {
  const closers: (() => unknown)[] = [];
  const t: Closers = { after: (fn) => closers.push(fn) };
  const redis = await startRedis(t, { aof: 'everysec' });
  const { impressions, clicks, records } = filled;
  const flags = {
    ...{ '--source': 'kafka', '--store': 'redis', '--port': '0' },
    ...{ '--brokers': bootstrap, '--redis': redis.url, '--group': `bench-${process.pid}-${run}` },
    ...{ '--impressions-topic': impressions, '--clicks-topic': clicks, '--rejected-topic': '' },
  };
  const args = Object.entries(flags).flat();
  const child = startNode('src/cli/main.ts', ['run', ...args]);
  try {
    const pid = child.process.pid!;
    const [, url] = await outputOf(child, /open (http:\/\/[\d.:]+)/);
    await outputOf(child, /task claimed/);
    const before = cpuSecondsOf(pid);
    await eventually(
      async () => {
        const ledger = (await (await fetch(`${url}/v1/ledger`)).json()) as Ledger;
        return ledger.total.received >= records;
      },
      120_000,
      200,
    );
    return { cpuPerMillion: ((cpuSecondsOf(pid) - before) / records) * 1e6, maxRssMb: rssOf(pid) };
  } finally {
    await child.kill('SIGTERM');
    for (const close of closers.reverse()) await close();
  }
}
type Ledger = { total: { received: number } };

function rssOf(pid: number): number {
  const [, kb] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Number(kb) / 1_024;
}

async function peer(bootstrap: string, { impressions, clicks, records }: Filled): Promise<Sample> {
  const args = [bootstrap, `${impressions},${clicks}`, String(records)];
  const child = startNode('bench/peers/message-stream.ts', args);
  const [line] = await outputOf(child, /\{"read".*\}/, 300_000);
  await child.ended;
  const { cpuSeconds, maxRssMb } = JSON.parse(line) as { cpuSeconds: number; maxRssMb: number };
  return { cpuPerMillion: (cpuSeconds / records) * 1e6, maxRssMb };
}

function row(name: string, samples: readonly Sample[]): number {
  const cpu = median(samples.map(({ cpuPerMillion }) => cpuPerMillion));
  const rss = Math.max(...samples.map(({ maxRssMb }) => maxRssMb));
  process.stdout.write(
    `${name.padEnd(56)} ${cpu.toFixed(2).padStart(8)} ${rss.toFixed(0).padStart(8)} MB\n`,
  );
  return cpu;
}

const why = withoutKafka() || withoutRedis();
if (why) throw new Error(why);
const cluster = await startKafka({ brokers: 1 });
try {
  const traffic = { events: EVENTS, partitions: PARTITIONS, products: 1_000, rate: 100_000 };
  const filled = await fill(cluster.bootstrap, traffic);
  process.stdout.write(
    `${machine()}\n${filled.records} events of 1 000 products, ${PARTITIONS} + ${PARTITIONS} ` +
      `partitions, uncompressed; median of ${RUNS}, from the first record to the last\n\n` +
      `${'CPU seconds per million events'.padEnd(56)}    CPU s        peak\n`,
  );
  const ours: Sample[] = [];
  const theirs: Sample[] = [];
  for (let run = 0; run < RUNS; run++) {
    theirs.push(await peer(cluster.bootstrap, filled));
    ours.push(await engine(cluster.bootstrap, filled, run));
  }
  const other = row('message stream + JSON.parse + Map, nothing kept', theirs);
  const engineCpu = row('clickrate run: fence, ledger, checkpoints, Redis, API', ours);
  process.stdout.write(`\n${(other / engineCpu).toFixed(1)} times less CPU\n`);
} finally {
  await cluster.stop();
}
