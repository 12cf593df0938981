/**
 * Sends the heartbeats by which silence closes windows on Flink, while this process owns the
 * results. Their rule is `src/flink/heartbeat.ts`.
 */
import type { Clock } from '../clock.ts';
import type { Limits, Settings } from '../config.ts';
import { messageOf } from '../errors.ts';
import {
  BEHIND_MS,
  type DataPartition,
  heartbeatRecord,
  heartbeatTime,
  pauseReason,
} from '../flink/heartbeat.ts';
import type { Log } from '../log.ts';
import type { KafkaOptions } from '../sources/kafka/client.ts';
import type { KafkaCluster } from '../sources/kafka/cluster.ts';
import { Sender } from '../sources/kafka/sender.ts';
import { type DataLog, Tails } from './tails.ts';

export type HeartbeatParts = {
  options: KafkaOptions;
  /** Of the job's consumer group, whose committed offsets tell how far it is. */
  cluster: KafkaCluster;
  clock: Clock;
  limits: Limits;
  settings: Settings;
  log: Log;
  /** The data topics, and the one of heartbeats. */
  topics: { data: readonly string[]; heartbeat: string };
  everyMs: number;
  isOwner(): boolean;
};

/** One that is not taken by then is worth nothing: the next one says more. */
const GIVE_UP_MS = 3_000;

export class Heartbeats {
  readonly #parts: HeartbeatParts;
  readonly #tails: Tails;
  #sender: Sender | null = null;
  #partitions = 0;
  #last: number | null = null;
  /** Why none is sent; null: they are. */
  paused: string | null = 'starting';

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
    this.#tails = new Tails(parts);
  }

  /** Sends until `signal` is aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, everyMs, isOwner } = this.#parts;
    while (!signal.aborted) {
      const beganMs = clock.monotonicMs();
      if (isOwner()) await this.#beat();
      else this.#say('this process does not own the results');
      await clock.sleep(Math.max(0, beganMs + everyMs - clock.monotonicMs()), signal);
    }
    this.#tails.close();
    await this.#sender?.close();
  }

  async #beat(): Promise<void> {
    try {
      const { clock, topics, settings, cluster } = this.#parts;
      const logs = await this.#tails.logs(topics.data);
      for (const log of logs) await this.#tails.look(log);
      const behind = pauseReason(await this.#dataPartitions(logs), cluster.options.group);
      const { newest } = this.#tails;
      const time = heartbeatTime(newest, clock.wallMs(), this.#last, settings);
      if (behind === null && time !== null) await this.#send(time);
      this.#say(time === null ? 'no event has come yet' : behind);
    } catch (error) {
      this.#tails.close();
      this.#say(messageOf(error));
    }
  }

  #say(reason: string | null): void {
    const { log } = this.#parts;
    // Numbers in a reason change each second.
    const kind = (text: string | null) => text?.replace(/\d+/g, '') ?? null;
    if (kind(reason) !== kind(this.paused))
      log.info({}, reason === null ? 'heartbeats are sent' : `heartbeats pause: ${reason}`);
    this.paused = reason;
  }

  async #dataPartitions(logs: readonly DataLog[]): Promise<DataPartition[]> {
    const { cluster, clock } = this.#parts;
    const sinceMs = Math.floor(clock.wallMs()) - BEHIND_MS;
    return Promise.all(
      logs.map(async ({ name, topic, partition, first, end }) => {
        const committed = await cluster.committed(topic, partition);
        // Asked of the log, so that a sink that has just begun need not wait to know.
        const isBehind = committed === null || committed < end;
        const found = isBehind ? await cluster.firstSince(topic, partition, sinceMs) : null;
        return { name, first, end, endThen: found?.offset ?? end, committed };
      }),
    );
  }

  /** One into each partition, so that each subtask of the job hears it. */
  async #send(timestamp: number): Promise<void> {
    const { topics, options, cluster } = this.#parts;
    const { partitionsCount } = await cluster.topic(topics.heartbeat, true);
    if (partitionsCount !== this.#partitions) {
      await this.#sender?.close();
      this.#sender = null;
      this.#partitions = partitionsCount;
    }
    this.#sender ??= new Sender(options, { giveUpMs: GIVE_UP_MS });
    this.#last = timestamp;
    await this.#sender.sendToEach(topics.heartbeat, heartbeatRecord(timestamp));
  }
}
