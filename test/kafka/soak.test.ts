/**
 * Forty seconds of what `test/long/soak.test.ts` does for ten minutes: two faults, fewer events and
 * readers. The same faults each time; the long one draws others each time.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FAULTS } from '../long/faults.ts';
import { soak } from '../long/soak.ts';
import { type KafkaTestCluster, startKafka, withoutKafka } from '../support/kafka-cluster.ts';
import { withoutRedis } from '../support/redis-server.ts';

const skip = withoutKafka() || withoutRedis();
const SEED = 1;
const KINDS = FAULTS.filter(({ name }) => /^(Redis|an engine) is killed/.test(name));
let cluster: KafkaTestCluster;

before(async () => {
  if (skip === false) cluster = await startKafka({ brokers: 3 });
});
after(() => cluster?.stop());

test('forty seconds with two faults lose nothing', { skip }, async (t) => {
  const seed = Number(process.env.CLICKRATE_SEED ?? SEED);
  const load = { rate: 2_000, readers: 100, products: 200 };
  const options = { minutes: 2 / 3, faults: 2, kinds: KINDS, seed, ...load };
  const { events, perSecond, held } = await soak(t, cluster, options);
  t.diagnostic(`${events} events, ${perSecond} a second`);
  for (const { residentMb } of held) assert.ok(residentMb < 400, `${residentMb} MB resident`);
});
