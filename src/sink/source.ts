/** All partitions of the job's topics, read as one source. */
import type { Clock } from '../clock.ts';
import type { Limits } from '../config.ts';
import type { Log } from '../log.ts';
import type { KafkaCluster } from '../sources/kafka/cluster.ts';
import { Lane } from '../sources/kafka/lane.ts';
import { Troubles, troubleOf } from '../sources/kafka/troubles.ts';
import type { Fetch, Opened, Position, Source } from '../sources/source.ts';
import type { Kind, Place } from './state.ts';

export type SinkTopics = Readonly<Record<Kind, string>>;

/** A source whose topic partitions are asked for before each `open`. */
export type SinkSource = Source & { places(): Promise<readonly Place[]> };

export type KafkaSinkSourceParts = {
  cluster: KafkaCluster;
  clock: Clock;
  limits: Limits;
  log: Log;
  /** An empty name: there is no such topic. */
  topics: SinkTopics;
};

/** How long a broker waits for a record before it answers that there is none. */
const POLL_MS = 250;
/** Given a reason, `abort` makes no exception. */
const ARRIVED = 'arrived';

type At = Place & { topic: string; partition: number };

export class KafkaSinkSource implements SinkSource {
  readonly #parts: KafkaSinkSourceParts;
  readonly #troubles: Troubles;
  #places: At[] = [];
  #lanes: Lane[] = [];
  #wake: AbortController | null = null;

  constructor(parts: KafkaSinkSourceParts) {
    this.#parts = parts;
    this.#troubles = new Troubles(parts.log);
  }

  get partitions(): readonly string[] {
    return this.#places.map(({ name }) => name);
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

  /** Rejects with `source_unavailable`, also where a topic is not there. */
  async places(): Promise<readonly Place[]> {
    const { topics, cluster } = this.#parts;
    const found: At[] = [];
    for (const kind of ['results', 'rejected', 'progress'] as const) {
      const topic = topics[kind];
      if (topic === '') continue;
      const { partitionsCount } = await cluster.topic(topic, true);
      for (let partition = 0; partition < partitionsCount; partition++)
        found.push({ name: `${topic}-${partition}`, kind, topic, partition });
    }
    this.#places = found;
    return found;
  }

  async open(positions: readonly Position[]): Promise<Opened[]> {
    await this.close();
    const opened = await Promise.all(this.#places.map((place, p) => this.#at(place, positions[p])));
    this.#lanes = opened.map((at, index) => this.#lane(index, at));
    return opened;
  }

  /**
   * Never a gap to stop at: what a results log no longer holds, it holds a newer value for, or it
   * is older than all that is kept. What is read twice changes nothing.
   */
  async #at({ name, topic, partition }: At, { offset, topicId }: Position): Promise<Opened> {
    const { cluster, log } = this.#parts;
    const { id } = await cluster.topic(topic, true);
    const { first, end } = await cluster.bounds(topic, partition);
    const begin = { topicId: id, offset: first, floorMs: null, missed: 0 };
    if (offset === null) return begin;
    if (topicId === id && offset >= first && offset <= end) return { ...begin, offset };
    const missed = topicId === id ? Math.max(0, first - offset) : 0;
    log.warn(
      { partition: name, offset, first, end },
      'the checkpoint is of another log: from its begin',
    );
    return { ...begin, missed };
  }

  #lane(index: number, at: Opened): Lane {
    const { cluster, clock, limits } = this.#parts;
    const { name, topic, partition } = this.#places[index];
    const onTrouble = this.#troubles.of(name);
    const onArrival = () => this.#wake?.abort(ARRIVED);
    const parts = { cluster, clock, limits, topic, partition, index };
    return new Lane({ ...parts, onArrival, onTrouble }, at.topicId, at.offset);
  }

  async read(wanted: readonly boolean[], waitMs: number): Promise<Fetch[]> {
    const lanes = this.#lanes.filter((_, p) => wanted[p]);
    for (const lane of lanes) lane.ask(POLL_MS);
    if (!lanes.some((lane) => lane.isReady) && waitMs > 0) await this.#arrival(waitMs);
    const fetches = lanes.map((lane) => lane.take()).filter((fetch) => fetch !== null);
    for (const lane of lanes) lane.ask(POLL_MS);
    return fetches;
  }

  /** Nothing here is ever idle. */
  async probe(): Promise<Fetch[]> {
    return [];
  }

  async #arrival(waitMs: number): Promise<void> {
    this.#wake = new AbortController();
    await this.#parts.clock.sleep(waitMs, this.#wake.signal);
    this.#wake = null;
  }

  /** The checkpoint alone says how far was read. */
  async acknowledge(): Promise<void> {}

  async close(): Promise<void> {
    for (const lane of this.#lanes) lane.close();
    this.#lanes = [];
    this.#wake?.abort(ARRIVED);
  }
}
