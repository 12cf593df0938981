/** What a test on real servers begins with: topics and a Redis of its own, and how it is held. */
import { type Settings, settingsWith } from '../../src/config.ts';
import { RedisStore } from '../../src/stores/redis/store.ts';
import type { KafkaTestCluster } from '../support/kafka-cluster.ts';
import { type RedisOptions, startRedis } from '../support/redis-server.ts';
import { type CheckOptions, check, settled } from './check.ts';
import { type Engine, type EngineOptions, startEngine } from './engines.ts';
import { Feed, type FeedOptions } from './feed.ts';

type Test = { after(fn: () => unknown): void };

/** Short windows, so that many close in a test. */
const SETTINGS = {
  windowMs: 1_000,
  watermarkDelayMs: 500,
  allowedLatenessMs: 2_000,
  idleAfterMs: 500,
  idMemoryMs: 10_000,
};

/** Traffic with everything in it that the rules speak of. */
const MIXED = { disorderMs: 400, late: 0.02, lateMs: 6_000, repeated: 0.03, broken: 0.02 };

export type SetupOptions = RedisOptions & { partitions?: number; settings?: Partial<Settings> };

let count = 0;

export async function setUp(t: Test, cluster: KafkaTestCluster, options: SetupOptions = {}) {
  const name = `t${process.pid}-${count++}`;
  const [impressions, clicks] = [`imp-${name}`, `clk-${name}`];
  const partitions = options.partitions ?? 3;
  await cluster.createTopics([impressions, clicks], partitions);
  const redis = await startRedis(t, { aof: 'always', ...options });
  const settings = settingsWith({ ...SETTINGS, ...options.settings });
  const store = new RedisStore({ url: redis.url });
  t.after(() => store.close());
  const { bootstrap } = cluster;
  const held: CheckOptions = { bootstrap, topics: [impressions, clicks], settings, store };

  const settingFlags = Object.entries({ ...SETTINGS, ...options.settings }).flatMap(
    ([key, value]) => [`--${key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`, String(value)],
  );
  const engine = async (more: Partial<EngineOptions> = {}): Promise<Engine> => {
    const started = await startEngine({
      bootstrap,
      redis: redis.url,
      impressions,
      clicks,
      group: `g-${name}`,
      ...more,
      flags: [...settingFlags, '--log-level', 'info', ...(more.flags ?? [])],
    });
    t.after(() => started.kill('SIGKILL'));
    return started;
  };
  const feed = (more: Partial<FeedOptions> = {}): Feed => {
    const started = new Feed({ bootstrap, impressions, clicks, rate: 1_000, ...MIXED, ...more });
    t.after(() => started.stop());
    return started.start();
  };
  /** Everything is committed, within `waitMs`, and equal to the oracle. */
  const mustBeExact = async (waitMs = 30_000, more: Partial<CheckOptions> = {}) => {
    const logs = await settled({ ...held, ...more }, waitMs);
    return check({ ...held, ...more }, logs);
  };
  return { name, impressions, clicks, redis, store, settings, engine, feed, mustBeExact, held };
}

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
