/**
 * How far each reason's records of a topic were replayed: the committed offsets of groups that have
 * no members, one a reason, so that a replay of one reason leaves the others for later.
 */
import { Admin } from '@platformatic/kafka';
import type { Options } from '../../config.ts';
import { clientOptions, type KafkaOptions } from './client.ts';
import { unavailable } from './cluster.ts';

export class ReplayPosition {
  readonly #admin: Admin;
  readonly #group: string;
  readonly #topic: string;
  readonly #reasons: readonly string[];
  /** By reason, then by partition: where the last replay ended. */
  readonly #done = new Map<string, Map<number, number>>();
  readonly #passed = new Map<number, number>();

  /** `reasons`: those that are replayed. */
  constructor(
    options: KafkaOptions & Pick<Options, 'group'>,
    topic: string,
    reasons: readonly string[],
  ) {
    this.#admin = new Admin({ ...clientOptions(options), retries: 3, retryDelay: 300 });
    this.#admin.on('error', () => {});
    this.#group = `${options.group}-replay`;
    this.#topic = topic;
    this.#reasons = reasons;
  }

  /** Learns how far the replays before came. Throws `source_unavailable`. */
  async read(): Promise<void> {
    for (const reason of this.#reasons) {
      try {
        const groups = [{ groupId: `${this.#group}-${reason}` }];
        const [group] = await this.#admin.listConsumerGroupOffsets({ groups });
        const topic = group?.topics.find(({ name }) => name === this.#topic);
        for (const { partitionIndex, committedOffset } of topic?.partitions ?? [])
          if (committedOffset >= 0n)
            this.#offsets(reason).set(partitionIndex, Number(committedOffset));
      } catch (error) {
        throw unavailable('asking how far was replayed', error);
      }
    }
  }

  #offsets(reason: string): Map<number, number> {
    const offsets = this.#done.get(reason) ?? new Map<number, number>();
    this.#done.set(reason, offsets);
    return offsets;
  }

  isDone(reason: string, partition: number, offset: number): boolean {
    return offset < (this.#done.get(reason)?.get(partition) ?? 0);
  }

  /** Everything of the partition before `offset` is dealt with. */
  pass(partition: number, offset: number): void {
    this.#passed.set(partition, offset);
  }

  /** Makes it durable. Throws `source_unavailable`. */
  async remember(): Promise<void> {
    for (const reason of this.#reasons) {
      const partitionOffsets = [...this.#passed].map(([partition, offset]) => ({
        partition,
        offset: BigInt(Math.max(offset, this.#done.get(reason)?.get(partition) ?? 0)),
      }));
      if (partitionOffsets.length === 0) return;
      const topics = [{ name: this.#topic, partitionOffsets }];
      try {
        const groupId = `${this.#group}-${reason}`;
        await this.#admin.alterConsumerGroupOffsets({ groupId, topics });
      } catch (error) {
        throw unavailable('remembering how far was replayed', error);
      }
    }
  }

  async close(): Promise<void> {
    await this.#admin.close().catch(() => {});
  }
}
