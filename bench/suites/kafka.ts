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
    rounds: 5,
    ours: { short: 2_000_000, long: 12_000_000 },
    perfTest: { short: 1_000_000, long: 9_000_000 },
    messageStream: { short: 1_000_000, long: 6_000_000 },
    streams: { short: 1_000_000, long: 4_000_000 },
    wide: { short: 3_000_000, long: 8_000_000 },
  },
  quick: {
    rounds: 1,
    ours: { short: 1_000_000, long: 4_000_000 },
    perfTest: { short: 500_000, long: 3_000_000 },
    messageStream: { short: 500_000, long: 1_500_000 },
    streams: { short: 500_000, long: 1_500_000 },
    wide: { short: 2_000_000, long: 4_000_000 },
  },
};

type Sizes = (typeof SIZES)['full'];
type World = { report: Report; cluster: KafkaTestCluster; sizes: Sizes };

export async function kafka(report: Report, isQuick: boolean): Promise<void> {
  const why = withoutKafka() || withoutRedis() || withoutPeers();
  if (why) return report.leaveOut('kafka', why);
  const sizes = isQuick ? SIZES.quick : SIZES.full;
  const cluster = await startKafka({ brokers: 1 });
  const traffic = { partitions: PARTITIONS, eventsPerWindow: EVENTS_PER_WINDOW };
  try {
    const world = { report, cluster, sizes };
    const pair = await fillPair(cluster.bootstrap, { ...traffic, products: 1_000 }, sizes.ours);
    producer(report, pair);
    const ours = await besidePeers(world, pair);
    added(world, ours, loadOf(pair.long, sizes.ours.short, sizes.ours.long));
    const wide = await fillPair(cluster.bootstrap, { ...traffic, products: 100_000 }, sizes.wide);
    await manyProducts(world, pair, wide);
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

/** The engine and its peers in turn; answers what the engine costs. */
async function besidePeers(world: World, pair: Pair): Promise<Cost> {
  const { report, sizes } = world;
  report.title(
    `Kafka: ${loadOf(pair.long, sizes.ours.short, sizes.ours.long)}, uncompressed, one broker; ` +
      `the difference between both lengths, medians of ${sizes.rounds}`,
  );
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-bench-'));
  try {
    compileStreams(directory);
    const ways = waysOf(world, pair, directory);
    const costs = await interleaved(ways, sizes.rounds);
    for (const { key, what } of ways) report.cost(`kafka/${key}`, what, costs.get(key) as Cost);
    const cost = (key: string) => costs.get(key) as Cost;
    compared(world, pair, cost);
    return cost('engine');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function waysOf({ cluster, sizes }: World, pair: Pair, directory: string): Way[] {
  const { bootstrap } = cluster;
  const { impressions, clicks } = pair.long;
  return [
    {
      ...{ key: 'engine', what: 'clickrate run, everything on' },
      run: (length) => engine(bootstrap, pair[length]),
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
function compared({ report, sizes }: World, pair: Pair, cost: (key: string) => Cost): void {
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
    const load = `${loadOf(pair.long, short, long)} (ours: ${sizes.ours.short / 1e6} and ${sizes.ours.long / 1e6} M)`;
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
function added({ report, sizes }: World, ours: Cost, load: string): void {
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

function producer(report: Report, { long: { cpuPerMillion } }: Pair): void {
  const what = 'produce --rate max, the sending process';
  const more = `${(1 / cpuPerMillion).toFixed(2)} M events a CPU second`;
  report.figure({ id: 'kafka/produce', what, value: cpuPerMillion, unit: 'CPU s/M', more });
}

/** Behind the short run every product is known: what is left is the steady cost. */
async function manyProducts({ report, cluster, sizes }: World, pair: Pair, wide: Pair) {
  const { bootstrap } = cluster;
  const costs = await interleaved(
    [
      {
        ...{ key: 'engine-1000', what: 'clickrate run, 1 000 products' },
        run: (length) => engine(bootstrap, pair[length]),
      },
      {
        ...{ key: 'engine-100000', what: 'clickrate run, 100 000 products' },
        run: (length) => engine(bootstrap, wide[length]),
      },
    ],
    sizes.rounds,
  );
  const [few, many] = [costs.get('engine-1000') as Cost, costs.get('engine-100000') as Cost];
  report.cost('kafka/engine-100000', 'clickrate run, 100 000 products', many);
  report.ratio('kafka/products', '1 000 products : 100 000', few.perMillion / many.perMillion);
  const load = `${loadOf(wide.long, sizes.wide.short, sizes.wide.long)}; the difference between both, so that no product is met for the first time`;
  const times = many.perMillion / few.perMillion;
  const against = '100 000 products against 1 000';
  report.row('kafka/products', against, times, '× the CPU', { most: 2.5 }, load);
  const memory = 'peak memory, 100 000 products';
  report.row('kafka/memory-100000', memory, many.peakMb, 'MB', { most: 300 }, load);
}
