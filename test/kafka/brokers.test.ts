/** Three brokers that die and come back: nothing hangs, readiness is true, the counts are exact. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Admin } from '@platformatic/kafka';
import { OPTIONS } from '../../src/config.ts';
import { KafkaCluster } from '../../src/sources/kafka/cluster.ts';
import { Topics } from '../../src/sources/kafka/topics.ts';
import { type KafkaTestCluster, startKafka, withoutKafka } from '../support/kafka-cluster.ts';
import { eventually } from '../support/processes.ts';
import { withoutRedis } from '../support/redis-server.ts';
import { allRunning, type Engine, readiness } from './engines.ts';
import { pause, setUp } from './setup.ts';

/** How long after the last server is healthy everything must be counted. */
const CAUGHT_UP_MS = 15_000;

async function leaderOf(cluster: KafkaTestCluster, topic: string): Promise<number> {
  const bootstrapBrokers = cluster.bootstrap.split(',');
  const admin = new Admin({ clientId: 'test', bootstrapBrokers });
  const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true });
  await admin.close();
  return topics.get(topic)!.partitions[0].leader;
}

async function mustSayNotReady(engine: Engine, reason: RegExp): Promise<void> {
  await eventually(async () => {
    const said = await readiness(engine);
    if (said !== null && !said.ready && reason.test(said.reasons.join('; '))) return true;
    throw new Error(`it says ${JSON.stringify(said?.reasons)}, ready ${said?.ready}`);
  });
}

suite('brokers that fail', { skip: withoutKafka() || withoutRedis() }, () => {
  let cluster: KafkaTestCluster;
  before(async () => {
    cluster = await startKafka({ brokers: 3 });
  });
  after(() => cluster.stop());
  const brokerOf = (id: number) => cluster.brokers.find((broker) => broker.id === id)!;

  test('a topic that was made is known to every broker, however busy they are', async (t) => {
    const name = `made-${process.pid}`;
    const plan = { replicas: 3, configs: {} };
    const options = { ...OPTIONS, brokers: cluster.bootstrap };
    const topics = new Topics(options);
    t.after(() => topics.close());
    // While brokers make these partitions, they do not hear of the next topic.
    const admin = new Admin({ clientId: 'test', bootstrapBrokers: cluster.bootstrap.split(',') });
    await admin.createTopics({ topics: [`many-${name}`], partitions: 100, replicas: 3 });
    await admin.close();
    await topics.ensure({ ...plan, name, partitions: 2 });
    const partitionsOf = async (brokers: string) => {
      const one = new KafkaCluster({ ...options, brokers, group: name, groupInstance: '' });
      t.after(() => one.close());
      return (await one.topic(name)).partitionsCount;
    };
    const all = () => Promise.all(cluster.bootstrap.split(',').map(partitionsOf));
    assert.deepEqual(await all(), [2, 2, 2]);
    await topics.grow(name, 4);
    assert.deepEqual(await all(), [4, 4, 4]);
    await topics.remove([name, `many-${name}`]);
  });

  test('the leader of a partition is killed, and comes back', async (t) => {
    const world = await setUp(t, cluster);
    const engine = await world.engine();
    await allRunning([engine], 3);
    const feed = world.feed({ rate: 800 });
    await pause(3_000);
    const leader = brokerOf(await leaderOf(cluster, world.impressions));
    await leader.kill();
    await mustSayNotReady(engine, /broker|leader|imp-|clk-/);
    // The other two go on without it.
    await allRunning([engine], 3, 40_000);
    await pause(3_000);
    await leader.start();
    await pause(2_000);
    await feed.stop();
    await world.mustBeExact(CAUGHT_UP_MS);
  });

  test('two of three are killed: it stops, says so, and goes on when they are back', async (t) => {
    const world = await setUp(t, cluster);
    const engine = await world.engine();
    await allRunning([engine], 3);
    const feed = world.feed({ rate: 800 });
    await pause(3_000);
    const [first, second] = cluster.brokers;
    await Promise.all([first.kill(), second.kill()]);
    await mustSayNotReady(engine, /broker|leader|imp-|clk-/);
    const committed = async () => [...(await world.store.statuses()).values()];
    const before = (await committed()).map(({ watermark }) => watermark);
    await pause(5_000);
    const later = (await committed()).map(({ watermark }) => watermark);
    assert.ok(
      later.every((at, n) => at! - before[n]! < 3_000),
      'no time passes unseen',
    );
    await Promise.all([first.start(), second.start()]);
    await pause(3_000);
    await feed.stop();
    await allRunning([engine], 3, 40_000);
    await world.mustBeExact(CAUGHT_UP_MS);
  });

  test('a rolling restart of all three', async (t) => {
    const world = await setUp(t, cluster);
    const engine = await world.engine();
    await allRunning([engine], 3);
    const feed = world.feed({ rate: 800 });
    for (const broker of cluster.brokers) {
      await pause(2_000);
      await broker.kill('SIGTERM');
      await broker.start();
      await allRunning([engine], 3, 40_000);
    }
    await feed.stop();
    await world.mustBeExact(CAUGHT_UP_MS);
    assert.equal(await engine.kill('SIGTERM'), 0);
  });
});
