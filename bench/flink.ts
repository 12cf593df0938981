/** One job of Flink over a filled pair of topics, and what its TaskManager spent on it. */
import { Producer } from '@platformatic/kafka';
import { OPTIONS, SETTINGS } from '../src/config.ts';
import { GatewaySession } from '../src/flink/gateway.ts';
import { type Job, jobSettings } from '../src/flink/job.ts';
import { JobManager } from '../src/flink/jobmanager.ts';
import { kafkaProperties } from '../src/flink/kafka-properties.ts';
import { definitions, sessionProperties, statementSet } from '../src/flink/sql.ts';
import { endsOf } from '../test/kafka/log-reader.ts';
import type { FlinkTestCluster } from '../test/support/flink-cluster.ts';
import type { KafkaTestCluster } from '../test/support/kafka-cluster.ts';
import { eventually } from '../test/support/processes.ts';
import type { Filled } from './kafka-fill.ts';
import { cpuSecondsOf, sleep } from './measure.ts';
import { peakMbOf } from './peak.ts';
import { jsonSession, jsonStatements } from './peers/flink-json.ts';
import type { Run } from './slope.ts';

const LONGEST_MS = 600_000;
const LOOK_MS = 500;
/** Until what was read has been counted. */
const SETTLED_MS = 1_000;

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
  await beat(kafka.bootstrap, heartbeat);
  const pid = flink.taskManager.pid();
  const before = cpuSecondsOf(pid);
  const [properties, statements] =
    way === 'job'
      ? [sessionProperties(job), [...definitions(job), `EXECUTE ${statementSet(job)}`]]
      : [jsonSession(job), jsonStatements(job)];
  const session = await GatewaySession.open(flink.gatewayUrl, properties);
  let jobId = '';
  for (const statement of statements) jobId = (await session.run(statement)).jobId ?? jobId;
  await session.close();
  const isDone = async () => (await taken(flink, jobId)) >= filled.events;
  await eventually(isDone, LONGEST_MS, LOOK_MS);
  await sleep(SETTLED_MS);
  const cpuSeconds = cpuSecondsOf(pid) - before;
  const manager = new JobManager(flink.jobManagerUrl);
  await manager.cancel(jobId);
  await checkResults(kafka.bootstrap, results, filled);
  return { events: filled.events, cpuSeconds, peakMb: peakMbOf(pid) };
}

function jobOf(bootstrap: string, jar: string, filled: Filled, name: string): Job {
  const { impressions, clicks } = filled;
  return {
    name,
    settings: jobSettings(SETTINGS),
    group: name,
    jar,
    parallelism: 1,
    topics: {
      impressions,
      clicks,
      rejected: `rejected-${name}`,
      results: `results-${name}`,
      heartbeat: `heartbeat-${name}`,
      progress: `progress-${name}`,
    },
    kafka: kafkaProperties({ ...OPTIONS, brokers: bootstrap }),
    start: 'earliest',
    idleMs: 20_000,
    checkpointMs: 5_000,
    dedupMs: 0,
    watermarks: 'periodic',
  };
}

/** A heartbeat newer than every event, as the sink sends them: its topic holds no window back. */
async function beat(bootstrap: string, topic: string): Promise<void> {
  const producer = new Producer({ clientId: 'bench', bootstrapBrokers: bootstrap.split(',') });
  const value = Buffer.from(JSON.stringify({ timestamp: Date.now() }));
  await producer.send({ messages: [{ topic, value }] });
  await producer.close();
}

/** Throws unless windows fired: the first has begun before its time, the last is still open. */
async function checkResults(bootstrap: string, topic: string, filled: Filled): Promise<void> {
  const { events, eventsPerWindow, products } = filled;
  const [{ last }] = await endsOf(bootstrap, [topic]);
  const least = Math.max(0, Math.floor(events / eventsPerWindow) - 2) * products;
  const written = (last ?? -1) + 1;
  if (written < least) throw new Error(`${written} results of ${least} or more were written`);
}

/** Records that its sources have read. */
async function taken(flink: FlinkTestCluster, jobId: string): Promise<number> {
  const job = `${flink.jobManagerUrl}/jobs/${jobId}`;
  const answer = await fetch(job);
  const { vertices } = (await answer.json()) as { vertices: { id: string }[] };
  let records = 0;
  for (const { id } of vertices) {
    const metrics = `${job}/vertices/${id}/subtasks/metrics`;
    const names = ((await (await fetch(metrics)).json()) as { id: string }[])
      .map((metric) => metric.id)
      .filter((name) => /^Source__.*\.numRecordsIn$/.test(name));
    if (names.length === 0) continue;
    const url = `${metrics}?get=${encodeURIComponent(names.join())}&agg=sum`;
    for (const { sum } of (await (await fetch(url)).json()) as { sum: number }[]) records += sum;
  }
  return records;
}
