/** `clickrate verify --store redis`: a recount of real topics against what is in a real Redis. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Admin, Producer } from '@platformatic/kafka';
import { verifyRedis } from '../../src/cli/verify-store.ts';
import { OPTIONS } from '../../src/config.ts';
import type { ClickrateError } from '../../src/errors.ts';
import { type KafkaTestCluster, startKafka, withoutKafka } from '../support/kafka-cluster.ts';
import { startRedis, withoutRedis } from '../support/redis-server.ts';
import { allRunning } from './engines.ts';
import { pause, setUp } from './setup.ts';

suite('verify on real servers', { skip: withoutKafka() || withoutRedis() }, () => {
  let cluster: KafkaTestCluster;
  before(async () => {
    cluster = await startKafka({ brokers: 1 });
  });
  after(() => cluster.stop());
  type World = Pick<Awaited<ReturnType<typeof setUp>>, 'impressions' | 'clicks' | 'redis'>;
  const verifyWorld = ({ impressions, clicks, redis }: World) => {
    const topics = { impressionsTopic: impressions, clicksTopic: clicks };
    const options = { ...OPTIONS, ...topics, brokers: cluster.bootstrap, redis: redis.url };
    return verifyRedis(options, AbortSignal.timeout(60_000));
  };

  test('topics and Redis agree; what is planted is found', async (t) => {
    const world = await setUp(t, cluster);
    // Times on both sides of 1970: negative ones are as good as others.
    const zeroMs = Date.now() + 4_000;
    const feed = world.feed({ rate: 1_000, products: 20, now: () => Date.now() - zeroMs });
    const engine = await world.engine();
    await pause(5_000);
    await feed.stop();
    await world.mustBeExact();
    assert.equal(await engine.kill('SIGTERM'), 0, engine.output());
    const { differences, expected, how } = await verifyWorld(world);
    assert.deepEqual(differences, []);
    assert.equal(how, 'the topics have all events');
    assert.ok((expected.ledger.get('received') ?? 0) > 1_000 && expected.windows.size > 20);
    const text = world.redis.cli('HGET', 'ctr:latest', 'product1');
    const more = text.replace(/"impressions":(\d+)/, (_, n) => `"impressions":${Number(n) + 1}`);
    world.redis.cli('HSET', 'ctr:latest', 'product1', more);
    const planted = await verifyWorld(world);
    assert.deepEqual(
      planted.differences.map(({ engine: who, what }) => [who, what]),
      [['latest, previous', 'window']],
    );
  });

  test('an engine that commits meanwhile is told of, and is no difference', async (t) => {
    const world = await setUp(t, cluster);
    const feed = world.feed({ rate: 1_000, products: 20 });
    const engine = await world.engine();
    await allRunning([engine], 3);
    const verified = [];
    for (let i = 0; i < 12; i++)
      verified.push(await verifyWorld(world).catch((error: ClickrateError) => error.code));
    await feed.stop();
    assert.equal(await engine.kill('SIGTERM'), 0, engine.output());
    for (const one of verified)
      if (typeof one === 'string') assert.equal(one, 'not_ready');
      else assert.deepEqual(one.differences, []);
  });

  test('of a compacted topic it is not said that all events are there', async (t) => {
    const redis = await startRedis(t);
    const [impressions, clicks] = [`imp-compact-${process.pid}`, `clk-whole-${process.pid}`];
    await cluster.createTopics([clicks], 1);
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: [cluster.bootstrap] });
    const configs = [{ name: 'cleanup.policy', value: 'compact,delete' }];
    await admin.createTopics({ topics: [impressions], partitions: 1, replicas: 1, configs });
    await admin.close();
    const { how } = await verifyWorld({ impressions, clicks, redis });
    assert.equal(how, `of ${impressions}, compacted, only what the brokers have left is compared`);
  });

  test('aborted transactions, also at the beginning, and tombstones are no difference', async (t) => {
    const world = await setUp(t, cluster, { partitions: 1 });
    const producer = new Producer({
      clientId: 'test',
      bootstrapBrokers: cluster.bootstrap.split(','),
      idempotent: true,
      transactionalId: `verify-${world.name}`,
    });
    t.after(() => producer.close());
    for (const isCommitted of [false, false, true, false, true]) {
      const event = { product_id: 'p', timestamp: Date.now(), event_type: 'impression' };
      const place = { topic: world.impressions, partition: 0 };
      const tombstone = null as unknown as Buffer;
      const values = [Buffer.from(JSON.stringify(event)), tombstone];
      const transaction = await producer.beginTransaction();
      await transaction.send({ messages: values.map((value) => ({ ...place, value })) });
      await (isCommitted ? transaction.commit() : transaction.abort());
    }
    const engine = await world.engine();
    await allRunning([engine], 1);
    await pause(5_000);
    assert.equal(await engine.kill('SIGTERM'), 0, engine.output());
    const { differences, expected } = await verifyWorld(world);
    assert.deepEqual(differences, []);
    const ledger = { received: 4, counted: 2, not_json: 2 };
    assert.deepEqual(Object.fromEntries(expected.ledger), ledger);
  });
});
