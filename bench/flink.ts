/**
 * `npm run bench:flink`: one broker, topics filled beforehand; CPU seconds of the TaskManager per
 * million events, everything on: counts and rejects, exactly once, checkpoints each 5 s. The first
 * run is that of a fresh TaskManager. Arguments: events, runs, parallelism.
 */
import { OPTIONS, SETTINGS } from '../src/config.ts';
import { submit } from '../src/flink/deploy.ts';
import { type Job, jobSettings } from '../src/flink/job.ts';
import { JobManager } from '../src/flink/jobmanager.ts';
import { kafkaProperties } from '../src/flink/kafka-properties.ts';
import { type FlinkTestCluster, startFlink, withoutFlink } from '../test/support/flink-cluster.ts';
import { startKafka, withoutKafka } from '../test/support/kafka-cluster.ts';
import { eventually } from '../test/support/processes.ts';
import { type Filled, fill } from './kafka-fill.ts';
import { cpuSecondsOf, machine } from './measure.ts';

const EVENTS = Number(process.argv[2] ?? 5_000_000);
const RUNS = Number(process.argv[3] ?? 4);
const PARALLELISM = Number(process.argv[4] ?? 1);
const PARTITIONS = 3;

type Vertex = { name: string; metrics: { 'read-records': number } };

function jobOf(bootstrap: string, jar: string, { impressions, clicks }: Filled, run: number): Job {
  return {
    ...{ name: `bench-${run}`, settings: jobSettings(SETTINGS), group: `bench-${run}`, jar },
    topics: {
      ...{ impressions, clicks, rejected: `rejected-${run}`, results: `results-${run}` },
      ...{ heartbeat: `heartbeat-${run}`, progress: `progress-${run}` },
    },
    kafka: kafkaProperties({ ...OPTIONS, brokers: bootstrap }),
    ...{ parallelism: PARALLELISM, start: 'earliest', idleMs: 20_000 },
    ...{ checkpointMs: 5_000, dedupMs: 0, watermarks: 'periodic' },
  };
}

/** One job over all events; CPU seconds of the TaskManager from RUNNING to the last event. */
async function measure(flink: FlinkTestCluster, job: Job, records: number): Promise<number> {
  const manager = new JobManager(flink.jobManagerUrl);
  const pid = flink.taskManager.pid();
  const { jobId } = await submit(flink.gatewayUrl, manager, job, null);
  const before = cpuSecondsOf(pid);
  await eventually(async () => (await countedBy(flink, jobId)) >= records, 600_000, 500);
  const spent = cpuSecondsOf(pid) - before;
  await manager.cancel(jobId);
  return (spent / records) * 1e6;
}

/** Events that have reached the windows. */
async function countedBy(flink: FlinkTestCluster, jobId: string): Promise<number> {
  const answer = await fetch(`${flink.jobManagerUrl}/jobs/${jobId}`);
  const { vertices } = (await answer.json()) as { vertices: Vertex[] };
  const windows = vertices.find(({ name }) => name.includes('GroupWindowAggregate'));
  return windows?.metrics['read-records'] ?? 0;
}

const why = withoutKafka() || withoutFlink();
if (why) throw new Error(why);
const [cluster, flink] = await Promise.all([startKafka({ brokers: 1 }), startFlink(PARALLELISM)]);
try {
  const traffic = { events: EVENTS, partitions: PARTITIONS, products: 1_000, rate: 100_000 };
  const filled = await fill(cluster.bootstrap, traffic);
  process.stdout.write(
    `${machine()}\n${filled.records} events of 1 000 products, ${PARTITIONS} + ${PARTITIONS} ` +
      `partitions, uncompressed; parallelism ${PARALLELISM}; CPU seconds of the TaskManager per ` +
      `million events\n`,
  );
  for (let run = 1; run <= RUNS; run++) {
    const job = jobOf(cluster.bootstrap, flink.jar, filled, run);
    const { rejected, results, heartbeat, progress } = job.topics;
    await cluster.createTopics([rejected, results, heartbeat, progress], PARALLELISM);
    const cpu = await measure(flink, job, filled.records);
    process.stdout.write(`run ${run}  ${cpu.toFixed(2)}\n`);
  }
} finally {
  await Promise.all([cluster.stop(), flink.stop()]);
}
