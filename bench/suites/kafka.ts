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
import { fillPair, loadOf } from '../kafka-fill.ts';
import { compileStreams, peerJars, perfTest, streams } from '../peers/java.ts';
import type { Report } from '../report.ts';
import { type Cost, interleaved, type Way } from '../slope.ts';
import { stagesApart } from '../stages.ts';
import { added, compared, type Measured, manyProducts, producer } from './kafka-rows.ts';

const PARTITIONS = 3;
/**
 * Events that the engine reads, and each peer. All begin to count where the short run ends, so that
 * each compiler has had as many events before; the slower a way is, the fewer come after.
 */
const SIZES = {
  full: {
    rounds: 5,
    inMemory: 3_000_000,
    ours: { short: 2_000_000, long: 12_000_000 },
    perfTest: { short: 2_000_000, long: 9_000_000 },
    messageStream: { short: 2_000_000, long: 5_000_000 },
    streams: { short: 2_000_000, long: 4_000_000 },
    wide: { short: 3_000_000, long: 8_000_000 },
  },
  quick: {
    rounds: 1,
    inMemory: 1_000_000,
    ours: { short: 1_000_000, long: 4_000_000 },
    perfTest: { short: 1_000_000, long: 3_000_000 },
    messageStream: { short: 1_000_000, long: 2_000_000 },
    streams: { short: 1_000_000, long: 2_000_000 },
    wide: { short: 2_000_000, long: 4_000_000 },
  },
};

type World = Measured & { cluster: KafkaTestCluster; sizes: (typeof SIZES)['full'] };

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
      key: 'engine',
      what: 'clickrate run, everything on',
      run: (length) => {
        if (length === 'long') cores.push(core(sizes.inMemory));
        return engine(bootstrap, pair[length]);
      },
    },
    {
      key: 'engine-100000',
      what: 'clickrate run, 100 000 products',
      run: (length) => engine(bootstrap, wide[length]),
    },
    {
      key: 'message-stream',
      what: 'message stream + JSON.parse + Map',
      run: (length) => messageStream(bootstrap, pair.long, sizes.messageStream[length]),
    },
    {
      key: 'perf-test',
      what: 'kafka-consumer-perf-test',
      run: (length) => perfTest(bootstrap, impressions, sizes.perfTest[length]),
    },
    {
      key: 'streams',
      what: 'Kafka Streams, exactly once (v2), one thread',
      run: async (length, round) => {
        const results = `streams-results-${process.pid}-${length}-${round}`;
        await cluster.createTopics([results], PARTITIONS);
        const topics = [impressions, clicks];
        return await streams(directory, bootstrap, topics, results, sizes.streams[length]);
      },
    },
  ];
}

/** Decode and the window loop alone, on bytes that lie where an answer of a broker does. */
function core(events: number): number {
  const { decode, apply } = stagesApart({ events, products: 1_000, ids: false });
  return decode + apply;
}
