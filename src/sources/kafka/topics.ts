/** The topics as they should be, and what is different where they are already. */
import { Admin, ConfigResourceTypes } from '@platformatic/kafka';
import { LIMITS } from '../../config.ts';
import { clientOptions, type KafkaOptions } from './client.ts';
import { unavailable } from './cluster.ts';
import { topicsKnown } from './topic-known.ts';

export type TopicPlan = {
  name: string;
  partitions: number;
  /** More partitions are as good. */
  orMore?: boolean;
  replicas: number;
  configs: Record<string, string>;
};

export type TopicNames = { impressions: string; clicks: string; rejected: string };

/** What became of a plan: made, there as planned, or there but different (one sentence each). */
export type TopicOutcome = { name: string; isNew: boolean; differences: string[] };

export type TopicListed = { name: string; id: string; partitions: number; replicas: number };

/** Larger than the others: what was too large there must fit, with its headers. */
const REJECTED_MESSAGE_BYTES = '2097152';

/** Plans for the topics of the Kafka size on `brokers` brokers. */
export function plansOf(names: TopicNames, partitions: number, brokers: number): TopicPlan[] {
  const { replicas, configs } = commonOf(brokers);
  const planOf = (name: string) => ({ name, partitions, replicas, configs });
  const events = [names.impressions, names.clicks].map(planOf);
  if (names.rejected === '') return events;
  const larger = {
    ...configs,
    'max.message.bytes': REJECTED_MESSAGE_BYTES,
    'retention.ms': String(LIMITS.keptMs),
    'retention.bytes': String(LIMITS.keptTotalBytes),
  };
  return [...events, { name: names.rejected, partitions: 1, replicas, configs: larger }];
}

export type FlinkTopicNames = { results: string; heartbeat: string; progress: string };

/** Plans for the topics that only the Flink size has. */
export function flinkPlansOf(
  names: FlinkTopicNames,
  partitions: number,
  parallelism: number,
  brokers: number,
): TopicPlan[] {
  const { replicas, configs } = commonOf(brokers);
  const kept = { ...configs, 'retention.ms': String(LIMITS.keptMs) };
  const compacted = { ...kept, 'cleanup.policy': 'compact,delete' };
  // Also says what was deployed last, which must not go with time; what was replaced goes soon.
  const latest = { 'cleanup.policy': 'compact', 'retention.ms': '-1', 'segment.ms': '3600000' };
  return [
    { name: names.results, partitions, replicas, configs: compacted },
    { name: names.heartbeat, partitions: parallelism, orMore: true, replicas, configs: kept },
    { name: names.progress, partitions: 1, replicas, configs: { ...configs, ...latest } },
  ];
}

/** What all topics have: of three brokers one may be lost, and nothing acknowledged with it. */
function commonOf(brokers: number) {
  const replicas = Math.min(3, brokers);
  const configs = {
    // Compaction would leave of each product its last event only.
    'cleanup.policy': 'delete',
    'message.timestamp.type': 'LogAppendTime',
    'min.insync.replicas': String(Math.max(1, replicas - 1)),
  };
  return { replicas, configs };
}

/** Calls reject with `source_unavailable`. */
export class Topics {
  readonly #options: KafkaOptions;
  readonly #admin: Admin;

  constructor(options: KafkaOptions) {
    this.#options = options;
    this.#admin = new Admin({ ...clientOptions(options), retries: 3, retryDelay: 300 });
    this.#admin.on('error', () => {});
  }

  async brokers(): Promise<number> {
    const { brokers } = await this.#metadata([]);
    return brokers.size;
  }

  /** Makes the topic, for all brokers to know, or says how the one that is there differs. */
  async ensure(plan: TopicPlan): Promise<TopicOutcome> {
    const { name, partitions, replicas } = plan;
    const existing = (await this.list()).find((topic) => topic.name === name);
    if (existing !== undefined)
      return { name, isNew: false, differences: await this.#differences(plan, existing) };
    const configs = Object.entries(plan.configs).map(([key, value]) => ({ name: key, value }));
    try {
      await this.#admin.createTopics({ topics: [name], partitions, replicas, configs });
    } catch (error) {
      throw unavailable(`making topic ${name}`, error);
    }
    await this.#known(name, partitions);
    return { name, isNew: true, differences: [] };
  }

  /** Gives a topic more partitions. */
  async grow(name: string, partitions: number): Promise<void> {
    try {
      await this.#admin.createPartitions({ topics: [{ name, count: partitions }] });
    } catch (error) {
      throw unavailable(`giving topic ${name} more partitions`, error);
    }
    await this.#known(name, partitions);
  }

  async #known(name: string, partitions: number): Promise<void> {
    const { brokers } = await this.#metadata([]);
    const addresses = [...brokers.values()].map(({ host, port }) => `${host}:${port}`);
    await topicsKnown(this.#options, addresses, [name], partitions);
  }

  /** Deletes topics with everything in them. */
  async remove(names: string[]): Promise<void> {
    try {
      await this.#admin.deleteTopics({ topics: names });
    } catch (error) {
      throw unavailable(`deleting ${names.join(', ')}`, error);
    }
  }

  async #differences(plan: TopicPlan, { partitions }: TopicListed): Promise<string[]> {
    const found: string[] = [];
    const isEnough = plan.orMore === true && partitions > plan.partitions;
    if (partitions !== plan.partitions && !isEnough)
      found.push(`it has ${partitions} partitions, not ${plan.partitions}`);
    const configs = await this.#configs(plan.name);
    for (const [key, value] of Object.entries(plan.configs))
      if (configs.get(key) !== value) found.push(`${key} is ${configs.get(key)}, not ${value}`);
    return found;
  }

  /** Whether brokers delete what has the key of a later event. */
  async isCompacted(name: string): Promise<boolean> {
    return (await this.#configs(name)).get('cleanup.policy')?.includes('compact') ?? false;
  }

  async #configs(resourceName: string): Promise<Map<string, string | null | undefined>> {
    const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName }];
    try {
      const [described] = await this.#admin.describeConfigs({ resources });
      return new Map(described.configs.map(({ name, value }) => [name, value]));
    } catch (error) {
      throw unavailable(`asking for the settings of ${resourceName}`, error);
    }
  }

  async list(): Promise<TopicListed[]> {
    let names: string[];
    try {
      names = await this.#admin.listTopics();
    } catch (error) {
      throw unavailable('listing the topics', error);
    }
    if (names.length === 0) return [];
    const { topics } = await this.#metadata(names);
    return names.sort().map((name) => {
      const topic = topics.get(name);
      const replicas = topic?.partitions[0]?.replicas.length ?? 0;
      return { name, id: topic?.id ?? '', partitions: topic?.partitionsCount ?? 0, replicas };
    });
  }

  async #metadata(topics: string[]) {
    try {
      return await this.#admin.metadata({ topics, forceUpdate: true });
    } catch (error) {
      throw unavailable('asking for the topics', error);
    }
  }

  async close(): Promise<void> {
    await this.#admin.close().catch(() => {});
  }
}
