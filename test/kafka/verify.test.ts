/** `clickrate verify --store redis`: a recount of real topics against what is in a real Redis. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { verifyRedis } from '../../src/cli/verify-store.ts';
import { OPTIONS } from '../../src/config.ts';
import { startKafka, withoutKafka } from '../support/kafka-cluster.ts';
import { withoutRedis } from '../support/redis-server.ts';
import { pause, setUp } from './setup.ts';

suite('verify on real servers', { skip: withoutKafka() || withoutRedis() }, () => {
  test('topics and Redis agree; what is planted is found', async (t) => {
    const cluster = await startKafka({ brokers: 1 });
    t.after(() => cluster.stop());
    const world = await setUp(t, cluster);
    // Times on both sides of 1970: negative ones are as good as others.
    const zeroMs = Date.now() + 4_000;
    const feed = world.feed({ rate: 1_000, products: 20, now: () => Date.now() - zeroMs });
    const engine = await world.engine();
    await pause(5_000);
    await feed.stop();
    await world.mustBeExact();
    assert.equal(await engine.kill('SIGTERM'), 0, engine.output());
    const topics = { impressionsTopic: world.impressions, clicksTopic: world.clicks };
    const options = { ...OPTIONS, ...topics, brokers: cluster.bootstrap, redis: world.redis.url };
    const verify = () => verifyRedis(options, AbortSignal.timeout(60_000));
    const { differences, expected } = await verify();
    assert.deepEqual(differences, []);
    assert.ok((expected.ledger.get('received') ?? 0) > 1_000 && expected.windows.size > 20);
    const text = world.redis.cli('HGET', 'ctr:latest', 'product1');
    const more = text.replace(/"impressions":(\d+)/, (_, n) => `"impressions":${Number(n) + 1}`);
    world.redis.cli('HSET', 'ctr:latest', 'product1', more);
    const planted = await verify();
    assert.deepEqual(
      planted.differences.map(({ engine: who, what }) => [who, what]),
      [['latest, previous', 'window']],
    );
  });
});
