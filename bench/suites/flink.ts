/**
 * Flink, beside the engine: its own `json` format without rejects, and this project's job, which
 * keeps the ledger. CPU time of the TaskManager from the submission of a job until its windows have
 * taken the last event; the first runs of a TaskManager are those of its compiler, and are left out.
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
import { peakMbOf } from '../measure.ts';
import type { Report } from '../report.ts';
import { type Cost, interleaved } from '../slope.ts';

const PARTITIONS = 3;
/** Runs of a TaskManager, of both lengths, in which its compiler is at work. */
const COLD_ROUNDS = 1;
const SIZES = {
  full: { rounds: 5, events: { short: 1_000_000, long: 4_000_000 } },
  quick: { rounds: 1, events: { short: 500_000, long: 1_500_000 } },
};
const WAYS = {
  json: {
    what: 'Flink SQL, json format, warm',
    against: 'Flink SQL, json format, no rejects, warm',
    ...{ least: 10, memory: null },
  },
  job: {
    what: 'our Flink job, rejects and ledger, warm',
    against: "this project's Flink job, rejects and ledger on, warm",
    ...{ least: 20, memory: 5 },
  },
};

type World = { report: Report; kafka: KafkaTestCluster; pair: Pair; load: string; rounds: number };

export async function flink(report: Report, isQuick: boolean): Promise<void> {
  const why = withoutKafka() || withoutFlink() || withoutRedis();
  if (why) return report.leaveOut('flink', why);
  const { rounds, events } = isQuick ? SIZES.quick : SIZES.full;
  const kafka = await startKafka({ brokers: 1 });
  try {
    const traffic = { partitions: PARTITIONS, products: 1_000, eventsPerWindow: EVENTS_PER_WINDOW };
    const pair = await fillPair(kafka.bootstrap, traffic, events);
    const load = loadOf(pair.long, events.short, events.long);
    report.title(
      `Flink: ${load}, parallelism 1; CPU of the TaskManager alone, the difference between both ` +
        `lengths; medians of ${rounds} behind ${COLD_ROUNDS}`,
    );
    for (const way of ['json', 'job'] as const) {
      const cluster = await startFlink(1);
      try {
        await besideEngine({ report, kafka, pair, load, rounds }, cluster, way);
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
  const { report, kafka, pair, load, rounds } = world;
  const { what, against, least, memory } = WAYS[way];
  let jobs = 0;
  const job = {
    ...{ key: way, what },
    run: (length: 'short' | 'long') => runJob(kafka, flink, pair[length], way, jobs++),
  };
  const engineWay = {
    ...{ key: 'engine', what: 'clickrate run' },
    run: (length: 'short' | 'long') => engine(kafka.bootstrap, pair[length]),
  };
  const cold = await interleaved([job], COLD_ROUNDS);
  const costs = await interleaved([engineWay, job], rounds);
  const [ours, theirs] = [costs.get('engine') as Cost, costs.get(way) as Cost];
  report.cost(`flink/${way}`, what, theirs);
  report.cost(`flink/${way}-engine`, 'clickrate run, in turn with it', ours);
  const first = `${what}, its first million`;
  const firstRun = (cold.get(way) as Cost).short[0];
  const value = (firstRun.cpuSeconds / firstRun.events) * 1e6;
  report.figure({ id: `flink/${way}-first`, what: first, value, unit: 'CPU s/M' });
  const manager = peakMbOf(flink.jobManager.pid());
  const beside = `${what}: the JobManager beside it, peak memory`;
  report.figure({ id: `flink/${way}-manager`, what: beside, value: manager, unit: 'MB' });
  const ratio = theirs.perMillion / ours.perMillion;
  report.ratio(`flink/${way}`, `${what} : clickrate run`, ratio);
  report.row(`flink/${way}`, against, ratio, '× less CPU', { least }, load);
  const times = theirs.peakMb / ours.peakMb;
  report.ratio(`flink/${way}-memory`, 'its TaskManager, peak memory : ours', times);
  if (memory !== null)
    report.row(`flink/${way}-memory`, against, times, '× less memory', { least: memory }, load);
}
