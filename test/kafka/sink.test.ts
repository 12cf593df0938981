/** The sink on a real broker and a real Redis, behind a job that a test plays. */

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Admin } from '@platformatic/kafka';
import { OPTIONS } from '../../src/config.ts';
import { Sender } from '../../src/sources/kafka/sender.ts';
import { RedisStore } from '../../src/stores/redis/store.ts';
import { windowsOf } from '../stores/commits.ts';
import { FakeJob, type Told } from '../support/fake-job.ts';
import { type KafkaTestCluster, startKafka, withoutKafka } from '../support/kafka-cluster.ts';
import { type Child, eventually, outputOf, startNode } from '../support/processes.ts';
import { Random } from '../support/random.ts';
import { startRedis, withoutRedis } from '../support/redis-server.ts';
import { readTopics } from './log-reader.ts';

type Test = { after(fn: () => unknown): void };
type SinkProcess = Child & { url: string };

const WINDOW = 1_000;
const random = new Random(Number(process.env.CLICKRATE_SEED ?? 5));
let count = 0;

async function setUp(t: Test, cluster: KafkaTestCluster) {
  const name = `s${process.pid}-${count++}`;
  const topics = { results: `res-${name}`, rejected: `rej-${name}`, progress: `pro-${name}` };
  const data = { impressions: `imp-${name}`, clicks: `clk-${name}` };
  await cluster.createTopics([topics.results, ...Object.values(data)], 3);
  await cluster.createTopics([topics.rejected, topics.progress, `beat-${name}`], 1);
  const redis = await startRedis(t, { aof: 'always' });
  const store = new RedisStore({ url: redis.url });
  t.after(() => store.close());
  const job = new FakeJob(cluster.bootstrap, topics, WINDOW);
  t.after(() => job.close());
  const flags = {
    '--port': '0',
    '--brokers': cluster.bootstrap,
    '--redis': redis.url,
    '--results-topic': topics.results,
    '--rejected-topic': topics.rejected,
    '--progress-topic': topics.progress,
    '--heartbeat-topic': `beat-${name}`,
    '--impressions-topic': data.impressions,
    '--clicks-topic': data.clicks,
    '--window-ms': String(WINDOW),
    '--group': `g-${name}`,
  };
  const sink = async (): Promise<SinkProcess> => {
    const child = startNode('src/cli/main.ts', ['sink', ...Object.entries(flags).flat()]);
    t.after(() => child.kill('SIGKILL'));
    const [, url] = await outputOf(child, /open (http:\/\/[\d.:]+)/, 90_000);
    return { ...child, url };
  };
  return { name, topics, data, redis, store, job, sink };
}

type World = Awaited<ReturnType<typeof setUp>>;

/** Everything the job told is in Redis: rows, history and the ledger. */
async function mustBeExact({ job, store }: World, waitMs = 30_000): Promise<void> {
  await eventually(async () => {
    const status = (await store.statuses()).get('sink');
    assert.equal(status?.ledger.verdicts.counted, job.events);
    return true;
  }, waitMs);
  const byProduct = Map.groupBy(job.told.values(), ({ product }) => product);
  const rows = new Map((await store.load()).rows.map((row) => [row.product, row]));
  assert.equal(rows.size, byProduct.size);
  for (const [product, told] of byProduct) {
    const cells = told
      .map(({ start, impressions, clicks }) => ({ start, impressions, clicks }))
      .sort((a, b) => a.start - b.start);
    assert.deepEqual(rows.get(product), {
      product,
      latest: cells.at(-1),
      previous: cells.at(-2) ?? null,
    });
    assert.deepEqual(await windowsOf(store, product, 0, 9e15), cells);
  }
}

/** Windows of `products` one after the other, with revisions and repeats, until stopped. */
function play(world: World, products: number) {
  let isOver = false;
  const base = Math.floor(Date.now() / WINDOW) * WINDOW;
  const done = (async () => {
    for (let n = 0; !isOver; n++) {
      const told: Told[] = [];
      for (let p = 0; p < products; p++) {
        const one = { product: `p${p}`, start: base + n * WINDOW, impressions: 10, clicks: 1 };
        told.push(one);
        if (n > 0 && random.chance(0.2))
          told.push({ ...one, start: one.start - WINDOW, impressions: 12, clicks: 1 });
        if (n > 1 && random.chance(0.2)) told.push({ ...one, start: one.start - 2 * WINDOW });
      }
      await world.job.results(told, { tombstones: n % 3 === 0 });
      await world.job.progress(0, base + n * WINDOW + 999);
      if (n % 4 === 0) await world.job.rejected('too_late');
      await pause(40);
    }
  })();
  return async () => {
    isOver = true;
    await done;
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function ready(sink: SinkProcess): Promise<{ ready: boolean; reasons: string[] }> {
  const answer = await fetch(`${sink.url}/readyz`);
  return (await answer.json()) as { ready: boolean; reasons: string[] };
}

/** Says for the group that it has read every partition of `topic` to `offset`. */
async function committed(bootstrap: string, groupId: string, topic: string, offset: number) {
  const admin = new Admin({ clientId: 't', bootstrapBrokers: bootstrap.split(',') });
  const partitionOffsets = [0, 1, 2].map((partition) => ({ partition, offset: BigInt(offset) }));
  await admin.alterConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionOffsets }] });
  await admin.close();
}

const isReady = (sink: SinkProcess, waitMs = 30_000) =>
  eventually(async () => (await ready(sink)).ready, waitMs);

suite('the sink', { skip: withoutKafka() || withoutRedis() }, () => {
  let cluster: KafkaTestCluster;
  before(async () => {
    cluster = await startKafka({ brokers: 1 });
  });
  after(() => cluster.stop());

  test('results, revisions, repeats, tombstones, uncounted events, watermark', async (t) => {
    const world = await setUp(t, cluster);
    const { job, store } = world;
    const at = (n: number) => 1_795_472_400_000 + n * WINDOW;
    await job.results([{ product: 'a', start: at(0), impressions: 5, clicks: 1 }]);
    const sink = await world.sink();
    await isReady(sink);
    await job.results([
      { product: 'a', start: at(1), impressions: 3, clicks: 0 },
      { product: 'ü"b', start: at(1), impressions: 7, clicks: 7 },
    ]);
    await job.results([{ product: 'a', start: at(0), impressions: 6, clicks: 1 }], {
      tombstones: true,
    });
    await job.results([{ product: 'a', start: at(0), impressions: 5, clicks: 1 }]);
    for (const reason of ['too_late', 'too_late', 'not_json']) await job.rejected(reason);
    await job.rejected('too_late', 1);
    await mustBeExact(world);
    await job.progress(0, at(20));
    await eventually(async () => {
      const status = (await store.statuses()).get('sink')!;
      assert.equal(status.watermark, at(20));
      assert.equal(status.finalBefore, at(15));
      const { received, verdicts } = status.ledger;
      assert.deepEqual(
        [received, verdicts.counted, verdicts.too_late, verdicts.not_json],
        [job.events + 3, job.events, 2, 1],
      );
      return true;
    });
    // An hour of watermark later the products are gone.
    await job.progress(0, at(3_700));
    await eventually(async () => (await store.load()).rows.length === 0);
    const metrics = await (await fetch(`${sink.url}/metrics`)).text();
    assert.match(metrics, /clickrate_sink_lag_records\{task="sink"\} 0/);
    assert.equal(await sink.kill('SIGTERM'), 0, sink.output());
  });

  test('heartbeats: none while the job is behind, then until the newest window is final', async (t) => {
    const world = await setUp(t, cluster);
    const { name, data } = world;
    const sender = new Sender({ ...OPTIONS, brokers: cluster.bootstrap });
    t.after(() => sender.close());
    const time = Date.now();
    const event = { product_id: 'p', event_type: 'impression', timestamp: time };
    const to = { topic: data.impressions, key: Buffer.from('p') };
    await sender.send([
      { ...to, value: Buffer.from(JSON.stringify(event)) },
      { ...to, value: Buffer.from(JSON.stringify({ ...event, timestamp: time + 3_600_000 })) },
      { ...to, value: Buffer.from('not json') },
    ]);
    const beats = async () => {
      const [log] = await readTopics(cluster.bootstrap, [`beat-${name}`]);
      return log.records.map(({ bytes }) => JSON.parse(String(bytes)).timestamp as number);
    };
    const sink = await world.sink();
    await outputOf(sink, /heartbeats pause: no job has read imp/);
    // What is younger than 10 s the job may not have committed yet.
    await pause(Math.max(0, time + 11_000 - Date.now()));
    assert.deepEqual(await beats(), []);
    await committed(cluster.bootstrap, `g-${name}-flink`, data.impressions, 2);
    await outputOf(sink, /heartbeats pause: the job is behind/);
    assert.match((await ready(sink)).reasons.join(), /heartbeats pause/);
    const told = async () => (await fetch(`${sink.url}/metrics`)).text();
    assert.match(await told(), /clickrate_heartbeats_paused\{task="sink"\} 1/);
    assert.deepEqual(await beats(), []);
    await committed(cluster.bootstrap, `g-${name}-flink`, data.impressions, 3);
    await outputOf(sink, /heartbeats are sent/);
    assert.match(await told(), /clickrate_heartbeats_paused\{task="sink"\} 0/);
    const final = Math.floor(time / WINDOW) * WINDOW + WINDOW - 1 + 5_000 + 3_000;
    await eventually(async () => (await beats()).filter((at) => at === final).length > 1);
    const all = await beats();
    assert.deepEqual(
      all,
      [...all].sort((a, b) => a - b),
      'never back',
    );
    assert.equal(await sink.kill('SIGTERM'), 0, sink.output());
  });

  test('killed again and again under load: never crashed', async (t) => {
    const world = await setUp(t, cluster);
    const stop = play(world, 30);
    for (let n = 0; n < 4; n++) {
      const sink = await world.sink();
      await pause(random.int(50, 1_500));
      await sink.kill('SIGKILL');
    }
    const last = await world.sink();
    await pause(1_000);
    await stop();
    await mustBeExact(world);
    assert.equal(await last.kill('SIGTERM'), 0, last.output());
  });

  test('Redis away: not ready, with the reason; then exact', async (t) => {
    const world = await setUp(t, cluster);
    const sink = await world.sink();
    const stop = play(world, 10);
    await isReady(sink);
    await pause(1_000);
    await world.redis.kill();
    await eventually(async () => /commit fails|connect/.test((await ready(sink)).reasons.join()));
    await world.redis.restart();
    await isReady(sink);
    await stop();
    await mustBeExact(world);
  });

  test('a second one stands by, and takes over from one that sleeps', async (t) => {
    const world = await setUp(t, cluster);
    const first = await world.sink();
    await isReady(first);
    const second = await world.sink();
    await outputOf(second, /standing by/);
    assert.match((await ready(second)).reasons.join(), /standing by: process \d+ on/);
    const metrics = await (await fetch(`${second.url}/metrics`)).text();
    assert.match(metrics, /clickrate_task_standby\{task="sink"\} 1/);
    const stop = play(world, 10);
    await pause(1_000);
    process.kill(first.process.pid!, 'SIGSTOP');
    await isReady(second, 40_000);
    process.kill(first.process.pid!, 'SIGCONT');
    await outputOf(first, /fenced at/, 30_000);
    await outputOf(first, /standing by/);
    // Let go in order, it is taken over sooner than one that died.
    assert.equal(await second.kill('SIGTERM'), 0, second.output());
    await isReady(first);
    await stop();
    await mustBeExact(world);
  });
});
