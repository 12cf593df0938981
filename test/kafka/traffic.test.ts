/** Real brokers, real Redis, no faults: the rules of time and the ledger, held by the oracle. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Producer } from '@platformatic/kafka';
import { type KafkaTestCluster, startKafka, withoutKafka } from '../support/kafka-cluster.ts';
import { eventually } from '../support/processes.ts';
import { withoutRedis } from '../support/redis-server.ts';
import { allRunning } from './engines.ts';
import { pause, setUp } from './setup.ts';

suite('traffic on real servers', { skip: withoutKafka() || withoutRedis() }, () => {
  let cluster: KafkaTestCluster;
  before(async () => {
    cluster = await startKafka({ brokers: 1 });
  });
  after(() => cluster.stop());

  test('out of order, repeated, late and broken events: all as the oracle says', async (t) => {
    const world = await setUp(t, cluster);
    const feed = world.feed({ rate: 3_000, products: 40 });
    const engine = await world.engine();
    await pause(12_000);
    await feed.stop();
    const answers = await world.mustBeExact();
    const total = (verdict: string) =>
      answers.reduce((sum, { totals }) => sum + (totals.get(verdict) ?? 0), 0);
    for (const verdict of ['counted', 'duplicate', 'too_late', 'not_json', 'bad_event_type'])
      if (verdict !== 'bad_event_type') assert.ok(total(verdict) > 0, `no event was ${verdict}`);
    assert.equal(feed.failures, 0);
    assert.equal(await engine.kill('SIGTERM'), 0, engine.output());
    assert.match(engine.output(), /stopped: every accepted event is stored/);
  });

  test('a topic without any click does not stop impressions, and silence closes the last window', async (t) => {
    const world = await setUp(t, cluster);
    const engine = await world.engine();
    await allRunning([engine], 3);
    const feed = world.feed({ rate: 300, clickShare: 0, repeated: 0, broken: 0 });
    await pause(4_000);
    const latest = (await (await fetch(`${engine.url}/ctr/latest`)).json()) as object;
    assert.equal(Object.keys(latest).length, 5, 'windows close while the clicks are silent');
    await feed.stop();
    await world.mustBeExact();
  });

  test('what is written in a transaction is not too late when it is committed', async (t) => {
    const world = await setUp(t, cluster, { partitions: 1 });
    const engine = await world.engine();
    await allRunning([engine], 1);
    const quiet = { clickShare: 0, late: 0, repeated: 0, broken: 0 };
    const feed = world.feed({ rate: 300, ...quiet });
    const producer = new Producer({
      clientId: 'test',
      bootstrapBrokers: cluster.bootstrap.split(','),
      idempotent: true,
      transactionalId: `clicks-${world.name}`,
      // Also that of a transaction: after the 5 s of the library the broker may abort it.
      timeout: 60_000,
    });
    t.after(() => producer.close());
    await pause(2_000);
    const transaction = await producer.beginTransaction();
    const event = { product_id: 'product1', timestamp: Date.now(), event_type: 'click' };
    const value = Buffer.from(JSON.stringify(event));
    await transaction.send({ messages: [{ topic: world.clicks, partition: 0, value }] });
    // Much longer than until a quiet partition is idle, and events are too late.
    await pause(6_000);
    await transaction.commit();
    await pause(1_000);
    await feed.stop();
    const answers = await world.mustBeExact();
    assert.deepEqual(
      answers.map(({ totals }) => totals.get('too_late') ?? 0),
      [0],
    );
  });

  test('a quiet partition holds up no other, and one with only junk neither', async (t) => {
    const world = await setUp(t, cluster);
    const engine = await world.engine();
    await allRunning([engine], 3);
    // One product, so two partitions of each topic get nothing but what is broken.
    const feed = world.feed({ rate: 300, products: 1, broken: 0.3, late: 0, repeated: 0 });
    await pause(5_000);
    const latest = (await (await fetch(`${engine.url}/ctr/latest`)).json()) as Record<
      string,
      { window_end: number }
    >;
    assert.ok(latest.product1.window_end > Date.now() - 3_500, 'the windows close in time');
    await feed.stop();
    await world.mustBeExact();
  });

  test('producers away for a while, then their backlog in order: nothing is too late', async (t) => {
    const world = await setUp(t, cluster);
    const engine = await world.engine();
    await allRunning([engine], 3);
    const calm = { late: 0, repeated: 0, broken: 0, disorderMs: 0 };
    const feed = world.feed({ ...calm, rate: 500 });
    await pause(3_000);
    await feed.stop();
    const stoppedMs = Date.now();
    await pause(8_000);
    // What was made while nobody could send comes at once, at its own time.
    let now = Math.ceil((stoppedMs + 1) / 1_000) * 1_000;
    const backlog = world.feed({ ...calm, rate: 0, seed: 2, now: () => now });
    for (; now < Date.now(); now += 20) await backlog.send(10);
    await backlog.stop();
    const answers = await world.mustBeExact();
    for (const { totals } of answers) assert.equal(totals.get('too_late') ?? 0, 0);
  });

  test('hours of backlog, one topic a tenth of the other: caught up within bounded memory', async (t) => {
    const world = await setUp(t, cluster, { settings: { windowMs: 10_000 } });
    let now = Date.now() - 3 * 3_600_000;
    const plain = { late: 0, repeated: 0, broken: 0, products: 500, rate: 0, clickShare: 0.1 };
    const feed = world.feed({ ...plain, now: () => now });
    for (let n = 0; n < 300; n++, now += 36_000) await feed.send(2_000);
    await feed.stop();
    const engine = await world.engine();
    await world.mustBeExact(60_000, { historySinceMs: now - 3_500_000 });
    const metrics = await (await fetch(`${engine.url}/metrics`)).text();
    const resident = Number(/^clickrate_process_resident_memory_bytes (\S+)/m.exec(metrics)![1]);
    assert.ok(resident < 450e6, `${resident} bytes resident`);
  });

  test('a backlog within one window: broken events are kept with their own bytes', async (t) => {
    const world = await setUp(t, cluster, { settings: { windowMs: 10_000 } });
    const now = Date.now() - 60_000;
    const rare = { late: 0, repeated: 0, disorderMs: 0, broken: 0.002, products: 50, rate: 0 };
    const feed = world.feed({ ...rare, now: () => now });
    // Many answers of a fetch to a commit: the bytes of the first are long read into again.
    for (let n = 0; n < 200; n++) await feed.send(2_000);
    await feed.stop();
    await world.engine();
    await world.mustBeExact();
  });

  test('the original keys and the API say the same, and readiness is true', async (t) => {
    const world = await setUp(t, cluster);
    const engine = await world.engine();
    await allRunning([engine], 3);
    const feed = world.feed({ rate: 200 });
    await eventually(async () => world.redis.cli('HLEN', 'ctr:previous') === '5');
    await feed.stop();
    await world.mustBeExact();
    for (const which of ['latest', 'previous']) {
      const answer = await fetch(`${engine.url}/ctr/${which}`);
      const served = (await answer.json()) as Record<string, unknown>;
      for (const [product, result] of Object.entries(served)) {
        const stored = world.redis.cli('HGET', `ctr:${which}`, product);
        assert.equal(stored, JSON.stringify(result));
      }
      assert.equal(Object.keys(served).length, 5);
    }
  });
});
