/** One job of Flink over a filled pair of topics, and what its TaskManager spent on it. */
import { OPTIONS, SETTINGS } from '../src/config.ts';
import { GatewaySession } from '../src/flink/gateway.ts';
import { type Job, jobSettings } from '../src/flink/job.ts';
import { JobManager } from '../src/flink/jobmanager.ts';
import { kafkaProperties } from '../src/flink/kafka-properties.ts';
import { jobStatements, sessionProperties } from '../src/flink/sql.ts';
import type { FlinkTestCluster } from '../test/support/flink-cluster.ts';
import type { KafkaTestCluster } from '../test/support/kafka-cluster.ts';
import { eventually } from '../test/support/processes.ts';
import type { Filled } from './kafka-fill.ts';
import { cpuSecondsOf, peakMbOf } from './measure.ts';
import { jsonStatements } from './peers/flink-json.ts';
import type { Run } from './slope.ts';

const LONGEST_MS = 600_000;
const LOOK_MS = 200;

type Vertex = { name: string; metrics: { 'read-records': number } };

/** `json`: as one writes it in Flink SQL; `job`: this project's. */
export async function runJob(
  kafka: KafkaTestCluster,
  flink: FlinkTestCluster,
  filled: Filled,
  way: 'json' | 'job',
  number: number,
): Promise<Run> {
  const job = jobOf(kafka.bootstrap, flink.jar, filled, `${way}-${number}`);
  const { rejected, results, heartbeat, progress } = job.topics;
  await kafka.createTopics([rejected, results, heartbeat, progress], 1);
  const pid = flink.taskManager.pid();
  const before = cpuSecondsOf(pid);
  const statements = way === 'job' ? jobStatements(job) : jsonStatements(job);
  const session = await GatewaySession.open(flink.gatewayUrl, sessionProperties(job));
  let jobId = '';
  for (const statement of statements) jobId = (await session.run(statement)).jobId ?? jobId;
  await session.close();
  const isDone = async () => (await taken(flink, jobId)) >= filled.events;
  await eventually(isDone, LONGEST_MS, LOOK_MS);
  const cpuSeconds = cpuSecondsOf(pid) - before;
  const manager = new JobManager(flink.jobManagerUrl);
  await manager.cancel(jobId);
  return { events: filled.events, cpuSeconds, peakMb: peakMbOf(pid) };
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

/** Events that have reached the windows. */
async function taken(flink: FlinkTestCluster, jobId: string): Promise<number> {
  const answer = await fetch(`${flink.jobManagerUrl}/jobs/${jobId}`);
  const { vertices } = (await answer.json()) as { vertices: Vertex[] };
  const windows = vertices.find(({ name }) => name.includes('WindowAggregate'));
  return windows?.metrics['read-records'] ?? 0;
}
