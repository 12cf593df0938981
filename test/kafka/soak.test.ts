/** Forty seconds of what `test/long/soak.test.ts` does for ten: two faults, fewer events and readers. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { soak } from '../long/soak.ts';
import { type KafkaTestCluster, startKafka, withoutKafka } from '../support/kafka-cluster.ts';
import { withoutRedis } from '../support/redis-server.ts';

const skip = withoutKafka() || withoutRedis();
let cluster: KafkaTestCluster;

before(async () => {
  if (skip === false) cluster = await startKafka({ brokers: 3 });
});
after(() => cluster?.stop());

test('forty seconds with two faults lose nothing', { skip }, async (t) => {
  const seed = Number(process.env.CLICKRATE_SEED ?? Date.now() % 1e6);
  const load = { rate: 2_000, readers: 100, products: 200 };
  const options = { minutes: 2 / 3, faults: 2, seed, ...load };
  const { events, perSecond, held } = await soak(t, cluster, options);
  t.diagnostic(`${events} events, ${perSecond} a second`);
  for (const { residentMb } of held) assert.ok(residentMb < 400, `${residentMb} MB resident`);
});
