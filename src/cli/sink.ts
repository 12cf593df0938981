/** `clickrate sink`: brings the results of the Flink job from Kafka to the store. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Command } from 'commander';
import type { Logger } from 'pino';
import { Doors } from '../api/doors/doors.ts';
import { createServer } from '../api/server.ts';
import { systemClock } from '../clock.ts';
import { LIMITS, type Limits, type Options, type Settings } from '../config.ts';
import { Heartbeats } from '../sink/heartbeats.ts';
import { Sink } from '../sink/sink.ts';
import { KafkaSinkSource } from '../sink/source.ts';
import { KafkaCluster } from '../sources/kafka/cluster.ts';
import { RedisStore } from '../stores/redis/store.ts';
import type { Store } from '../stores/store.ts';
import { apiParts } from './api-parts.ts';
import {
  configurationOf,
  DOOR_OPTIONS,
  FLINK_TOPICS,
  type Flags,
  KAFKA_OPTIONS,
  LOG_OPTIONS,
  pick,
  TOPICS,
  withOptions,
  withTakeOver,
} from './command.ts';
import { SINK_TASK } from './data.ts';
import { listen } from './listen.ts';
import { createLogger } from './logger.ts';
import { wholeOf } from './numbers.ts';
import { limitsOf, openStore } from './open-store.ts';
import { OWNER } from './owner.ts';
import { type Running, untilStopped } from './running.ts';

/** Silence closes a window no sooner than the next heartbeat. */
const MOST_HEARTBEAT_MS = 3_600_000;

const OPTIONS = {
  ...KAFKA_OPTIONS,
  ...TOPICS,
  ...FLINK_TOPICS,
  ...pick('group'),
  ...DOOR_OPTIONS,
  ...pick('data', 'store', 'redis', 'redisPassword', 'timeZone', 'minSample'),
  ...LOG_OPTIONS,
  // What the job decides is not decided again: of the others nothing is left to set.
  ...pick('windowMs', 'watermarkDelayMs', 'allowedLatenessMs', 'futureMs', 'expiryMs'),
  ...pick('maxEventBytes', 'maxProductIdBytes'),
  store: 'redis' as Options['store'],
};

export type SinkProcessParts = {
  options: Pick<Options, keyof typeof OPTIONS & keyof Options>;
  settings: Settings;
  limits: Limits;
  log: Logger;
  takeOver: boolean;
  /** Time between two heartbeats. */
  heartbeatMs: number;
};

/** Starts everything. Throws `port_in_use`, `config_invalid`, `directory_locked`. */
async function startSink(parts: SinkProcessParts): Promise<Running> {
  const { options, settings, limits, log, takeOver } = parts;
  await using closers = new AsyncDisposableStack();
  const store = openStore({ options, limits, log, writer: 'sink', takeOver });
  closers.defer(() => store.close());
  const clock = systemClock;
  const cluster = new KafkaCluster({ ...options, groupInstance: '' });
  closers.defer(() => cluster.close());
  const topics = {
    results: options.resultsTopic,
    progress: options.progressTopic,
    rejected: options.rejectedTopic,
  };
  const source = new KafkaSinkSource({ cluster, clock, limits, log, topics });
  const sink = new Sink({
    task: SINK_TASK,
    source,
    store,
    clock,
    settings,
    limits,
    log,
    newToken: randomUUID,
    owner: OWNER,
    isGone,
    writeNumber: () => writeNumber(store),
  });
  const ofJob = new KafkaCluster({
    ...options,
    group: `${options.group}-flink`,
    groupInstance: '',
  });
  closers.defer(() => ofJob.close());
  const heartbeats = new Heartbeats({
    options,
    cluster: ofJob,
    clock,
    limits,
    settings,
    log,
    isOwner: () => sink.isOwner,
    topics: {
      data: [options.impressionsTopic, options.clicksTopic],
      heartbeat: options.heartbeatTopic,
    },
    everyMs: parts.heartbeatMs,
  });
  const server = await createServer({
    ...apiParts(options, settings, log),
    reader: store,
    limits: limitsOf(options, limits),
    doors: new Doors(options, false),
    health: () => [healthOf(sink, parts, heartbeats)],
    owner: OWNER,
  });
  closers.defer(() => server.close());
  const url = await listen(server, options);
  const abort = new AbortController();
  const finished = sink.run(abort.signal).finally(() => source.close());
  finished.catch(() => {});
  const beating = parts.heartbeatMs > 0 ? heartbeats.run(abort.signal) : Promise.resolve();
  closers.defer(async () => {
    abort.abort();
    await finished.catch(() => {});
    await beating;
  });
  const started = closers.move();
  return { url, store, finished, stop: () => started.disposeAsync() };
}

/** While heartbeats pause, silence closes nothing: said, but not a reason to be not ready. */
function healthOf(sink: Sink, { heartbeatMs }: SinkProcessParts, { paused }: Heartbeats) {
  const health = sink.health();
  if (heartbeatMs === 0 || !sink.isOwner) return health;
  if (paused === null) return { ...health, heartbeatsPause: false };
  const reasons = [...health.reasons, `heartbeats pause: ${paused}`];
  return { ...health, reasons, heartbeatsPause: true };
}

/** The write number without the checkpoint, where the store can tell. */
async function writeNumber(store: Store): Promise<number> {
  if (!(store instanceof RedisStore)) return (await store.read(SINK_TASK)).number;
  const tasks = await store.committed();
  return tasks.find(({ task }) => task === SINK_TASK)?.number ?? 0;
}

/** An owner of this machine that lives no more, or this process itself, before it was fenced. */
function isGone(owner: string): boolean {
  if (owner === OWNER) return true;
  const [, pid, host] = /^process (\d+) on (.+)$/.exec(owner) ?? [];
  if (pid === undefined || host !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

export function addSink(command: Command): void {
  withTakeOver(withOptions(command, OPTIONS), 'an engine')
    .option(
      '--heartbeat-ms <n>',
      'time between two heartbeats; 0: send none',
      wholeOf(0, MOST_HEARTBEAT_MS),
      1_000,
    )
    .addHelpText(
      'after',
      `
Start two or more for safety: one writes, the others stand by and take over within 15 s.
With --port 0 any free port is taken.`,
    )
    .action(async (flags: Flags) => {
      const { options, settings } = configurationOf(flags, OPTIONS);
      const log = createLogger(options);
      const running = await startSink({
        options,
        settings,
        log,
        limits: LIMITS,
        takeOver: flags.takeOver === true,
        heartbeatMs: Number(flags.heartbeatMs),
      });
      await untilStopped(running, log);
    });
}
