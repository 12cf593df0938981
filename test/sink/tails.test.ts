/** Where the data topics' logs begin and end, as heartbeats ask for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, OPTIONS, settingsWith } from '../../src/config.ts';
import { Tails } from '../../src/sink/tails.ts';
import { clientOptions } from '../../src/sources/kafka/client.ts';
import type { KafkaCluster } from '../../src/sources/kafka/cluster.ts';
import { SimClock } from '../support/sim-clock.ts';

/** Of a cluster whose broker was just lost: the one partition it led has no leader yet. */
test('a lost broker rejects what is asked, and nothing that nobody hears', async () => {
  const partitions = { 0: { leader: 1 }, 1: { leader: -1 } };
  const cluster = {
    clientOptions: clientOptions({ ...OPTIONS, brokers: 'h:1' }),
    topic: async () => ({ partitions }),
    bounds: async () => {
      throw new Error('the broker is gone');
    },
  } as unknown as KafkaCluster;
  const parts = { cluster, clock: new SimClock(0), limits: LIMITS, settings: settingsWith({}) };
  await assert.rejects(new Tails(parts).logs(['clicks']), /clicks-1 has no leader now/);
  // What nobody has heard of by then fails the test, as it would end the sink.
  await new Promise(setImmediate);
});
