/**
 * Flink, beside the engine: its own `json` format without rejects, and this project's job, which
 * keeps the ledger. CPU seconds of the TaskManager per million events from RUNNING to the last one;
 * the first runs of a TaskManager are those of its compiler, and are told apart.
 */
import { OPTIONS, SETTINGS } from '../../src/config.ts';
import { GatewaySession } from '../../src/flink/gateway.ts';
import { type Job, jobSettings } from '../../src/flink/job.ts';
import { JobManager } from '../../src/flink/jobmanager.ts';
import { kafkaProperties } from '../../src/flink/kafka-properties.ts';
import { jobStatements, sessionProperties } from '../../src/flink/sql.ts';
import {
  type FlinkTestCluster,
  startFlink,
  withoutFlink,
} from '../../test/support/flink-cluster.ts';
import { startKafka, withoutKafka } from '../../test/support/kafka-cluster.ts';
import { eventually } from '../../test/support/processes.ts';
import { withoutRedis } from '../../test/support/redis-server.ts';
import { engine } from '../kafka.ts';
import { type Filled, fill } from '../kafka-fill.ts';
import { cpuSecondsOf, median, peakMbOf } from '../measure.ts';
import { jsonStatements } from '../peers/flink-json.ts';
import type { Report } from '../report.ts';

const PARTITIONS = 3;
const LONGEST_MS = 600_000;
/** Runs of a TaskManager in which its compiler is at work. */
const COLD_RUNS = 2;
const SIZES = { full: { runs: 5, events: 5_000_000 }, quick: { runs: 1, events: 1_000_000 } };

type Cluster = { flink: FlinkTestCluster; bootstrap: string; filled: Filled };
type Vertex = { name: string; metrics: { 'read-records': number } };

export async function flink(report: Report, isQuick: boolean): Promise<void> {
  const why = withoutKafka() || withoutFlink() || withoutRedis();
  if (why) return report.leaveOut('flink', why);
  const { runs, events } = isQuick ? SIZES.quick : SIZES.full;
  const kafka = await startKafka({ brokers: 1 });
  const { bootstrap } = kafka;
  try {
    const traffic = { events, partitions: PARTITIONS, products: 1_000, rate: 100_000 };
    const filled = await fill(bootstrap, traffic);
    report.title(
      `Flink: ${filled.records.toLocaleString('en')} events, 1 000 products, a million a window, ` +
        `parallelism 1; CPU of the TaskManager alone; medians of ${runs} behind ${COLD_RUNS}`,
    );
    const ours = median(
      await times(runs, async () => (await engine(bootstrap, filled)).cpuPerMillion),
    );
    report.figure({ id: 'flink/engine', what: 'clickrate run', value: ours, unit: 'CPU s/M' });
    for (const way of ['json', 'job'] as const) {
      const flink = await startFlink(1);
      try {
        let n = 0;
        const costs = await times(runs + COLD_RUNS, async () => {
          const job = jobOf(bootstrap, flink.jar, filled, `${way}-${n++}`);
          const { rejected, results, heartbeat, progress } = job.topics;
          await kafka.createTopics([rejected, results, heartbeat, progress], 1);
          const statements = way === 'job' ? jobStatements(job) : jsonStatements(job);
          return await measure({ flink, bootstrap, filled }, job, statements);
        });
        const warm = median(costs.slice(COLD_RUNS));
        const what = way === 'job' ? 'our job: rejects, ledger' : 'Flink SQL, json format';
        const peakMb = peakMbOf(flink.taskManager.pid()).toFixed(0);
        const more = `${costs[0].toFixed(2)} at first, ${peakMb} MB`;
        report.figure({
          id: `flink/${way}`,
          what: `${what}, warm`,
          value: warm,
          unit: 'CPU s/M',
          more,
        });
        report.ratio(`flink/${way}`, `${what} : clickrate run`, warm / ours);
      } finally {
        await flink.stop();
      }
    }
  } finally {
    await kafka.stop();
  }
}

async function times<T>(count: number, body: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let n = 0; n < count; n++) all.push(await body());
  return all;
}

function jobOf(bootstrap: string, jar: string, filled: Filled, name: string): Job {
  const { impressions, clicks } = filled;
  return {
    ...{ name, settings: jobSettings(SETTINGS), group: name, jar, parallelism: 1 },
    topics: {
      ...{ impressions, clicks, rejected: `rejected-${name}`, results: `results-${name}` },
      ...{ heartbeat: `heartbeat-${name}`, progress: `progress-${name}` },
    },
    kafka: kafkaProperties({ ...OPTIONS, brokers: bootstrap }),
    ...{ start: 'earliest', idleMs: 20_000, checkpointMs: 5_000, dedupMs: 0 },
    watermarks: 'periodic',
  };
}

async function measure(
  { flink, filled }: Cluster,
  job: Job,
  statements: readonly string[],
): Promise<number> {
  const manager = new JobManager(flink.jobManagerUrl);
  const session = await GatewaySession.open(flink.gatewayUrl, sessionProperties(job));
  let jobId = '';
  for (const statement of statements) jobId = (await session.run(statement)).jobId ?? jobId;
  await session.close();
  const pid = flink.taskManager.pid();
  await eventually(async () => (await manager.stateOf(jobId)).isRunning, LONGEST_MS, 100);
  const before = cpuSecondsOf(pid);
  const counted = () => countedBy(flink, jobId);
  await eventually(async () => (await counted()) >= filled.records, LONGEST_MS, 500);
  const spent = cpuSecondsOf(pid) - before;
  await manager.cancel(jobId);
  return (spent / filled.records) * 1e6;
}

/** Events that have reached the windows. */
async function countedBy(flink: FlinkTestCluster, jobId: string): Promise<number> {
  const answer = await fetch(`${flink.jobManagerUrl}/jobs/${jobId}`);
  const { vertices } = (await answer.json()) as { vertices: Vertex[] };
  const windows = vertices.find(({ name }) => name.includes('WindowAggregate'));
  return windows?.metrics['read-records'] ?? 0;
}
