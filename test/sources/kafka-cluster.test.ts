/** Brokers that do not know the requests we fetch with are told apart from such as are away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Consumer } from '@platformatic/kafka';
import { OPTIONS } from '../../src/config.ts';
import { KafkaCluster } from '../../src/sources/kafka/cluster.ts';

const FETCH = 1;

/** A cluster whose brokers know Fetch as `brokers` says by then, and how often they were asked. */
function clusterOf(brokers: { last: number | null }) {
  const asked = { versions: 0, topics: 0 };
  const topic = { id: 'x', partitionsCount: 1, partitions: [{ leader: 1 }] };
  const consumer = {
    on() {},
    async listApis() {
      asked.versions++;
      if (brokers.last === null) throw new Error('Connection refused');
      return [
        { apiKey: 0, maxVersion: 99 },
        { apiKey: FETCH, maxVersion: brokers.last },
      ];
    },
    async metadata() {
      asked.topics++;
      const known = new Map([[1, { host: 'a', port: 9_092 }]]);
      return { topics: new Map([['clicks', topic]]), brokers: known };
    },
  };
  const cluster = new KafkaCluster(
    { ...OPTIONS, groupInstance: '' },
    {
      consumer: () => consumer as unknown as Consumer,
      connect: () => assert.fail('nothing is fetched'),
    },
  );
  return { cluster, asked };
}

test('brokers older than Kafka 3.1 are told in a sentence, until they are newer', async () => {
  const brokers: { last: number | null } = { last: 12 };
  const { cluster, asked } = clusterOf(brokers);
  const tooOld = {
    code: 'source_unavailable',
    message: 'the brokers take Fetch up to version 12; 13 is needed, as of Kafka 3.1',
  };
  await assert.rejects(cluster.topic('clicks'), tooOld);
  await assert.rejects(cluster.leader('clicks', 0), tooOld);
  assert.deepEqual(asked, { versions: 2, topics: 0 });
  brokers.last = null;
  await assert.rejects(cluster.topic('clicks'), {
    code: 'source_unavailable',
    message: 'asking the brokers what they know fails: Connection refused',
  });
  brokers.last = 13;
  assert.equal((await cluster.topic('clicks')).id, 'x');
  assert.deepEqual(await cluster.leader('clicks', 0), { host: 'a', port: 9_092, topicId: 'x' });
  assert.deepEqual(asked, { versions: 4, topics: 2 }, 'who is new enough is not asked again');
});
