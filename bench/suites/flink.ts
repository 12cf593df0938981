/**
 * Flink, beside the engine: its own `json` format without rejects, and this project's job, which
 * keeps the ledger. CPU time of the TaskManager from a job's submission until its last event is
 * read; the first runs of a TaskManager are those of its compiler, and are left out.
 */
import {
  type FlinkTestCluster,
  startFlink,
  withoutFlink,
} from '../../test/support/flink-cluster.ts';
import {
  type KafkaTestCluster,
  startKafka,
  withoutKafka,
} from '../../test/support/kafka-cluster.ts';
import { withoutRedis } from '../../test/support/redis-server.ts';
import { EVENTS_PER_WINDOW } from '../event-files.ts';
import { runJob } from '../flink.ts';
import { engine } from '../kafka.ts';
import { fillPair, loadOf, type Pair } from '../kafka-fill.ts';
import { peakMbOf } from '../peak.ts';
import type { Report } from '../report.ts';
import { type Cost, interleaved, timesOf } from '../slope.ts';

const PARTITIONS = 3;
/** Runs of a TaskManager, of both lengths, in which its compiler is at work. */
const COLD_ROUNDS = 1;
/** The engine reads more, in topics of its own: it has too little to do with as much as Flink. */
const SIZES = {
  full: {
    rounds: 3,
    flink: { short: 1_000_000, long: 4_000_000 },
    ours: { short: 2_000_000, long: 10_000_000 },
  },
  quick: {
    rounds: 1,
    flink: { short: 500_000, long: 1_500_000 },
    ours: { short: 1_000_000, long: 4_000_000 },
  },
};
/** The JobManager asks for metrics, by which the end of a job is seen. */
const METRICS = { 'metrics.fetcher.update-interval': '1000' };
const WAYS = {
  json: {
    what: 'Flink SQL, json format, warm',
    against: 'Flink SQL, json format, no rejects, warm',
    least: 10,
    leastMemory: null,
  },
  job: {
    what: 'our Flink job, rejects and ledger, warm',
    against: "this project's Flink job, rejects and ledger on, warm",
    least: 20,
    leastMemory: 5,
  },
};

type World = {
  report: Report;
  kafka: KafkaTestCluster;
  /** Topics for Flink, and for the engine. */
  theirs: Pair;
  ours: Pair;
  load: string;
  rounds: number;
};

export async function flink(report: Report, isQuick: boolean): Promise<void> {
  const why = withoutKafka() || withoutFlink() || withoutRedis();
  if (why) return report.leaveOut('flink', why);
  const { rounds, flink: sizes, ours: ourSizes } = isQuick ? SIZES.quick : SIZES.full;
  const kafka = await startKafka({ brokers: 1 });
  try {
    const traffic = { partitions: PARTITIONS, products: 1_000, eventsPerWindow: EVENTS_PER_WINDOW };
    const theirs = await fillPair(kafka.bootstrap, traffic, sizes);
    const ours = await fillPair(kafka.bootstrap, traffic, ourSizes);
    const load =
      `${loadOf(theirs.long, sizes.short, sizes.long)} (ours: ${ourSizes.short / 1e6} and ` +
      `${ourSizes.long / 1e6} M)`;
    report.title(
      `Flink: ${load}, parallelism 1; CPU of the TaskManager alone, the difference between both ` +
        `lengths; medians of ${rounds} after ${COLD_ROUNDS} that is left out`,
    );
    for (const way of ['json', 'job'] as const) {
      const cluster = await startFlink(1, METRICS);
      try {
        await besideEngine({ report, kafka, theirs, ours, load, rounds }, cluster, way);
      } finally {
        await cluster.stop();
      }
    }
  } finally {
    await kafka.stop();
  }
}

/** The job and the engine in turn, on the same topics. */
async function besideEngine(world: World, flink: FlinkTestCluster, way: 'json' | 'job') {
  const { report, kafka, load, rounds } = world;
  const { what, against, least, leastMemory } = WAYS[way];
  let jobs = 0;
  const job = {
    key: way,
    what,
    run: (length: 'short' | 'long') => runJob(kafka, flink, world.theirs[length], way, jobs++),
  };
  const engineWay = {
    key: 'engine',
    what: 'clickrate run',
    run: (length: 'short' | 'long') => engine(kafka.bootstrap, world.ours[length]),
  };
  const cold = await interleaved([job], COLD_ROUNDS);
  const costs = await interleaved([engineWay, job], rounds);
  const [ours, theirs] = [costs.get('engine') as Cost, costs.get(way) as Cost];
  report.cost(`flink/${way}`, what, theirs);
  report.cost(`flink/${way}-engine`, 'clickrate run, in turn with it', ours);
  const first = `${what}, its first million`;
  const fresh = cold.get(way) as Cost;
  const value = (fresh.short[0].cpuSeconds / fresh.short[0].events) * 1e6;
  report.figure({ id: `flink/${way}-first`, what: first, value, unit: 'CPU s/M' });
  const manager = peakMbOf(flink.jobManager.pid());
  const beside = `${what}: the JobManager beside it, peak memory`;
  report.figure({ id: `flink/${way}-manager`, what: beside, value: manager, unit: 'MB' });
  const times = timesOf(theirs, ours);
  report.ratio(`flink/${way}`, `${what} : clickrate run`, times.value);
  report.row({ id: `flink/${way}`, against, ...times, unit: '× less CPU', bound: { least }, load });
  // Of its first two jobs: with each more it holds more, which would not be fair.
  const memory = fresh.peakMb / ours.peakMb;
  const peak = `${what}: peak memory after its first two jobs`;
  report.figure({ id: `flink/${way}-fresh`, what: peak, value: fresh.peakMb, unit: 'MB' });
  report.ratio(`flink/${way}-memory`, 'its TaskManager, peak memory : ours', memory);
  if (leastMemory === null) return;
  report.row({
    id: `flink/${way}-memory`,
    against: `${against}, peak memory of its TaskManager`,
    value: memory,
    unit: '× less memory',
    bound: { least: leastMemory },
    load,
  });
}
