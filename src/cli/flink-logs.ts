/** The data topics as a job finds them that goes on: are the records there that it has not read? */
import type { Options } from '../config.ts';
import { ClickrateError, isRetryable } from '../errors.ts';
import {
  gapsOf,
  type ReadLog,
  renewedOf,
  type Skipped,
  skippedOf,
  unknownOf,
  withSkipped,
} from '../flink/gap.ts';
import type { Job } from '../flink/job.ts';
import { pause } from '../flink/rest.ts';
import type { KafkaOptions } from '../sources/kafka/client.ts';
import { KafkaCluster } from '../sources/kafka/cluster.ts';

/** Who keeps a group's offsets may not be known yet: in a new cluster, after a broker was lost. */
const COORDINATOR_MS = 15_000;
const LOOK_MS = 250;

/** What is asked of the cluster, as the group of the job. */
type Asked = Pick<KafkaCluster, 'topic' | 'bounds' | 'committed'>;

/** The ids of the data topics by their names, and their partitions. */
export type DataLogs = { topicIds: Record<string, string>; logs: ReadLog[] };

/** Rejects with `source_unavailable`. */
export async function dataLogs(options: KafkaOptions, job: Job): Promise<DataLogs> {
  const cluster = new KafkaCluster({ ...options, group: job.group, groupInstance: '' });
  try {
    return await logsOf(cluster, [job.topics.impressions, job.topics.clicks]);
  } finally {
    await cluster.close();
  }
}

export async function logsOf(cluster: Asked, topics: readonly string[]): Promise<DataLogs> {
  const found: DataLogs = { topicIds: {}, logs: [] };
  for (const topic of new Set(topics)) {
    const { id, partitionsCount } = await cluster.topic(topic, true);
    found.topicIds[topic] = id;
    for (let partition = 0; partition < partitionsCount; partition++) {
      // First what was read: the log only grows meanwhile.
      const committed = await committedOf(cluster, topic, partition);
      const bounds = await cluster.bounds(topic, partition);
      const names = { id: `${id} ${partition}`, name: `${topic}-${partition}` };
      found.logs.push({ ...names, ...bounds, committed });
    }
  }
  return found;
}

async function committedOf(cluster: Asked, topic: string, partition: number) {
  for (const untilMs = Date.now() + COORDINATOR_MS; ; await pause(LOOK_MS))
    try {
      return await cluster.committed(topic, partition);
    } catch (error) {
      if (!isRetryable(error) || Date.now() >= untilMs) throw error;
    }
}

export type GoingOn = {
  group: string;
  /** Ids of the topics when the job was deployed last; an older version did not remember them. */
  topicIds: Readonly<Record<string, string>> | undefined;
  skipped: Skipped;
  /** The job runs until it is replaced, so its offsets are as old as its last checkpoint. */
  isLiving: boolean;
  onGap: Options['onGap'];
};

/** Throws `source_gap`, or says what is skipped anew; what it returns is to be remembered. */
export function checkLogs(
  { topicIds, logs }: DataLogs,
  before: GoingOn,
  say: (sentence: string) => void,
): Skipped {
  const unknown = before.isLiving ? null : unknownOf(logs, before.group);
  const found = [
    ...renewedOf(before.topicIds ?? {}, topicIds),
    ...gapsOf(withSkipped(logs, before.skipped)),
    ...(unknown === null ? [] : [unknown]),
  ];
  if (found.length > 0 && before.onGap !== 'skip') {
    const way = '--on-gap skip goes on without what is gone';
    throw new ClickrateError('source_gap', `${found.join('; ')}; ${way}`);
  }
  for (const sentence of found) say(`skipped: ${sentence}`);
  return skippedOf(logs);
}
