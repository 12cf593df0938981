/**
 * `npm run bench:latency`: how long after the broker took the record that lets a task close a
 * window its result is in Redis, and in the API. 10 000 events a second, windows of one second,
 * real servers on this machine. Arguments: closings to wait for, events a second.
 */
import { createClient } from 'redis';
import { allRunning } from '../test/kafka/engines.ts';
import { readTopics } from '../test/kafka/log-reader.ts';
import { setUp } from '../test/kafka/setup.ts';
import type { Log, LogRecord } from '../test/oracle/oracle.ts';
import { startKafka, withoutKafka } from '../test/support/kafka-cluster.ts';
import { startNode } from '../test/support/processes.ts';
import { withoutRedis } from '../test/support/redis-server.ts';
import { machine } from './measure.ts';

const CLOSINGS = Number(process.argv[2] ?? 300);
const RATE = Number(process.argv[3] ?? 10_000);
const PRODUCTS = 1_000;
const DELAY_MS = 500;
const LOOK_MS = 2;
/** Closings at the start are those of a process that is still being compiled. */
const WARM_UP_MS = 5_000;

/** When each window of a product was first seen: `product start` → epoch milliseconds. */
type Sightings = Map<string, number>;
type Latest = { product_id: string; window_start: number };

const why = withoutKafka() || withoutRedis();
if (why) throw new Error(why);

const closers: (() => unknown)[] = [];
const t = { after: (fn: () => unknown) => closers.push(fn) };
const cluster = await startKafka({ brokers: 1 });
closers.push(() => cluster.stop());
try {
  await bench();
} finally {
  for (const close of closers.reverse()) await close();
}

async function bench(): Promise<void> {
  const world = await setUp(t, cluster, {
    aof: 'everysec',
    settings: { watermarkDelayMs: DELAY_MS },
  });
  const engine = await world.engine();
  // A process of its own: it must not keep those who look from looking.
  const producer = startNode('src/cli/main.ts', [
    ...['produce', '--rate', String(RATE), '--products', String(PRODUCTS)],
    ...['--brokers', cluster.bootstrap, '--impressions-topic', world.impressions],
    ...['--clicks-topic', world.clicks],
  ]);
  t.after(() => producer.kill());
  await allRunning([engine], 3);
  await sleep(WARM_UP_MS);
  const products = await oneProductOfEachTask(world.redis.url);
  const fromMs = Date.now();
  const untilMs = fromMs + Math.ceil(CLOSINGS / products.length) * 1_000 + 4_000;
  const [inRedis, inApi] = await Promise.all([
    watchRedis(world.redis.url, products, untilMs),
    watchApi(engine.url, products, untilMs),
  ]);
  await producer.kill('SIGTERM');
  const logs = await readTopics(cluster.bootstrap, [world.impressions, world.clicks]);
  const delays = { redis: [] as number[], api: [] as number[] };
  for (const [task, product] of products.entries()) {
    const ours = logs.filter(({ partition }) => partition.endsWith(`-${task}`));
    for (let start = Math.ceil(fromMs / 1_000) * 1_000; start < untilMs - 3_000; start += 1_000) {
      const closeMs = Math.max(...ours.map(({ records }) => closedBy(records, start + 1_000)));
      const key = `${product} ${start}`;
      delays.redis.push((inRedis.get(key) ?? Number.NaN) - closeMs);
      delays.api.push((inApi.get(key) ?? Number.NaN) - closeMs);
    }
  }
  process.stdout.write(
    `${machine()}\n${eventRate(logs, fromMs, untilMs)} events/s; ` +
      `${delays.redis.length} closings of ` +
      `${products.length} tasks; looked every ${LOOK_MS} ms\n\n` +
      'append time of the closing record → visible, ms       p50      p90      p99      max\n',
  );
  for (const [name, values] of Object.entries(delays)) row(name, values);
}

/** Events a second that the broker took meanwhile. */
function eventRate(logs: readonly Log[], fromMs: number, untilMs: number): string {
  const taken = logs.reduce(
    (sum, { records }) =>
      sum + records.filter(({ arrivalMs }) => arrivalMs >= fromMs && arrivalMs < untilMs).length,
    0,
  );
  return (taken / ((untilMs - fromMs) / 1_000)).toFixed(0);
}

/** Append time of the first record that takes a partition's watermark to a window's end. */
function closedBy(records: readonly LogRecord[], end: number): number {
  for (const { bytes, arrivalMs } of records) {
    const { timestamp } = JSON.parse(Buffer.from(bytes).toString()) as { timestamp: number };
    if (timestamp - DELAY_MS >= end - 1) return arrivalMs;
  }
  return Number.NaN;
}

/** Products by task, as the store has given them out. */
async function oneProductOfEachTask(url: string): Promise<string[]> {
  const client = await createClient({ url }).connect();
  try {
    const owners = Object.entries(await client.hGetAll('ctr:products'));
    return ['0', '1', '2'].map((task) => {
      const owned = owners.find(([, owner]) => owner.split(' ')[1] === task);
      if (owned === undefined) throw new Error(`task ${task} owns no product`);
      return owned[0];
    });
  } finally {
    await client.close();
  }
}

async function watchRedis(url: string, products: readonly string[], untilMs: number) {
  const seen: Sightings = new Map();
  const client = await createClient({ url }).connect();
  while (Date.now() < untilMs) {
    const texts = await client.hmGet('ctr:latest', [...products]);
    for (const text of texts) if (text !== null) note(seen, JSON.parse(text) as Latest);
    await sleep(LOOK_MS);
  }
  await client.close();
  return seen;
}

async function watchApi(url: string, products: readonly string[], untilMs: number) {
  const seen: Sightings = new Map();
  while (Date.now() < untilMs) {
    for (const product of products) {
      const answer = await fetch(`${url}/ctr/${product}`);
      note(seen, ((await answer.json()) as { latest: Latest }).latest);
    }
    await sleep(LOOK_MS);
  }
  return seen;
}

function note(seen: Sightings, { product_id, window_start }: Latest): void {
  const key = `${product_id} ${window_start}`;
  if (!seen.has(key)) seen.set(key, Date.now());
}

function row(name: string, values: readonly number[]): void {
  const known = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const at = (share: number) => known[Math.min(known.length - 1, Math.floor(share * known.length))];
  const figures = [0.5, 0.9, 0.99, 1].map((share) => at(share).toFixed(0).padStart(8));
  const unseen = values.length - known.length;
  process.stdout.write(
    `${name.padEnd(46)}${figures.join(' ')}${unseen > 0 ? `   ${unseen} unseen` : ''}\n`,
  );
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
