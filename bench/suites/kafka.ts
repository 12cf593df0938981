/**
 * Kafka and Redis for real, on topics filled beforehand; CPU of the reading process alone. Ours has
 * everything on: fence, ledger, checkpoint each second, Redis, API. Beside it what one would use
 * instead, on the same topics.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type KafkaTestCluster,
  startKafka,
  withoutKafka,
} from '../../test/support/kafka-cluster.ts';
import { withoutRedis } from '../../test/support/redis-server.ts';
import { EVENTS_PER_WINDOW } from '../event-files.ts';
import { engine, messageStream } from '../kafka.ts';
import { fillPair, loadOf, type Pair } from '../kafka-fill.ts';
import { median } from '../measure.ts';
import { compileStreams, peerJars, perfTest, streams } from '../peers/java.ts';
import type { Report } from '../report.ts';
import { type Cost, interleaved, timesOf, type Way } from '../slope.ts';
import { stagesApart } from '../stages.ts';

const PARTITIONS = 3;
/**
 * Events that the engine reads, and each peer. All begin to count where the short run ends, so that
 * each compiler has had as many events before; the slower a way is, the fewer come after.
 */
const SIZES = {
  full: {
    ...{ rounds: 5, inMemory: 3_000_000 },
    ours: { short: 2_000_000, long: 12_000_000 },
    perfTest: { short: 2_000_000, long: 9_000_000 },
    messageStream: { short: 2_000_000, long: 5_000_000 },
    streams: { short: 2_000_000, long: 4_000_000 },
    wide: { short: 3_000_000, long: 8_000_000 },
  },
  quick: {
    ...{ rounds: 1, inMemory: 1_000_000 },
    ours: { short: 1_000_000, long: 4_000_000 },
    perfTest: { short: 1_000_000, long: 3_000_000 },
    messageStream: { short: 1_000_000, long: 2_000_000 },
    streams: { short: 1_000_000, long: 2_000_000 },
    wide: { short: 2_000_000, long: 4_000_000 },
  },
};

type Sizes = (typeof SIZES)['full'];
/** Topics of 1 000 products, and of 100 000. */
type Topics = { pair: Pair; wide: Pair };
type World = Topics & { report: Report; cluster: KafkaTestCluster; sizes: Sizes };
type CostOf = (key: string) => Cost;

export async function kafka(report: Report, isQuick: boolean): Promise<void> {
  const why = withoutKafka() || withoutRedis() || withoutPeers();
  if (why) return report.leaveOut('kafka', why);
  const sizes = isQuick ? SIZES.quick : SIZES.full;
  const cluster = await startKafka({ brokers: 1 });
  const traffic = { partitions: PARTITIONS, eventsPerWindow: EVENTS_PER_WINDOW };
  try {
    const pair = await fillPair(cluster.bootstrap, { ...traffic, products: 1_000 }, sizes.ours);
    const wide = await fillPair(cluster.bootstrap, { ...traffic, products: 100_000 }, sizes.wide);
    await besidePeers({ report, cluster, sizes, pair, wide });
  } finally {
    await cluster.stop();
  }
}

function withoutPeers(): string | false {
  try {
    peerJars();
    return false;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The engine and its peers in turn. */
async function besidePeers(world: World): Promise<void> {
  const { report, sizes, pair } = world;
  report.title(
    `Kafka: ${loadOf(pair.long, sizes.ours.short, sizes.ours.long)}, uncompressed, one broker; ` +
      'the difference between both lengths',
  );
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-bench-'));
  try {
    compileStreams(directory);
    const cores: number[] = [];
    const ways = waysOf(world, directory, cores);
    const costs = await interleaved(ways, sizes.rounds);
    const cost = (key: string) => costs.get(key) as Cost;
    for (const { key, what } of ways) report.cost(`kafka/${key}`, what, cost(key));
    compared(world, cost);
    added(world, cost('engine'), cores);
    manyProducts(world, cost);
    producer(world, cost);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** @param cores takes what decode and engine alone cost, in turn with the others */
function waysOf(world: World, directory: string, cores: number[]): Way[] {
  const { cluster, sizes, pair, wide } = world;
  const { bootstrap } = cluster;
  const { impressions, clicks } = pair.long;
  return [
    {
      ...{ key: 'engine', what: 'clickrate run, everything on' },
      run: (length) => {
        if (length === 'long') cores.push(core(sizes.inMemory));
        return engine(bootstrap, pair[length]);
      },
    },
    {
      ...{ key: 'engine-100000', what: 'clickrate run, 100 000 products' },
      run: (length) => engine(bootstrap, wide[length]),
    },
    {
      ...{ key: 'message-stream', what: 'message stream + JSON.parse + Map' },
      run: (length) => messageStream(bootstrap, pair.long, sizes.messageStream[length]),
    },
    {
      ...{ key: 'perf-test', what: 'kafka-consumer-perf-test' },
      run: (length) => perfTest(bootstrap, impressions, sizes.perfTest[length]),
    },
    {
      ...{ key: 'streams', what: 'Kafka Streams, exactly once (v2), one thread' },
      run: async (length, round) => {
        const results = `streams-results-${process.pid}-${length}-${round}`;
        await cluster.createTopics([results], PARTITIONS);
        const topics = [impressions, clicks];
        return await streams(directory, bootstrap, topics, results, sizes.streams[length]);
      },
    },
  ];
}

/** Ratios with and without starts, and the rows that are asked for. */
function compared({ report, sizes, pair }: World, cost: CostOf): void {
  const ours = cost('engine');
  const row = (
    key: 'message-stream' | 'perf-test' | 'streams',
    against: string,
    least: number,
    { short, long }: { short: number; long: number },
  ) => {
    const { value, rounds } = timesOf(cost(key), ours);
    const whole = cost(key).wholePerMillion / ours.wholePerMillion;
    report.ratio(`kafka/${key}`, `${against} : ours`, value);
    report.ratio(`kafka/${key}-whole`, '… starts included', whole);
    const own = `${sizes.ours.short / 1e6} and ${sizes.ours.long / 1e6} M`;
    const load = `${loadOf(pair.long, short, long)} (ours: ${own})`;
    const bound = { least };
    report.row({ id: `kafka/${key}`, against, value, rounds, unit: '× less CPU', bound, load });
    return load;
  };
  row(
    'message-stream',
    "the client library's message stream + JSON.parse + Map",
    25,
    sizes.messageStream,
  );
  const load = row('streams', 'Kafka Streams, exactly once v2', 20, sizes.streams);
  row('perf-test', 'kafka-consumer-perf-test, which only reads', 3, sizes.perfTest);
  const memory = cost('streams').peakMb / ours.peakMb;
  report.ratio('kafka/streams-memory', 'Kafka Streams, peak memory : ours', memory);
  report.row({
    ...{ id: 'kafka/streams-memory', against: 'Kafka Streams, peak memory' },
    ...{ value: memory, unit: '× less memory', bound: { least: 3 }, load },
  });
  report.row({
    ...{ id: 'kafka/memory', against: 'peak memory, 1 000 products' },
    ...{ value: ours.peakMb, unit: 'MB', bound: { most: 160 }, rounds: peaksOf(ours) },
    load: loadOf(pair.long, sizes.ours.short, sizes.ours.long),
  });
}

function peaksOf({ short, long }: Cost): number[] {
  return [...short, ...long].map(({ peakMb }) => peakMb);
}

/** Decode and the window loop alone, on bytes that lie where an answer of a broker does. */
function core(events: number): number {
  const { decode, apply } = stagesApart({ events, products: 1_000, ids: false });
  return decode + apply;
}

/** What everything around decode and window loop costs: fetch, CRC, commit, publish, API. */
function added({ report, sizes, pair }: World, ours: Cost, cores: readonly number[]): void {
  const value = median(cores);
  const what = 'decode + window loop on the same events in memory';
  report.figure({ id: 'kafka/core', what, value, unit: 'CPU s/M', samples: cores });
  report.row({
    id: 'kafka/added',
    against: 'beside decode + window loop in memory: fetch, CRC, commit, publish, API',
    ...{ value: ours.perMillion - value, unit: 'CPU s/M', bound: { most: 0.1 } },
    rounds: ours.rounds.map((cost, n) => cost - cores[n]),
    load: loadOf(pair.long, sizes.ours.short, sizes.ours.long),
  });
  const ratio = value / ours.perMillion;
  report.ratio('kafka/core', 'decode + window loop in memory : clickrate run', ratio);
}

function producer({ report, pair: { long } }: World, cost: CostOf): void {
  const ratio = cost('message-stream').perMillion / long.cpuPerMillion;
  report.ratio('kafka/produce', 'message stream : produce --rate max', ratio);
  report.row({
    id: 'kafka/produce',
    against: 'produce --rate max, for each CPU second of the sending process',
    ...{ value: 1 / long.cpuPerMillion, unit: 'M events', bound: { least: 2 } },
    load: loadOf(long, long.events),
  });
}

/** After the short run every product is known: what is left is the steady cost. */
function manyProducts({ report, sizes, wide }: World, cost: CostOf): void {
  const [few, many] = [cost('engine'), cost('engine-100000')];
  report.ratio('kafka/products', '1 000 products : 100 000', few.perMillion / many.perMillion);
  const load = loadOf(wide.long, sizes.wide.short, sizes.wide.long);
  report.row({
    ...{ id: 'kafka/products', against: '100 000 products against 1 000', ...timesOf(many, few) },
    ...{ unit: '× the CPU', bound: { most: 2.5 }, load },
  });
  const memory = few.peakMb / many.peakMb;
  report.ratio('kafka/products-memory', 'peak memory, 1 000 products : 100 000', memory);
  report.row({
    ...{ id: 'kafka/memory-100000', against: 'peak memory, 100 000 products' },
    ...{ value: many.peakMb, unit: 'MB', bound: { most: 300 }, rounds: peaksOf(many), load },
  });
}
