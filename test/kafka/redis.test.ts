/** A Redis that dies, forgets, sleeps or does not answer; and topics that are made anew. */
import assert from 'node:assert/strict';
import { readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Admin } from '@platformatic/kafka';
import { type KafkaTestCluster, startKafka, withoutKafka } from '../support/kafka-cluster.ts';
import { eventually, outputOf } from '../support/processes.ts';
import { startProxy } from '../support/proxy.ts';
import { withoutRedis } from '../support/redis-server.ts';
import { allRunning, readiness } from './engines.ts';
import { pause, setUp } from './setup.ts';

suite('a store that fails', { skip: withoutKafka() || withoutRedis() }, () => {
  let cluster: KafkaTestCluster;
  before(async () => {
    cluster = await startKafka({ brokers: 1 });
  });
  after(() => cluster.stop());

  test('killed and started again, with AOF: nothing lost, nothing doubled', async (t) => {
    const world = await setUp(t, cluster);
    const engine = await world.engine();
    const feed = world.feed({ rate: 1_500 });
    await allRunning([engine], 3);
    for (let n = 0; n < 3; n++) {
      await pause(1_500);
      await world.redis.kill();
      await pause(500);
      await world.redis.restart();
      await allRunning([engine], 3);
    }
    await feed.stop();
    await world.mustBeExact();
    assert.equal(await engine.kill('SIGTERM'), 0, engine.output());
  });

  test('its last seconds are cut off: the commit is refused, and all is read again', async (t) => {
    const world = await setUp(t, cluster);
    const engine = await world.engine();
    const feed = world.feed({ rate: 1_500 });
    await allRunning([engine], 3);
    await pause(5_000);
    await world.redis.kill();
    const directory = join(world.redis.directory, 'appendonlydir');
    const log = readdirSync(directory).find((name) => name.endsWith('.incr.aof'))!;
    const { size } = statSync(join(directory, log));
    truncateSync(join(directory, log), Math.floor(size * 0.7));
    await world.redis.restart();
    await outputOf(engine, /fenced at commit/);
    await allRunning([engine], 3);
    await pause(2_000);
    await feed.stop();
    await world.mustBeExact();
  });

  test('emptied: windows after the stated start are exact, the rest is said to be lost', async (t) => {
    // The floor lies 10 s behind the first record's append time, so it takes a while to pass.
    const world = await setUp(t, cluster);
    const engine = await world.engine();
    const feed = world.feed({ rate: 600 });
    await allRunning([engine], 3);
    await pause(4_000);
    world.redis.cli('FLUSHALL');
    await outputOf(engine, /it was lost; reading/);
    await pause(10_000);
    await feed.stop();
    await world.mustBeExact();
    const statuses = [...(await world.store.statuses()).values()];
    assert.ok(
      statuses.every(({ publishFloor }) => publishFloor === null),
      'nothing was missing',
    );
  });

  test('emptied, and the log no longer begins at its beginning: exact from the floor on', async (t) => {
    const world = await setUp(t, cluster, { settings: { futureMs: 3_000 } });
    const engine = await world.engine();
    const feed = world.feed({ rate: 600 });
    await allRunning([engine], 3);
    await pause(3_000);
    await deleteFirst(cluster.bootstrap, [world.impressions, world.clicks], 50);
    world.redis.cli('FLUSHALL');
    await outputOf(engine, /task claimed, no checkpoint yet[\s\S]*fenced[\s\S]*claimed, no/);
    await pause(6_000);
    await feed.stop();
    const answers = await world.mustBeExact();
    const statuses = [...(await world.store.statuses()).values()];
    assert.ok(
      statuses.every(({ publishFloor }) => publishFloor !== null),
      'the floor is told',
    );
    // Some windows are withheld, others published.
    const windows = new Set(
      answers.flatMap(({ cells }) => [...cells.values()].flatMap((c) => [...c.keys()])),
    );
    const { publishFloor } = statuses[0];
    assert.ok([...windows].some((start) => start <= publishFloor!));
    assert.ok([...windows].some((start) => start > publishFloor!));
  });

  test('paused for 20 s: not ready meanwhile, then caught up', async (t) => {
    const world = await setUp(t, cluster);
    const engine = await world.engine();
    const feed = world.feed({ rate: 600 });
    await allRunning([engine], 3);
    world.redis.pause();
    await eventually(async () => (await readiness(engine))?.ready === false);
    await pause(20_000);
    world.redis.resume();
    await allRunning([engine], 3);
    await feed.stop();
    await world.mustBeExact();
  });

  test('the answer to a commit that was applied is lost, with newer windows waiting', async (t) => {
    const world = await setUp(t, cluster);
    const proxy = await startProxy(t, world.redis.port);
    const engine = await world.engine({ redis: `redis://127.0.0.1:${proxy.port}` });
    const feed = world.feed({ rate: 1_500 });
    await allRunning([engine], 3);
    for (let n = 1; n <= 4; n++) {
      proxy.loseAnswerTo(/EVAL\r[\s\S]*"received"/);
      await eventually(async () => proxy.lost() >= n);
      await pause(1_200);
    }
    await allRunning([engine], 3);
    await feed.stop();
    await world.mustBeExact();
    assert.doesNotMatch(engine.output(), /fenced at/, 'a repeat is no stranger');
  });

  test('topics deleted and made anew under a kept checkpoint', async (t) => {
    const world = await setUp(t, cluster);
    const engine = await world.engine();
    const feed = world.feed({ rate: 600 });
    await allRunning([engine], 3);
    await pause(3_000);
    await feed.stop();
    await world.mustBeExact();
    const admin = new Admin({ clientId: 't', bootstrapBrokers: cluster.bootstrap.split(',') });
    const topics = [world.impressions, world.clicks];
    await admin.deleteTopics({ topics });
    await admin.close();
    await eventually(
      async () => {
        await cluster.createTopics(topics, 3);
        return true;
      },
      10_000,
      500,
    );
    await outputOf(engine, /another topic: starting anew/);
    const again = world.feed({ rate: 600, seed: 9 });
    await pause(6_000);
    await again.stop();
    await allRunning([engine], 3);
    await world.mustBeExact(15_000, { keptBefore: true });
  });
});

/** Deletes the first `count` records of each partition of 3, as retention would. */
async function deleteFirst(bootstrap: string, topics: readonly string[], count: number) {
  const admin = new Admin({ clientId: 't', bootstrapBrokers: bootstrap.split(',') });
  const partitions = [0, 1, 2].map((partition) => ({ partition, offset: BigInt(count) }));
  await admin.deleteRecords({ topics: topics.map((name) => ({ name, partitions })) });
  await admin.close();
}
