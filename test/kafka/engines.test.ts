/** Engines that die, sleep, come and go, on real servers: the counts stay those of the oracle. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type KafkaTestCluster, startKafka, withoutKafka } from '../support/kafka-cluster.ts';
import { outputOf } from '../support/processes.ts';
import { Random } from '../support/random.ts';
import { withoutRedis } from '../support/redis-server.ts';
import { allRunning, type Engine } from './engines.ts';
import { pause, setUp } from './setup.ts';

const random = new Random(Number(process.env.CLICKRATE_SEED ?? 7));

suite('engines that fail', { skip: withoutKafka() || withoutRedis() }, () => {
  let cluster: KafkaTestCluster;
  before(async () => {
    cluster = await startKafka({ brokers: 1 });
  });
  after(() => cluster.stop());

  test('killed at every step, several times each', async (t) => {
    const world = await setUp(t, cluster);
    const feed = world.feed({ rate: 1_500, products: 20 });
    for (const step of [1, 2, 3, 4, 5, 6])
      for (const count of [1, random.int(2, 12)]) {
        const file = 'test/support/kafka-child.ts';
        const env = { KILL_AT: `${step}:${count}` };
        const flags = ['--group-instance', 'the-one'];
        const started = world.engine({ file, env, flags });
        const engine = await started.catch((error: Error) => error.message);
        // Killed before its port was open is one of the moments to survive.
        if (typeof engine === 'string') continue;
        assert.equal(await engine.ended, 'SIGKILL', engine.output());
      }
    const engine = await world.engine({ flags: ['--group-instance', 'the-one'] });
    await feed.stop();
    await world.mustBeExact();
    assert.equal(await engine.kill('SIGTERM'), 0);
  });

  test('one, three, two, three engines, one of them killed', async (t) => {
    const world = await setUp(t, cluster);
    const feed = world.feed({ rate: 1_500, products: 20 });
    const engines: Engine[] = [await world.engine()];
    await allRunning(engines, 3);
    engines.push(await world.engine(), await world.engine());
    await allRunning(engines, 3);
    await pause(4_000);
    await engines.shift()!.kill('SIGKILL');
    await allRunning(engines, 3, 30_000);
    await pause(2_000);
    engines.push(await world.engine());
    await allRunning(engines, 3);
    await pause(4_000);
    await feed.stop();
    await world.mustBeExact();
    const ends = await Promise.all(engines.map((engine) => engine.kill('SIGTERM')));
    assert.deepEqual(ends, [0, 0, 0]);
  });

  test('one that sleeps 30 s wakes as a zombie, is fenced, and comes back', async (t) => {
    const world = await setUp(t, cluster);
    const feed = world.feed({ rate: 1_000, products: 20 });
    const sleeper = await world.engine();
    await allRunning([sleeper], 3);
    await pause(2_000);
    process.kill(sleeper.process.pid!, 'SIGSTOP');
    const other = await world.engine();
    await allRunning([other], 3, 30_000);
    await pause(12_000);
    process.kill(sleeper.process.pid!, 'SIGCONT');
    await outputOf(sleeper, /fenced at|the task ended|no longer|not in the consumer group/);
    await allRunning([sleeper, other], 3, 30_000);
    await feed.stop();
    await world.mustBeExact();
  });
});
