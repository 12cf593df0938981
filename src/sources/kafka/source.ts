/**
 * The Kafka source of one task: partition n of impressions and partition n of clicks. Which tasks
 * are ours is for the group to say (`group.ts`); this reads, from wherever it is told.
 */
import type { Limits } from '../../config.ts';
import { ClickrateError } from '../../errors.ts';
import type { Fetch, Opened, Position, Source } from '../source.ts';
import { Lane } from './lane.ts';
import {
  idOf,
  type OpeningParts,
  openPartition,
  otherPartitions,
  partitionsOf,
} from './opening.ts';
import { Troubles, troubleOf } from './troubles.ts';

export type KafkaSourceParts = OpeningParts & {
  limits: Limits;
  /** Topics that make up a task, and the number of the partition in each. */
  topics: readonly string[];
  partition: number;
  /** So long without events a partition is idle. */
  idleAfterMs: number;
  /** Told positions that a commit has made durable. */
  onAcknowledge(topic: string, partition: number, offset: number): void;
};

/** How long a probe waits for brokers that do not answer; what comes later comes with `read`. */
const PROBE_MS = 250;
/** How often it is looked whether the topics were given more partitions. */
const LOOK_MS = 30_000;

export class KafkaSource implements Source {
  readonly partitions: readonly string[];
  readonly #parts: KafkaSourceParts;
  readonly #troubles: Troubles;
  #lanes: Lane[] = [];
  /** Ids of the topics and how many partitions they had, as they were opened. */
  #topicIds: string[] = [];
  #lookedAtMs = -Infinity;
  /** What a look has found. */
  #failure: ClickrateError | null = null;
  /** Ends the wait under way. */
  #wake: (() => void) | null = null;

  constructor(parts: KafkaSourceParts) {
    this.#parts = parts;
    this.#troubles = new Troubles(parts.log);
    this.partitions = parts.topics.map((topic) => `${topic}-${parts.partition}`);
  }

  get trouble(): string | null {
    return troubleOf(this.#lanes);
  }

  get retries(): number {
    return this.#troubles.retries;
  }

  get ends(): (number | null)[] {
    return this.#lanes.map((lane) => lane.end);
  }

  get uncommitted(): number[] {
    return this.#lanes.map((lane) => lane.uncommitted);
  }

  async open(positions: readonly Position[]): Promise<Opened[]> {
    await this.close();
    const { topics, partition } = this.#parts;
    await this.#mustMatch();
    const opened = await Promise.all(
      topics.map((topic, p) => openPartition(this.#parts, topic, partition, positions[p])),
    );
    this.#lanes = opened.map((at, index) => this.#lane(index, at));
    this.#topicIds = opened.map(({ topicId }) => topicId);
    this.#lookedAtMs = this.#parts.clock.monotonicMs();
    return opened;
  }

  /** Partition n of every topic holds the same products only if all have as many partitions. */
  async #mustMatch(): Promise<void> {
    const { topics, cluster } = this.#parts;
    const found = await Promise.all(topics.map((topic) => cluster.topic(topic, true)));
    const counts = found.map(({ partitionsCount }) => partitionsCount);
    if (new Set(counts).size === 1) return;
    const list = topics.map((topic, n) => `${topic} ${counts[n]}`).join(', ');
    throw new ClickrateError(
      'partitions_changed',
      `the topics have unequal numbers of partitions (${list}): a product's impressions and ` +
        'clicks would not meet; see docs/kafka.md, "Changing the number of partitions"',
    );
  }

  /**
   * Of partitions that were added nobody here would hear: their events were in no count, and the
   * products of other partitions were among them.
   */
  #lookSometimes(): void {
    const { clock, topics } = this.#parts;
    if (clock.monotonicMs() - this.#lookedAtMs < LOOK_MS) return;
    this.#lookedAtMs = clock.monotonicMs();
    // A broker that is away is the trouble of those who read from it.
    for (const [index, topic] of topics.entries()) this.#look(index, topic).catch(() => {});
  }

  async #look(index: number, topic: string): Promise<void> {
    const kept = this.#topicIds[index];
    const { id, partitionsCount } = await this.#parts.cluster.topic(topic, true);
    // Another topic of this name is noticed by its id, when it is read.
    if (id !== idOf(kept) || partitionsCount <= partitionsOf(kept)) return;
    this.#failure = otherPartitions(topic, kept, partitionsCount);
  }

  #lane(index: number, at: Opened): Lane {
    const { cluster, clock, limits, topics, partition, idleAfterMs } = this.#parts;
    const onArrival = () => this.#wake?.();
    const onTrouble = this.#troubles.of(this.partitions[index]);
    const topic = topics[index];
    const parts = { cluster, clock, limits, topic, partition, index };
    return new Lane({ ...parts, idleAfterMs, onArrival, onTrouble }, idOf(at.topicId), at.offset);
  }

  async read(wanted: readonly boolean[], waitMs: number): Promise<Fetch[]> {
    if (this.#failure !== null) throw this.#failure;
    this.#lookSometimes();
    const lanes = this.#lanes.filter((_, p) => wanted[p]);
    for (const lane of lanes) {
      lane.release();
      lane.ask(this.#parts.limits.readWaitMs);
    }
    if (!lanes.some((lane) => lane.isReady)) await this.#arrival(waitMs);
    const fetches = lanes.map((lane) => lane.take()).filter((fetch) => fetch !== null);
    // While these are decoded the next ones travel.
    for (const lane of lanes) lane.ask(this.#parts.limits.readWaitMs);
    return fetches;
  }

  async probe(wanted: readonly boolean[]): Promise<Fetch[]> {
    const beganMs = this.#parts.clock.monotonicMs();
    const answers = new Map<Lane, Fetch>();
    const lanes = this.#lanes.filter((_, p) => wanted[p]);
    // Those in trouble are asked when it is time, and not waited for: a later call has the answer.
    let open = lanes.filter((lane) => lane.trouble === null);
    for (const lane of lanes) lane.ask(0);
    for (let leftMs = PROBE_MS; open.length > 0 && leftMs > 0; ) {
      for (const lane of open) lane.ask(0);
      if (!open.some((lane) => lane.isReady)) await this.#arrival(leftMs);
      for (const lane of open) {
        const fetch = lane.take();
        if (fetch !== null) answers.set(lane, fetch);
      }
      // An empty answer to a fetch that was sent before proves nothing about now.
      open = open.filter((lane) => {
        const fetch = answers.get(lane);
        const isProof = fetch !== undefined && fetch.sentAtMs >= beganMs;
        return !isProof && !(fetch !== undefined && fetch.records.count > 0);
      });
      leftMs = beganMs + PROBE_MS - this.#parts.clock.monotonicMs();
    }
    return [...answers.values()];
  }

  /** Waits until some lane has an answer, at most `waitMs`. A signal would cost more than that. */
  #arrival(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(waitMs, () => this.#wake?.());
      this.#wake = () => {
        this.#wake = null;
        cancel();
        resolve();
      };
    });
  }

  async acknowledge(offsets: readonly number[]): Promise<void> {
    const { topics, partition, onAcknowledge } = this.#parts;
    topics.forEach((topic, p) => {
      onAcknowledge(topic, partition, offsets[p]);
    });
  }

  async close(): Promise<void> {
    for (const lane of this.#lanes) lane.close();
    this.#lanes = [];
    this.#wake?.();
  }
}
