/**
 * Where a task begins to read, topic partition by topic partition, and from which window on it may
 * publish (the publish floor): docs/kafka.md, "Where reading begins".
 */
import type { Clock } from '../../clock.ts';
import { ClickrateError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Opened, Position } from '../source.ts';
import type { KafkaCluster } from './cluster.ts';

export type OpeningParts = {
  cluster: KafkaCluster;
  clock: Clock;
  log: Log;
  /** How far an event may be ahead of its arrival: so far reaches what earlier records held. */
  futureMs: number;
  onGap: 'stop' | 'skip';
  onLostStore: 'hour' | 'earliest';
};

/** What an hour ago means for a store that was lost. */
const LOST_STORE_MS = 3_600_000;

/** A topic's identity, as kept in the checkpoint: its id, and how many partitions it had. */
function identityOf(id: string, partitions: number): string {
  return `${id}/${partitions}`;
}

export function idOf(identity: string): string {
  return identity.split('/')[0];
}

export function partitionsOf(identity: string): number {
  return Number(identity.split('/')[1]);
}

/**
 * Opens one topic partition at the checkpoint's position, or where its log begins, or where a lost
 * store makes it begin. Throws `source_gap`, `partitions_changed`, `source_unavailable`.
 */
export async function openPartition(
  parts: OpeningParts,
  topic: string,
  partition: number,
  at: Position,
): Promise<Opened> {
  const { id, partitionsCount } = await parts.cluster.topic(topic, true);
  const identity = identityOf(id, partitionsCount);
  if (at.topicId !== null && partitionsOf(at.topicId) !== partitionsCount)
    throw otherPartitions(topic, at.topicId, partitionsCount);
  const place = new Place(parts, topic, partition, identity);
  if (at.topicId === null || at.offset === null) return place.first();
  if (at.topicId !== identity) return place.begin();
  return place.resume(at.offset);
}

/** With other partitions the products would change tasks in the middle of their windows. */
export function otherPartitions(topic: string, kept: string, partitions: number): ClickrateError {
  const before = partitionsOf(kept);
  return new ClickrateError(
    'partitions_changed',
    `${topic} has ${partitions} partitions, the checkpoint was written with ${before}: products ` +
      'would change tasks; stop the producers, let the engine close every window, empty the ' +
      'store (docs/kafka.md, "Changing the number of partitions") and start again',
  );
}

class Place {
  readonly #parts: OpeningParts;
  readonly #topic: string;
  readonly #partition: number;
  readonly #topicId: string;

  constructor(parts: OpeningParts, topic: string, partition: number, topicId: string) {
    this.#parts = parts;
    this.#topic = topic;
    this.#partition = partition;
    this.#topicId = topicId;
  }

  /** No checkpoint: the log's beginning, unless the group says that there was a store once. */
  async first(): Promise<Opened> {
    const { cluster, onLostStore } = this.#parts;
    const committed = await cluster.committed(this.#topic, this.#partition);
    if (committed === null || onLostStore === 'earliest') return this.begin();
    return this.#anHourAgo();
  }

  /** The log's beginning; where its first records are gone, the first window may lack events. */
  async begin(): Promise<Opened> {
    const { first } = await this.#bounds();
    return this.#opened(first, first === 0 ? null : await this.#floorAtFirst());
  }

  async #anHourAgo(): Promise<Opened> {
    const { cluster, clock, log } = this.#parts;
    const askedMs = Math.floor(clock.wallMs()) - LOST_STORE_MS;
    const found = await cluster.firstSince(this.#topic, this.#partition, askedMs);
    const { first, end } = await this.#bounds();
    const offset = found?.offset ?? end;
    log.warn(
      { topic: this.#topic, partition: this.#partition, offset },
      'the group has read this before, but the store holds no checkpoint: it was lost; reading ' +
        'from an hour ago',
    );
    if (offset <= 0) return this.#opened(first, null);
    return this.#opened(offset, (found?.timeMs ?? askedMs) + this.#parts.futureMs);
  }

  /** The checkpoint's position, if the log still holds it. */
  async resume(offset: number): Promise<Opened> {
    const { first, end } = await this.#bounds();
    if (offset >= first && offset <= end) return this.#opened(offset, null);
    const { onGap, log } = this.#parts;
    const name = `${this.#topic}-${this.#partition}`;
    const gone = `begins at ${first}: ${first - offset} records were deleted before they were read`;
    const what =
      `the checkpoint stands at offset ${offset} of ${name}, but its log ` +
      (offset < first ? gone : `ends at ${end}: the log lost its end, or is another one`);
    if (onGap !== 'skip')
      throw new ClickrateError('source_gap', `${what}; --on-gap skip goes on without them`);
    log.warn({ topic: this.#topic, partition: this.#partition }, `${what}: skipped`);
    if (offset > end) return this.#opened(end, this.#floorAtEnd());
    return { ...this.#opened(first, await this.#floorAtFirst()), missed: first - offset };
  }

  /** The floor for a start at the first record that is left. */
  async #floorAtFirst(): Promise<number> {
    const { cluster, futureMs } = this.#parts;
    const found = await cluster.firstSince(this.#topic, this.#partition, 0);
    return found === null ? this.#floorAtEnd() : found.timeMs + futureMs;
  }

  #floorAtEnd(): number {
    return Math.floor(this.#parts.clock.wallMs()) + this.#parts.futureMs;
  }

  #bounds(): Promise<{ first: number; end: number }> {
    return this.#parts.cluster.bounds(this.#topic, this.#partition);
  }

  #opened(offset: number, floorMs: number | null): Opened {
    return { topicId: this.#topicId, offset, floorMs, missed: 0 };
  }
}
