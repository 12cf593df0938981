/** `clickrate topics`: makes, lists and shows the topics. */
import type { Command } from 'commander';
import { ClickrateError } from '../errors.ts';
import { readTopic } from '../sources/kafka/reader.ts';
import {
  flinkPlansOf,
  plansOf,
  type TopicNames,
  type TopicOutcome,
  Topics,
} from '../sources/kafka/topics.ts';
import {
  configurationOf,
  FLINK_TOPICS,
  type Flags,
  interruption,
  KAFKA_OPTIONS,
  TOPICS,
  withOptions,
} from './command.ts';
import { wholeOf } from './numbers.ts';

const DEFAULT_PARTITIONS = 3;

const CREATE_OPTIONS = { ...KAFKA_OPTIONS, ...TOPICS, ...FLINK_TOPICS };

export function addTopics(topics: Command): void {
  withOptions(topics.command('create'), CREATE_OPTIONS)
    .description('make impressions, clicks and ctr-rejected, or say how those there differ')
    .option('--flink', 'and the topics that only the Flink size has')
    .option('--parallelism <n>', 'partitions of the heartbeat topic', wholeOf(1), 1)
    .option('--partitions <n>', 'partitions of impressions and clicks (default: 3)', wholeOf(1))
    .option('--missing', 'make what is missing; that others differ is said, and no error')
    .action(create);
  withOptions(topics.command('list'), KAFKA_OPTIONS)
    .description('every topic with its partitions and replicas')
    .action(list);
  withOptions(topics.command('tail <topic>'), KAFKA_OPTIONS)
    .description('print the records of a topic as they come')
    .option('--from-beginning', 'begin with the oldest record')
    .option('--max <n>', 'end after so many records', wholeOf(0))
    .action(tail);
}

function flinkNames({ resultsTopic, heartbeatTopic, progressTopic }: typeof FLINK_TOPICS) {
  return { results: resultsTopic, heartbeat: heartbeatTopic, progress: progressTopic };
}

async function create(flags: Flags): Promise<void> {
  const { options } = configurationOf(flags, CREATE_OPTIONS);
  const topics = new Topics(options);
  try {
    const names = {
      impressions: options.impressionsTopic,
      clicks: options.clicksTopic,
      rejected: options.rejectedTopic,
    };
    const partitions = await partitionsOf(topics, names, flags);
    const outcomes: TopicOutcome[] = [];
    const brokers = await topics.brokers();
    const plans = plansOf(names, partitions, brokers);
    if (flags.flink === true)
      plans.push(
        ...flinkPlansOf(flinkNames(options), partitions, Number(flags.parallelism), brokers),
      );
    for (const plan of plans) outcomes.push(await topics.ensure(plan));
    for (const outcome of outcomes) process.stdout.write(`${sentenceOf(outcome)}\n`);
    const different = outcomes.filter(({ differences }) => differences.length > 0);
    if (different.length > 0 && flags.missing !== true)
      throw new ClickrateError(
        'topic_settings',
        `${different.map(({ name }) => name).join(', ')} differ from what is needed; ` +
          'docs/kafka.md says what each setting is for',
      );
  } finally {
    await topics.close();
  }
}

/** With `--missing` what is made fits what is there: events of a product lie in equal numbers. */
async function partitionsOf(topics: Topics, names: TopicNames, flags: Flags): Promise<number> {
  const given = Number(flags.partitions ?? DEFAULT_PARTITIONS);
  if (flags.missing !== true || flags.partitions !== undefined) return given;
  const there = (await topics.list()).filter(({ name }) =>
    [names.impressions, names.clicks].includes(name),
  );
  return there[0]?.partitions ?? given;
}

function sentenceOf({ name, isNew, differences }: TopicOutcome): string {
  if (isNew) return `${name}: made`;
  return differences.length === 0 ? `${name}: is there` : `${name}: ${differences.join('; ')}`;
}

async function list(flags: Flags): Promise<void> {
  const topics = new Topics(configurationOf(flags, KAFKA_OPTIONS).options);
  try {
    for (const { name, partitions, replicas } of await topics.list())
      process.stdout.write(`${name}  ${partitions} partitions  ${replicas} replicas\n`);
  } finally {
    await topics.close();
  }
}

async function tail(topic: string, flags: Flags): Promise<void> {
  const from = flags.fromBeginning === true ? 'earliest' : 'latest';
  const signal = interruption();
  const plan = { topic, from, toEnd: false, signal } as const;
  let left = flags.max === undefined ? Number.POSITIVE_INFINITY : Number(flags.max);
  if (left <= 0) return;
  for await (const record of readTopic(configurationOf(flags, KAFKA_OPTIONS).options, plan)) {
    const { partition, offset, timeMs, key, value } = record;
    const at = new Date(timeMs).toISOString();
    process.stdout.write(`${topic}-${partition} ${offset} ${at} ${key ?? '-'} ${value}\n`);
    if (--left <= 0) return;
  }
}
