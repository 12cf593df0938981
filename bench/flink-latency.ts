/**
 * `npm run bench:flink-latency`: how long after a window may close (its end and the watermark's
 * delay, in the time of events that are made now) its result is in Redis, on the Flink size whole:
 * broker, job, results topic, sink, Redis.
 */
import { createClient } from '@redis/client';
import { countsAsked } from '../scripts/arguments.ts';
import { Feed } from '../test/kafka/feed.ts';
import { startFlink, withoutFlink } from '../test/support/flink-cluster.ts';
import { startKafka, withoutKafka } from '../test/support/kafka-cluster.ts';
import { outputOf, startNode } from '../test/support/processes.ts';
import { startRedis, withoutRedis } from '../test/support/redis-server.ts';
import { endOnSignals, MAIN, machine, sleep } from './measure.ts';
import { percentiles } from './percentiles.ts';

const HELP = `npm run bench:flink-latency -- [closings] [rate]

  closings   of windows, to wait for (300)
  rate       events a second (1000)`;

const [CLOSINGS, RATE] = countsAsked([300, 1_000], HELP);
const PRODUCTS = 100;
const WINDOW_MS = 1_000;
const DELAY_MS = 3_000;
const LOOK_MS = 2;
/** Closings at the start are those of processes that are still being compiled. */
const WARM_UP_MS = 40_000;
const WATCHED = ['product1', 'product2', 'product3', 'product4', 'product5'];

const why = withoutKafka() || withoutRedis() || withoutFlink();
if (why) throw new Error(why);
endOnSignals();
const closers: (() => unknown)[] = [];
const t = { after: (fn: () => unknown) => closers.push(fn) };
try {
  await bench();
} finally {
  for (const close of closers.reverse()) await close();
}

async function bench(): Promise<void> {
  const redis = await startRedis(t, { aof: 'everysec' });
  const kafka = await startKafka({ brokers: 1 });
  t.after(() => kafka.stop());
  const flink = await startFlink(1);
  t.after(() => flink.stop());
  const start = (...args: string[]) => {
    const child = startNode(MAIN, args, {
      CLICKRATE_BROKERS: kafka.bootstrap,
      CLICKRATE_REDIS: redis.url,
      CLICKRATE_GATEWAY: flink.gatewayUrl,
      CLICKRATE_JOB_MANAGER: flink.jobManagerUrl,
      CLICKRATE_WINDOW_MS: String(WINDOW_MS),
    });
    t.after(() => child.kill('SIGTERM'));
    return child;
  };
  await start('topics', 'create', '--flink').ended;
  await outputOf(start('flink', 'deploy', '--jar', flink.jar), /job \w+ runs/, 120_000);
  await outputOf(start('sink', '--port', '0'), /task claimed/, 30_000);
  const topics = { impressions: 'impressions', clicks: 'clicks' };
  const feed = new Feed({ bootstrap: kafka.bootstrap, ...topics, rate: RATE, products: PRODUCTS });
  t.after(() => feed.stop());
  feed.start();
  await sleep(WARM_UP_MS);
  const delays = await watch(redis.url, Math.ceil(CLOSINGS / WATCHED.length));
  process.stdout.write(
    `${machine()}\n${RATE} events/s, ${PRODUCTS} products, windows of ${WINDOW_MS} ms; ` +
      `${delays.length} closings, looked every ${LOOK_MS} ms\n\n` +
      'ms                                                 p50      p90      p99      max\n' +
      `${percentiles(`window end + ${DELAY_MS} ms → in Redis`, delays)}\n`,
  );
}

/** For each window of the watched products how late it was seen. */
async function watch(url: string, windows: number): Promise<number[]> {
  const seen = new Map<string, number>();
  const client = await createClient({ url }).connect();
  const untilMs = Date.now() + windows * WINDOW_MS;
  for (let isFirst = true; Date.now() < untilMs; isFirst = false) {
    for (const text of await client.hmGet('ctr:latest', WATCHED)) {
      if (text === null) continue;
      const row = JSON.parse(text) as { product_id: string; window_end: number };
      const key = `${row.product_id} ${row.window_end}`;
      // Those that were there before are not known to be new.
      if (!seen.has(key))
        seen.set(key, isFirst ? Number.NaN : Date.now() - row.window_end - DELAY_MS);
    }
    await sleep(LOOK_MS);
  }
  await client.close();
  return [...seen.values()].filter((delay) => !Number.isNaN(delay));
}
