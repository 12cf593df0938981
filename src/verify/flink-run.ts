/**
 * One run of the events through a Flink job of its own. The steps are for a caller to put together:
 * begin, untilRead, untilClosed, stop, outcome, remove. Heartbeats are sent only behind the data:
 * they must neither hold back the watermark of the data nor push it.
 */
import type { Options, Settings } from '../config.ts';
import { ClickrateError, isRetryable, messageOf } from '../errors.ts';
import { submit } from '../flink/deploy.ts';
import { parseFlinkTime } from '../flink/iso-time.ts';
import { type Job, jobSettings } from '../flink/job.ts';
import { JobManager } from '../flink/jobmanager.ts';
import { kafkaProperties } from '../flink/kafka-properties.ts';
import { pause } from '../flink/rest.ts';
import type { KafkaOptions } from '../sources/kafka/client.ts';
import { Sender } from '../sources/kafka/sender.ts';
import { flinkOutcome } from './flink-outcome.ts';
import { type LogRecord, startOf } from './oracle.ts';
import type { Outcome } from './outcome.ts';
import { type Shape, VerifyTopics } from './topics.ts';

const LOOK_MS = 500;
const BEAT_MS = 1_000;
/** A job that gets no further for this long gets no further. */
const STUCK_MS = 180_000;
const CHECKPOINT_MS = 2_000;
/** How much longer than the idle time it may take until a subtask has looked. */
const IDLE_MARGIN_MS = 1_000;
/**
 * Subtasks are aligned a few times a second, each time by the drift: old and sparse events would
 * take for ever, so that the drift is at least this part of all their time.
 */
const ALIGNMENT_STEPS = 50;

export type FlinkRunOptions = KafkaOptions & Pick<Options, 'jobManager' | 'gateway'>;

export type FlinkParts = {
  options: FlinkRunOptions;
  settings: Settings;
  /** Where the SQL Gateway finds the jar of functions. */
  jar: string;
  /** Tells the job and its topics from others. */
  prefix: string;
  shape: Shape;
  /** A topic partition without events for this long is idle. */
  idleMs: number;
  /** Event time between the oldest and the newest event. */
  spanMs: number;
  /** Aborted: the waiting ends, and nothing is left behind. */
  signal: AbortSignal;
  /** Whether some event comes twice, so that the job has to look at ids. */
  hasDuplicates: boolean;
};

/** Event ids are remembered longer than any run takes, in processing time. */
const DEDUP_MS = 86_400_000;

export class FlinkRun {
  readonly topics: VerifyTopics;
  readonly #parts: FlinkParts;
  readonly #manager: JobManager;
  readonly #job: Job;
  readonly #savepoints: string[] = [];
  #jobId: string | null = null;
  #isBegun = false;

  constructor(parts: FlinkParts) {
    const { options, settings, prefix, shape, jar, idleMs, hasDuplicates } = parts;
    const driftMs = Math.max(settings.driftMs, Math.ceil(parts.spanMs / ALIGNMENT_STEPS));
    this.#parts = parts;
    this.#manager = new JobManager(options.jobManager);
    this.topics = new VerifyTopics(options, prefix, shape);
    this.#job = {
      name: prefix,
      group: prefix,
      jar,
      idleMs,
      topics: this.topics.names,
      parallelism: shape.parallelism,
      start: 'earliest',
      checkpointMs: CHECKPOINT_MS,
      settings: jobSettings({ ...settings, driftMs }),
      kafka: kafkaProperties(options),
      dedupMs: hasDuplicates ? DEDUP_MS : 0,
      watermarks: 'on-event',
    };
  }

  /** Resolves when the job runs; `from` is a savepoint. */
  async deploy(from: string | null): Promise<void> {
    const { gateway } = this.#parts.options;
    // Kept before it is waited for, so that `remove` ends it.
    await submit(gateway, this.#manager, this.#job, from, (jobId) => {
      this.#jobId = jobId;
    });
  }

  /** Makes the topics. */
  async make(): Promise<void> {
    await this.topics.reach();
    this.#isBegun = true;
    await this.topics.make();
  }

  /**
   * Makes the topics and starts the job on the records. Several partitions are filled before: an
   * empty one would be idle, and what comes into it late. With one it is the other way round: when
   * the heartbeats' partition is idle, the watermark is that of the data from the first event on.
   */
  async begin(records: readonly LogRecord[]): Promise<void> {
    await this.make();
    if (this.#parts.shape.partitions > 1) {
      await this.fill(records);
      return this.deploy(null);
    }
    await this.deploy(null);
    await pause(this.#parts.idleMs + IDLE_MARGIN_MS);
    await this.fill(records);
  }

  async fill(records: readonly LogRecord[]): Promise<void> {
    // One byte more than an event may have is as wrong as any number, and Kafka takes it.
    await this.topics.fill(records, this.#parts.settings.maxEventBytes + 1);
  }

  /**
   * Resolves when the job has read `share` of every partition, and that is in a checkpoint. Rejects
   * with `flink_failed` when it gets no further.
   */
  async untilRead(share = 1): Promise<void> {
    await this.#until('read all records', async () => {
      const places = await this.topics.positions();
      const read = places.reduce((sum, { committed }) => sum + committed, 0);
      return places.every(({ end, committed }) => committed >= end * share) ? null : read;
    });
  }

  /** Sends heartbeats until every window is closed; `maxTs` is the largest time of an event. */
  async untilClosed(maxTs: number | null): Promise<void> {
    if (maxTs === null) return;
    const { windowMs, allowedLatenessMs, watermarkDelayMs } = this.#parts.settings;
    const closedAt = startOf(maxTs, windowMs) + windowMs - 1 + allowedLatenessMs;
    const sender = new Sender(this.#parts.options);
    try {
      await this.#until('closed all windows', async () => {
        await this.topics.beat(sender, closedAt + watermarkDelayMs);
        await pause(BEAT_MS - LOOK_MS);
        const watermark = await this.#watermark();
        return watermark >= closedAt ? null : watermark;
      });
    } finally {
      await sender.close();
    }
  }

  /** Of the job: the smallest of the newest of its subtasks. */
  async #watermark(): Promise<number> {
    const newest = Array.from({ length: this.#job.parallelism }, () => -Infinity);
    for await (const { value } of this.topics.read(this.topics.names.progress)) {
      const { partition, watermark } = JSON.parse(value.toString()) as {
        partition: number;
        watermark: string | null;
      };
      newest[partition] = watermark === null ? -Infinity : parseFlinkTime(watermark);
    }
    return Math.min(...newest);
  }

  /** Everything it wrote can be read then. Resolves with the path of the savepoint. */
  async stop(): Promise<string> {
    if (this.#jobId === null) throw new ClickrateError('internal', 'no job was deployed');
    const savepoint = await this.#manager.stop(this.#jobId);
    this.#jobId = null;
    this.#savepoints.push(savepoint);
    return savepoint;
  }

  async outcome(received: number): Promise<Outcome> {
    return flinkOutcome(this.topics, received);
  }

  /**
   * Ends the job if it still lives, deletes its savepoints and the topics. Resolves with what could
   * not be: a run that failed has told why already.
   */
  async remove(): Promise<string | null> {
    let left: string | null = null;
    const attempt = (act: Promise<void>) =>
      act.catch((error: unknown) => {
        left = messageOf(error);
      });
    if (this.#jobId !== null) await attempt(this.#manager.cancel(this.#jobId));
    this.#jobId = null;
    for (const path of this.#savepoints) await attempt(this.#manager.dispose(path));
    if (this.#isBegun) await attempt(this.topics.remove());
    await this.topics.close();
    return left;
  }

  /** `look` answers null when it is so, and otherwise how far it is. */
  async #until(what: string, look: () => Promise<number | null>): Promise<void> {
    let far = Number.NaN;
    for (let sinceMs = Date.now(); ; await pause(LOOK_MS)) {
      if (this.#parts.signal.aborted) throw new ClickrateError('stopping', 'interrupted');
      // What is away for a moment comes again, or else nothing goes on.
      const now = await look().catch((error: unknown) => {
        if (!isRetryable(error)) throw error;
        return far;
      });
      if (now === null) return;
      if (!Object.is(now, far)) sinceMs = Date.now();
      far = now;
      if (Date.now() - sinceMs > STUCK_MS)
        throw new ClickrateError('flink_failed', `the job has not ${what}: it stands at ${now}`);
    }
  }
}
