/**
 * The consumer group's coordinator: members join, are given partitions, hear of it late, and are
 * thrown out when they are silent.
 */
import type { Random } from '../support/random.ts';
import type { Process, Scheduler } from './scheduler.ts';

/** How long a member may be silent. */
const SESSION_MS = 10_000;
const UNKNOWN_MEMBER = 25;
const REBALANCING = 27;
const OLD_GENERATION = 22;

export type Member = {
  readonly process: Process;
  readonly isClosed: boolean;
  memberId: string | null;
  joined(id: string, generation: number, partitions: number[]): void;
  thrownOut(id: string): void;
};

export class Group {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #partitions: number;
  readonly #members = new Map<string, Member>();
  readonly committed = new Map<string, number>();
  readonly #onCommitted: (topic: string, partition: number, offset: number) => void;
  generation = 0;
  #names = 0;
  #isRebalancing = false;

  constructor(
    scheduler: Scheduler,
    random: Random,
    partitions: number,
    onCommitted: (topic: string, partition: number, offset: number) => void,
  ) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#partitions = partitions;
    this.#onCommitted = onCommitted;
  }

  join(consumer: Member): void {
    if (consumer.isClosed) return;
    // Who joins again is no second member.
    if (consumer.memberId !== null) this.#members.delete(consumer.memberId);
    const id = `member-${++this.#names}`;
    consumer.memberId = id;
    this.#members.set(id, consumer);
    this.#watch(consumer, id);
    this.rebalance();
  }

  leave(id: string): void {
    if (this.#members.delete(id)) this.rebalance();
  }

  /** A member that is dead, or paused too long, is out; a living one hears that when it asks. */
  #watch(consumer: Member, id: string): void {
    const { process } = consumer;
    let silentMs = 0;
    const look = () => {
      if (this.#members.get(id) !== consumer) return;
      const isSilent = process.isDead || process.pausedUntilMs > this.#scheduler.nowMs;
      silentMs = isSilent ? silentMs + 1_000 : 0;
      if (silentMs < SESSION_MS) this.#scheduler.after(1_000, null, look);
      else {
        this.leave(id);
        this.#scheduler.after(500, process, () => consumer.thrownOut(id));
      }
    };
    this.#scheduler.after(1_000, null, look);
  }

  /** Shares the partitions out anew; until that is done, who asks is told to wait. */
  rebalance(): void {
    if (this.#isRebalancing) return;
    this.#isRebalancing = true;
    this.#scheduler.after(this.#random.pick([20, 400, 2_500]), null, () => {
      this.#isRebalancing = false;
      this.generation++;
      const members = this.#random.shuffle([...this.#members]);
      const shares = members.map((): number[] => []);
      for (let p = 0; p < this.#partitions; p++) shares[p % members.length]?.push(p);
      const { generation } = this;
      members.forEach(([id, consumer], n) => {
        const hearsMs = this.#random.fraction() * this.#random.pick([5, 50, 900]);
        this.#scheduler.after(hearsMs, consumer.process, () =>
          consumer.joined(id, generation, shares[n]!),
        );
      });
    });
  }

  /** What the coordinator says to a member: 0 is fine. */
  code(id: string, generation: number): number {
    if (!this.#members.has(id)) return UNKNOWN_MEMBER;
    if (this.#isRebalancing) return REBALANCING;
    return generation === this.generation ? 0 : OLD_GENERATION;
  }

  take(topic: string, partition: number, offset: number): void {
    this.committed.set(`${topic}-${partition}`, offset);
    this.#onCommitted(topic, partition, offset);
  }
}
