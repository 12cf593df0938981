/** The topics of a job: those of events must be there, its own are made when nothing refuses it. */
import { ClickrateError } from '../errors.ts';
import type { Job } from '../flink/job.ts';
import type { KafkaOptions } from '../sources/kafka/client.ts';
import { flinkPlansOf, type TopicPlan, Topics } from '../sources/kafka/topics.ts';

/** What the job's own topics lack. */
export type Lacking = {
  missing: TopicPlan[];
  /** Heartbeat partitions there should be; null: there are enough, or the topic is missing. */
  heartbeats: number | null;
};

/** Changes nothing. Rejects with `source_unavailable`, also where a topic of events is missing. */
export async function lackingTopics(options: KafkaOptions, job: Job): Promise<Lacking> {
  const { topics, parallelism } = job;
  return await asking(options, async (admin) => {
    const there = new Map((await admin.list()).map(({ name, partitions }) => [name, partitions]));
    for (const name of [topics.impressions, topics.clicks, topics.rejected])
      if (name !== '' && !there.has(name))
        throw new ClickrateError('source_unavailable', `no topic ${name}: clickrate topics create`);
    const partitions = there.get(topics.impressions) ?? 1;
    const plans = flinkPlansOf(topics, partitions, parallelism, await admin.brokers());
    // A subtask without one would be idle, and not see that time goes on.
    const isEnough = (there.get(topics.heartbeat) ?? parallelism) >= parallelism;
    return {
      missing: plans.filter(({ name }) => !there.has(name)),
      heartbeats: isEnough ? null : parallelism,
    };
  });
}

export async function makeTopics(
  options: KafkaOptions,
  { topics }: Job,
  { missing, heartbeats }: Lacking,
): Promise<void> {
  await asking(options, async (admin) => {
    for (const plan of missing) await admin.ensure(plan);
    if (heartbeats !== null) await admin.grow(topics.heartbeat, heartbeats);
  });
}

async function asking<T>(options: KafkaOptions, ask: (admin: Topics) => Promise<T>): Promise<T> {
  const admin = new Topics(options);
  try {
    return await ask(admin);
  } finally {
    await admin.close();
  }
}
