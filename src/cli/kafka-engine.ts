/** The engine of the Kafka size: a membership in the group, a pipeline for each task of ours. */
import { randomBytes, randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../clock.ts';
import type { Limits, Options, Settings } from '../config.ts';
import type { ErrorCode } from '../errors.ts';
import type { Log } from '../log.ts';
import { Pipeline, type PipelineParts } from '../pipeline.ts';
import type { KafkaOptions } from '../sources/kafka/client.ts';
import { type Group, KafkaCluster } from '../sources/kafka/cluster.ts';
import { GroupMember } from '../sources/kafka/group.ts';
import { KafkaSource } from '../sources/kafka/source.ts';
import type { OpenCounts, TaskHealth } from '../status.ts';
import type { TaskStore } from '../stores/store.ts';
import { Tasks } from './tasks.ts';

export type EngineOptions = KafkaOptions &
  Group &
  Pick<Options, 'impressionsTopic' | 'clicksTopic' | 'onGap' | 'onLostStore'>;

export type KafkaEngineParts = {
  options: EngineOptions;
  settings: Settings;
  limits: Limits;
  log: Log;
  store: TaskStore;
  resetWindows: boolean;
  keep?: PipelineParts['keep'];
  onStep?: PipelineParts['onStep'];
};

export type KafkaEngine = {
  cluster: KafkaCluster;
  health(): TaskHealth[];
  /** Counts of the windows not closed yet, task by task. */
  openCounts(limit: number): OpenCounts[];
  /** Why there may be no task, or no events: not in the group. */
  trouble(): string | null;
  /** Rejects with what a task failed with for good. */
  finished: Promise<void>;
  /** Every task commits what it applied; then the group is left. */
  stop(): Promise<void>;
};

/** What an engine has of the world outside: time, brokers, chance. */
export type World = {
  clock: Clock;
  cluster: KafkaCluster;
  newToken(): string;
  newIdKey(): string;
};

/** Joins the group in the background; tasks begin as it gives them. Throws `config_invalid`. */
export function startKafkaEngine(parts: KafkaEngineParts): KafkaEngine {
  return kafkaEngineIn(parts, {
    clock: systemClock,
    cluster: new KafkaCluster(parts.options),
    newToken: randomUUID,
    newIdKey: () => randomBytes(16).toString('hex'),
  });
}

export function kafkaEngineIn(parts: KafkaEngineParts, world: World): KafkaEngine {
  const { options, limits, log } = parts;
  const { futureMs, idleAfterMs } = parts.settings;
  const { onGap, onLostStore } = options;
  const { clock, cluster } = world;
  const topics = [options.impressionsTopic, options.clicksTopic];
  const member = new GroupMember({
    cluster,
    topic: options.impressionsTopic,
    clock,
    limits,
    log,
    onAssigned: () => tasks.reconcile(),
  });
  const create = (partition: number) => {
    const onAcknowledge = member.acknowledge.bind(member);
    const source = new KafkaSource({
      cluster,
      clock,
      log,
      limits,
      topics,
      partition,
      futureMs,
      onAcknowledge,
      onGap,
      onLostStore,
      idleAfterMs,
    });
    const stillOurs = (stopping: AbortSignal) => member.isOurs(partition, stopping);
    const pipeline = pipelineOf(parts, world, partition, source, stillOurs);
    return { pipeline, close: () => source.close() };
  };
  // Begun again: where the group gives it to us, at a new topic, or behind a gap.
  const again: ErrorCode[] = ['task_lost', 'topic_renewed'];
  if (onGap === 'skip') again.push('source_gap');
  const tasks = new Tasks({
    create,
    clock,
    log,
    assigned: () => member.assigned,
    mayBeginAgain: (error) => again.includes(error.code),
  });
  void member.start();
  const stop = async () => {
    await tasks.stop();
    await member.stop();
    await cluster.close();
  };
  return {
    cluster,
    finished: tasks.finished,
    stop,
    health: () => tasks.health(),
    openCounts: (limit) => tasks.openCounts(limit),
    trouble: () => member.trouble,
  };
}

function pipelineOf(
  parts: KafkaEngineParts,
  { clock, newToken, newIdKey }: World,
  partition: number,
  source: KafkaSource,
  stillOurs: PipelineParts['stillOurs'],
): Pipeline {
  const { store, settings, limits, log, resetWindows, keep, onStep } = parts;
  return new Pipeline({
    task: String(partition),
    clock,
    newToken,
    newIdKey,
    source,
    store,
    settings,
    limits,
    log,
    resetWindows,
    stillOurs,
    ...(keep === undefined ? {} : { keep }),
    ...(onStep === undefined ? {} : { onStep }),
  });
}
