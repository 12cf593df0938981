/** The whole Flink size for a test: Redis, Kafka, Flink, and the commands a user types on them. */

import assert from 'node:assert/strict';
import { OPTIONS } from '../../src/config.ts';
import { readTopic } from '../../src/sources/kafka/reader.ts';
import { RedisStore } from '../../src/stores/redis/store.ts';
import { windowsOf } from '../stores/commits.ts';
import { type FlinkTestCluster, QUICK_START, startFlink } from './flink-cluster.ts';
import { type KafkaTestCluster, startKafka } from './kafka-cluster.ts';
import { type Child, outputOf, startNode } from './processes.ts';
import { type Redis, startRedis } from './redis-server.ts';

export type Cell = { impressions: number; clicks: number };
export type RejectedEvent = { reason: string; origin: string; offset: string; value: Buffer };

const SINK_MS = 30_000;

export class FlinkSize {
  readonly #closers: (() => unknown)[] = [];
  readonly #flags: string[];
  redis!: Redis;
  kafka!: KafkaTestCluster;
  flink!: FlinkTestCluster;

  /** `settings` become flags of the job and of the sink. */
  constructor(settings: Readonly<Record<string, number>>) {
    this.#flags = Object.entries(settings).flatMap(([name, value]) => [
      `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
      String(value),
    ]);
  }

  /** One after the other: who starts Kafka holds the thread for a while. */
  async start(brokers: 1 | 3, slots: number): Promise<void> {
    this.redis = await startRedis(this, { aof: 'always' });
    this.kafka = await startKafka({ brokers });
    this.flink = await startFlink(slots, {}, QUICK_START);
  }

  async stop(): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
    await Promise.all([this.kafka?.stop(), this.flink?.stop()]);
  }

  /** Called at the stop, the last one first. */
  after(close: () => unknown): void {
    this.#closers.push(close);
  }

  clickrate(...args: string[]): Child {
    const child = startNode('src/cli/main.ts', args, {
      CLICKRATE_BROKERS: this.kafka.bootstrap,
      CLICKRATE_GATEWAY: this.flink.gatewayUrl,
      CLICKRATE_JOB_MANAGER: this.flink.jobManagerUrl,
      CLICKRATE_FLINK_JAR: this.flink.jar,
      CLICKRATE_REDIS: this.redis.url,
    });
    this.after(() => child.kill());
    return child;
  }

  /** What a command says that ends well. */
  async done(...args: string[]): Promise<string> {
    const child = this.clickrate(...args);
    assert.equal(await child.ended, 0, `${args.join(' ')}\n${child.output()}`);
    return child.output();
  }

  deploy(...args: string[]): Promise<string> {
    const plan = ['--parallelism', '2', '--checkpoint-ms', '2000', ...args];
    return this.done('flink', 'deploy', ...plan, ...this.#flags);
  }

  async sink(): Promise<Child> {
    const child = this.clickrate('sink', '--port', '0', ...this.#flags);
    await outputOf(child, /task claimed|stand/, SINK_MS);
    return child;
  }

  /** All windows of all products in the store's history, by `product start`. */
  async cells(): Promise<Map<string, Cell>> {
    return await this.#reading(async (store) => {
      const cells = new Map<string, Cell>();
      for (const { product } of (await store.load()).rows)
        for (const { start, impressions, clicks } of await windowsOf(store, product, 0, Date.now()))
          cells.set(`${product} ${start}`, { impressions, clicks });
      return cells;
    });
  }

  /** Start of the newest window in `ctr:latest`; 0 while Redis does not answer. */
  async newest(): Promise<number> {
    try {
      const { rows } = await this.#reading((store) => store.load());
      return Math.max(0, ...rows.map(({ latest }) => latest?.start ?? 0));
    } catch {
      return 0;
    }
  }

  /** Rejected events, of which no one may be in the topic twice. */
  async rejected(): Promise<RejectedEvent[]> {
    const { signal } = new AbortController();
    const plan = { topic: OPTIONS.rejectedTopic, from: 'earliest', toEnd: true, signal } as const;
    const all: RejectedEvent[] = [];
    for await (const { headers, value } of readTopic(this.#kafkaOptions, plan)) {
      const { reason, offset } = headers;
      all.push({ reason, origin: `${headers.topic}-${headers.partition}`, offset, value });
    }
    const origins = new Set(all.map(({ origin, offset }) => `${origin} ${offset}`));
    assert.equal(origins.size, all.length, 'exactly once');
    return all;
  }

  get #kafkaOptions() {
    return { ...OPTIONS, brokers: this.kafka.bootstrap };
  }

  async #reading<T>(read: (store: RedisStore) => Promise<T>): Promise<T> {
    const store = new RedisStore({ url: this.redis.url });
    try {
      return await read(store);
    } finally {
      await store.close();
    }
  }
}

export function sorted(cells: ReadonlyMap<string, Cell>): [string, Cell][] {
  return [...cells].sort(([a], [b]) => (a < b ? -1 : 1));
}

export function total(cells: ReadonlyMap<string, Cell>): number {
  return [...cells.values()].reduce((sum, cell) => sum + cell.impressions + cell.clicks, 0);
}
