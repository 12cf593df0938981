/**
 * The Flink size whole, under load, while everything in it is killed: sink, TaskManager, a broker,
 * JobManager, Redis. No event is too late, so what Redis has in the end is a plain recount.
 */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { settingsWith } from '../../src/config.ts';
import { judgeReference } from '../../src/decode/reference.ts';
import { CLICK } from '../../src/event.ts';
import { RedisStore } from '../../src/stores/redis/store.ts';
import { Feed } from '../kafka/feed.ts';
import { readTopics } from '../kafka/log-reader.ts';
import { type FlinkTestCluster, startFlink, withoutFlink } from '../support/flink-cluster.ts';
import { type KafkaTestCluster, startKafka, withoutKafka } from '../support/kafka-cluster.ts';
import { type Child, eventually, outputOf, startNode } from '../support/processes.ts';
import { type Redis, startRedis, withoutRedis } from '../support/redis-server.ts';

const SETTINGS = { windowMs: 2_000, watermarkDelayMs: 1_000, allowedLatenessMs: 8_000 };
const SECONDS = 1_000;
const FLAGS = Object.entries(SETTINGS).flatMap(([name, value]) => [
  `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  String(value),
]);

type Cell = { impressions: number; clicks: number };

const skip = withoutKafka() || withoutRedis() || withoutFlink();
suite('the Flink size under faults', { skip, timeout: 400 * SECONDS }, () => {
  let kafka: KafkaTestCluster;
  let flink: FlinkTestCluster;
  let redis: Redis;
  const closers: (() => unknown)[] = [];
  const t = { after: (fn: () => unknown) => closers.push(fn) };
  const env = () => ({
    CLICKRATE_BROKERS: kafka.bootstrap,
    CLICKRATE_GATEWAY: flink.gatewayUrl,
    CLICKRATE_JOB_MANAGER: flink.jobManagerUrl,
    CLICKRATE_FLINK_JAR: flink.jar,
    CLICKRATE_REDIS: redis.url,
  });

  before(async () => {
    // One after the other: who starts Kafka holds the thread for a while.
    redis = await startRedis(t, { aof: 'always' });
    kafka = await startKafka({ brokers: 3 });
    flink = await startFlink(2);
  });
  after(async () => {
    for (const close of closers.reverse()) await close();
    await Promise.all([kafka?.stop(), flink?.stop()]);
  });

  const clickrate = (...args: string[]): Child => {
    const child = startNode('src/cli/main.ts', args, env());
    t.after(() => child.kill());
    return child;
  };
  const done = async (...args: string[]) => {
    const child = clickrate(...args);
    assert.equal(await child.ended, 0, `${args.join(' ')}\n${child.output()}`);
    return child.output();
  };
  const deploy = () =>
    done('flink', 'deploy', '--parallelism', '2', '--checkpoint-ms', '2000', ...FLAGS);
  const sink = async () => {
    const child = clickrate('sink', '--port', '0', ...FLAGS);
    await outputOf(child, /task claimed|stand/, 30 * SECONDS);
    return child;
  };

  test('what Redis has is what the topics say', async () => {
    await done('topics', 'create', '--flink', '--parallelism', '2');
    await deploy();
    let sinking = await sink();
    const feed = new Feed({
      ...{ bootstrap: kafka.bootstrap, impressions: 'impressions', clicks: 'clicks' },
      ...{ rate: 500, products: 20, disorderMs: 500, broken: 0.02 },
    }).start();
    t.after(() => feed.stop());
    /** Waits for a window that began after this call. */
    const goesOn = async (what: string) => {
      const atMs = Date.now();
      await eventually(async () => (await newestIn(redis.url)) >= atMs, 90 * SECONDS, 250);
      const took = (Date.now() - atMs) / SECONDS;
      console.log(`  ${what}: a window that began afterwards is there after ${took.toFixed(1)} s`);
    };
    await goesOn('at the start');

    await sinking.kill('SIGKILL');
    sinking = await sink();
    await goesOn('sink killed');

    await flink.taskManager.kill();
    flink.taskManager.start();
    await goesOn('TaskManager killed');

    await kafka.brokers[1].kill();
    await pause(5 * SECONDS);
    await kafka.brokers[1].start();
    await goesOn('broker killed');

    await redis.kill();
    await pause(2 * SECONDS);
    await redis.restart();
    await goesOn('Redis killed');

    await flink.jobManager.kill();
    flink.jobManager.start();
    await flink.untilReady();
    assert.match(await deploy(), /going on from .*chk-\d+/);
    await goesOn('JobManager killed, deployed again');

    await feed.stop();
    const expected = await recount(kafka.bootstrap);
    console.log('  everything was sent');
    await eventually(
      async () => {
        assert.deepEqual(sorted(await countsInRedis(redis.url)), sorted(expected.cells));
        return true;
      },
      90 * SECONDS,
      500,
    );
    const rejected = await eventually(async () => {
      const found = await rejectedOrigins(kafka.bootstrap);
      return found.size >= expected.broken && found;
    }, 30 * SECONDS);
    assert.equal(rejected.size, expected.broken, 'each once, and none too late');
    const received = total(expected.cells) + expected.broken;
    console.log(
      `  ${received} records: ${total(expected.cells)} counted, ${rejected.size} rejected`,
    );
  });
});

/** All windows of all products in the store's history, by `product start`. */
async function countsInRedis(url: string): Promise<Map<string, Cell>> {
  const store = new RedisStore({ url });
  try {
    const cells = new Map<string, Cell>();
    for (const { product } of (await store.load()).rows)
      for (const { start, impressions, clicks } of await store.history(product, 0, Date.now()))
        cells.set(`${product} ${start}`, { impressions, clicks });
    return cells;
  } finally {
    await store.close();
  }
}

/** Start of the newest window in `ctr:latest`; 0 while Redis does not answer. */
async function newestIn(url: string): Promise<number> {
  const store = new RedisStore({ url });
  try {
    const { rows } = await store.load();
    return Math.max(0, ...rows.map(({ latest }) => latest?.start ?? 0));
  } catch {
    return 0;
  } finally {
    await store.close();
  }
}

/** Good records by product and window, counted one by one; and how many are broken. */
async function recount(bootstrap: string): Promise<{ cells: Map<string, Cell>; broken: number }> {
  const cells = new Map<string, Cell>();
  let broken = 0;
  const settings = settingsWith(SETTINGS);
  for (const { records } of await readTopics(bootstrap, ['impressions', 'clicks']))
    for (const { bytes, arrivalMs } of records) {
      const found = judgeReference(bytes, 0, bytes.length, arrivalMs, settings);
      if ('reject' in found) {
        broken++;
        continue;
      }
      const start = found.time - (found.time % SETTINGS.windowMs);
      const key = `${found.product} ${start}`;
      const cell = cells.get(key) ?? { impressions: 0, clicks: 0 };
      if (found.kind === CLICK) cell.clicks++;
      else cell.impressions++;
      cells.set(key, cell);
    }
  return { cells, broken };
}

async function rejectedOrigins(bootstrap: string): Promise<Set<string>> {
  const child = startNode('src/cli/main.ts', ['rejected', 'list', '--max', '100000'], {
    CLICKRATE_BROKERS: bootstrap,
  });
  await child.ended;
  const lines = child
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'));
  const all = lines.map((line) => JSON.parse(line) as { origin: string; offset: string });
  const origins = new Set(all.map(({ origin, offset }) => `${origin} ${offset}`));
  assert.equal(origins.size, all.length, 'exactly once');
  return origins;
}

function total(cells: Map<string, Cell>): number {
  return [...cells.values()].reduce((sum, cell) => sum + cell.impressions + cell.clicks, 0);
}

function sorted(cells: Map<string, Cell>): [string, Cell][] {
  return [...cells].sort(([a], [b]) => (a < b ? -1 : 1));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
