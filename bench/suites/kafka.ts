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
import { batchesOf, EVENTS_PER_WINDOW, SHAPES, writeEvents } from '../event-files.ts';
import { engine, messageStream } from '../kafka.ts';
import { fillPair, loadOf, type Pair } from '../kafka-fill.ts';
import { median } from '../measure.ts';
import { costBehindHalf, decodeAndCount } from '../path.ts';
import { compileStreams, peerJars, perfTest, streams } from '../peers/java.ts';
import type { Report } from '../report.ts';
import { type Cost, interleaved, type Way } from '../slope.ts';

const PARTITIONS = 3;
/** Events that the engine reads, and each peer: the slower it is, the fewer. */
const SIZES = {
  full: {
    ...{ rounds: 5, slowRounds: 3 },
    ours: { short: 2_000_000, long: 12_000_000 },
    perfTest: { short: 1_000_000, long: 9_000_000 },
    messageStream: { short: 1_000_000, long: 5_000_000 },
    streams: { short: 1_000_000, long: 4_000_000 },
    wide: { short: 3_000_000, long: 8_000_000 },
  },
  quick: {
    ...{ rounds: 1, slowRounds: 1 },
    ours: { short: 1_000_000, long: 4_000_000 },
    perfTest: { short: 500_000, long: 3_000_000 },
    messageStream: { short: 500_000, long: 1_500_000 },
    streams: { short: 500_000, long: 1_500_000 },
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
    producer(report, pair);
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
    const ways = waysOf(world, directory);
    const costs = await interleaved(ways, sizes.rounds);
    const cost = (key: string) => costs.get(key) as Cost;
    for (const { key, what } of ways) report.cost(`kafka/${key}`, what, cost(key));
    compared(world, cost);
    added(world, cost('engine'));
    manyProducts(world, cost);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function waysOf({ cluster, sizes, pair, wide }: World, directory: string): Way[] {
  const { bootstrap } = cluster;
  const { impressions, clicks } = pair.long;
  return [
    {
      ...{ key: 'engine', what: 'clickrate run, everything on' },
      run: (length) => engine(bootstrap, pair[length]),
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
      rounds: sizes.slowRounds,
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
    const ratio = cost(key).perMillion / ours.perMillion;
    const whole = cost(key).wholePerMillion / ours.wholePerMillion;
    report.ratio(`kafka/${key}`, `${against} : ours`, ratio);
    report.ratio(`kafka/${key}-whole`, '… starts included', whole);
    const own = `${sizes.ours.short / 1e6} and ${sizes.ours.long / 1e6} M`;
    const load = `${loadOf(pair.long, short, long)} (ours: ${own})`;
    report.row(`kafka/${key}`, against, ratio, '× less CPU', { least }, load);
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
  report.row('kafka/streams-memory', 'Kafka Streams', memory, '× less memory', { least: 3 }, load);
  const peak = ours.peakMb;
  const ourLoad = loadOf(pair.long, sizes.ours.short, sizes.ours.long);
  report.row('kafka/memory', 'peak memory, 1 000 products', peak, 'MB', { most: 160 }, ourLoad);
}

/** What everything around decode and engine costs: fetch, CRC, commit, publish, API. */
function added({ report, sizes, pair }: World, ours: Cost): void {
  const load = loadOf(pair.long, sizes.ours.short, sizes.ours.long);
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-bench-'));
  try {
    const shape = SHAPES.find(({ key }) => key === '1000');
    if (shape === undefined) throw new Error('there is no shape of 1 000 products');
    const file = join(directory, 'events');
    writeEvents(file, shape, 2 * EVENTS_PER_WINDOW);
    const batches = batchesOf(file);
    const capacity = Math.max(...batches.map(({ count }) => count));
    const samples = Array.from({ length: sizes.rounds + 1 }, () =>
      costBehindHalf(decodeAndCount(capacity), batches),
    ).slice(1);
    const core = median(samples);
    const what = 'decode + engine on the same events in memory';
    report.figure({ id: 'kafka/core', what, value: core, unit: 'CPU s/M', samples });
    const more = ours.perMillion - core;
    const against = 'beside decode + engine in memory: fetch, CRC, commit, publish, API';
    report.row('kafka/added', against, more, 'CPU s/M', { most: 0.1 }, load);
    report.ratio('kafka/core', 'decode + engine in memory : clickrate run', core / ours.perMillion);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function producer(report: Report, { long }: Pair): void {
  const rate = 1 / long.cpuPerMillion;
  const against = 'produce --rate max, for each CPU second of the sending process';
  const load = loadOf(long, long.events);
  report.row('kafka/produce', against, rate, 'M events', { least: 2 }, load);
}

/** Behind the short run every product is known: what is left is the steady cost. */
function manyProducts({ report, sizes, wide }: World, cost: CostOf): void {
  const [few, many] = [cost('engine'), cost('engine-100000')];
  report.ratio('kafka/products', '1 000 products : 100 000', few.perMillion / many.perMillion);
  const { short, long } = sizes.wide;
  const load =
    `${loadOf(wide.long, short, long)}; the difference between both, so that no product is met ` +
    'for the first time';
  const times = many.perMillion / few.perMillion;
  const against = '100 000 products against 1 000';
  report.row('kafka/products', against, times, '× the CPU', { most: 2.5 }, load);
  const memory = 'peak memory, 100 000 products';
  report.row('kafka/memory-100000', memory, many.peakMb, 'MB', { most: 300 }, load);
}
