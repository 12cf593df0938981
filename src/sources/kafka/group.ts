/**
 * Our membership in the consumer group: which partitions of the impressions topic, and so which
 * tasks, are ours. The library joins and sends heartbeats; safety does not rest on it, but on the
 * store's fence: two owners for a moment cost one of them its uncommitted work.
 */
import type { Clock } from '../../clock.ts';
import type { Limits } from '../../config.ts';
import { type Log, Rarely } from '../../log.ts';
import { isOfBrokerGone, type KafkaCluster, reasonOf, unavailable } from './cluster.ts';
import { heartbeat, isNameTaken, isOutOfGroup, isRebalancing, tell } from './coordinator.ts';

/** A member that is not heard for this long is out of the group. */
const SESSION_MS = 10_000;
/** Members hear of a rebalance with a heartbeat. */
const HEARTBEAT_MS = 1_000;
/** How long a rebalance waits for members that do not answer. */
const REBALANCE_MS = 15_000;
/** Positions are told to the group at most this often: only a lost store needs them. */
const ACKNOWLEDGE_MS = 1_000;
/** Heartbeats that fail for this long: the session is over, and another client begins. */
const STALLED_MS = 15_000;

export type GroupParts = {
  cluster: KafkaCluster;
  /** The topic whose partitions are shared out. */
  topic: string;
  clock: Clock;
  limits: Limits;
  log: Log;
  /** Called whenever the group has shared out the partitions anew. */
  onAssigned(partitions: readonly number[]): void;
};

export class GroupMember {
  readonly #parts: GroupParts;
  readonly #stopped = new AbortController();
  readonly #positions = new Map<string, Map<number, number>>();
  #assigned: readonly number[] = [];
  /** We know of no reason why we should not be a member. */
  #isMember = false;
  #isJoining = false;
  /** Resolves when another client begins. */
  #renewed = Promise.withResolvers<void>();
  /** Aborted when the group has shared out anew. */
  #nextJoin = new AbortController();
  #acknowledging: Promise<void> = Promise.resolve();
  /** Why we are not in the group; null when we are. */
  trouble: string | null = 'joining the consumer group';

  constructor(parts: GroupParts) {
    this.#parts = parts;
    this.#listen();
  }

  /** To the client of now: what one that was given up says later is nobody's. */
  #listen(): void {
    const { cluster, topic } = this.#parts;
    const { consumer } = cluster;
    const isOurs = () => consumer === cluster.consumer;
    consumer.topics.track(topic);
    consumer.on('consumer:group:join', ({ assignments }) => {
      const ours = assignments?.find((assignment) => assignment.topic === topic);
      if (isOurs()) this.#onJoined([...(ours?.partitions ?? [])].sort((a, b) => a - b));
    });
    // A rejoin that failed ends the heartbeats; errors of single calls are told to their callers.
    consumer.on('error', (error) => {
      if (isOurs()) this.#onLost(reasonOf(error));
    });
    consumer.on('consumer:heartbeat:error', ({ error }) => {
      if (!isOurs()) return;
      this.trouble = `heartbeats fail: ${reasonOf(error)}`;
      if (isOfBrokerGone(error)) this.#begin('its coordinator is no broker any more');
    });
    consumer.on('consumer:heartbeat:end', () => {
      if (isOurs() && this.#isMember) this.trouble = null;
    });
    consumer.on('consumer:heartbeat:stalled', () => {
      if (isOurs()) this.#begin(`no heartbeat went through for ${STALLED_MS / 1_000} s`);
    });
  }

  #begin(reason: string): void {
    if (this.#stopped.signal.aborted) return;
    this.#renew();
    this.#onLost(reason);
  }

  /**
   * Another client asks anew who the coordinator is. The library believes a broker to be it until a
   * connection to that one fails; one that has left the cluster it does not even try.
   */
  #renew(): void {
    this.#renewed.resolve();
    this.#renewed = Promise.withResolvers();
    this.#parts.cluster.renew();
    this.#listen();
  }

  /** Partitions that the group gave us last. */
  get assigned(): readonly number[] {
    return this.#isMember ? this.#assigned : [];
  }

  /** Joins and goes on trying until it has, or `stop` is called. Acknowledges from then on. */
  async start(): Promise<void> {
    this.#acknowledging = this.#acknowledgeForEver();
    await this.#join();
  }

  async #join(): Promise<void> {
    if (this.#isJoining) return;
    this.#isJoining = true;
    const { cluster, clock, limits, log } = this.#parts;
    const { signal } = this.#stopped;
    const rarely = new Rarely();
    let waitMs = limits.retryMinMs;
    while (!signal.aborted) {
      const { consumer } = cluster;
      try {
        const joining = consumer.joinGroup({
          sessionTimeout: SESSION_MS,
          rebalanceTimeout: REBALANCE_MS,
          heartbeatInterval: HEARTBEAT_MS,
          heartbeatStallTimeout: STALLED_MS,
        });
        await Promise.race([this.#renewed.promise, joining]);
        // Else it was given up while it joined: the one in its place has to.
        if (consumer === cluster.consumer) break;
      } catch (error) {
        const { message } = unavailable('joining the consumer group', error);
        this.trouble = message;
        if (rarely.isDue(message)) log.warn({ failures: rarely.failures, waitMs }, message);
        if (isOfBrokerGone(error) && !signal.aborted) this.#renew();
        await clock.sleep(waitMs, signal);
        waitMs = Math.min(waitMs * 2, limits.retryMaxMs);
      }
    }
    this.#isJoining = false;
  }

  #onJoined(partitions: readonly number[]): void {
    if (this.#stopped.signal.aborted) return;
    this.#assigned = partitions;
    this.#isMember = true;
    this.trouble = null;
    this.#parts.log.info({ partitions }, 'the group has shared out the partitions');
    const joined = this.#nextJoin;
    this.#nextJoin = new AbortController();
    joined.abort();
    this.#parts.onAssigned(partitions);
  }

  /** What was ours may be another's: nothing new is begun, what runs is fenced if it has to be. */
  #onLost(reason: string): void {
    if (this.#stopped.signal.aborted) return;
    this.#isMember = false;
    this.trouble = `not in the consumer group: ${reason}`;
    this.#parts.log.warn({}, this.trouble);
    void this.#join();
  }

  /**
   * Asks the group's coordinator whether a task is still ours; waits for a rebalance under way, but
   * no longer than `stopping` lets it. Throws `source_unavailable`.
   */
  async isOurs(partition: number, stopping: AbortSignal): Promise<boolean> {
    const { consumer } = this.#parts.cluster;
    const { memberId } = consumer;
    if (memberId === null || !this.#isMember) return false;
    const nextJoin = this.#nextJoin.signal;
    try {
      await heartbeat(consumer, memberId);
    } catch (error) {
      if (isOutOfGroup(error)) {
        // The answer may be about the member that we were before the group shared out anew.
        if (nextJoin.aborted) return this.assigned.includes(partition);
        this.#isMember = false;
        if (!this.#hasNamesake(error)) this.trouble = 'out of the consumer group: joining it again';
        return false;
      }
      if (!isRebalancing(error)) throw unavailable('asking the coordinator', error);
      await this.#parts.clock.sleep(REBALANCE_MS, AbortSignal.any([nextJoin, stopping]));
    }
    return this.assigned.includes(partition);
  }

  /**
   * Whether it failed because another process has our name, which is told: each takes it from the
   * other for ever, and the library does so in silence.
   */
  #hasNamesake(error: unknown): boolean {
    if (!isNameTaken(error)) return false;
    const { cluster, log } = this.#parts;
    const sentence =
      `another process is in the consumer group as ${cluster.options.groupInstance}, too: ` +
      'each needs a --group-instance of its own';
    if (this.trouble !== sentence) log.warn({}, sentence);
    this.trouble = sentence;
    return true;
  }

  /** Remembers a position that a commit has made durable; the group is told soon. */
  acknowledge(topic: string, partition: number, offset: number): void {
    const positions = this.#positions.get(topic) ?? new Map<number, number>();
    positions.set(partition, offset);
    this.#positions.set(topic, positions);
  }

  async #acknowledgeForEver(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#parts.clock.sleep(ACKNOWLEDGE_MS, signal);
      if (this.#isMember) await this.#tellPositions();
    }
  }

  /** Never rejects: the store has the positions, these here are told again with the next ones. */
  async #tellPositions(): Promise<void> {
    const { consumer } = this.#parts.cluster;
    const { memberId } = consumer;
    if (this.#positions.size === 0 || memberId === null) return;
    const positions = new Map(this.#positions);
    this.#positions.clear();
    try {
      await tell(consumer, memberId, positions);
    } catch (error) {
      this.#hasNamesake(error);
      this.#parts.log.debug({}, unavailable('telling the group our positions', error).message);
    }
  }

  /** Tells the last positions. Closing the cluster leaves the group, so that others take over. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    // Its last turn may be telling them, or have begun before the last ones came.
    await this.#acknowledging;
    if (this.#isMember) await this.#tellPositions();
    this.#isMember = false;
  }
}
