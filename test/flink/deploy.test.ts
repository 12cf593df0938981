/** Stopped, replaced, cancelled: what the next job goes on from, on a real cluster. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Admin } from '@platformatic/kafka';
import { logsOf } from '../../src/cli/flink-logs.ts';
import { OPTIONS } from '../../src/config.ts';
import { JobManager } from '../../src/flink/jobmanager.ts';
import { readResult } from '../../src/sink/records.ts';
import { KafkaCluster } from '../../src/sources/kafka/cluster.ts';
import { readTopic } from '../../src/sources/kafka/reader.ts';
import { Sender } from '../../src/sources/kafka/sender.ts';
import { Topics } from '../../src/sources/kafka/topics.ts';
import { withoutFlink } from '../support/flink-cluster.ts';
import { FlinkSize } from '../support/flink-size.ts';
import { withoutKafka } from '../support/kafka-cluster.ts';
import { eventually } from '../support/processes.ts';
import { withoutRedis } from '../support/redis-server.ts';

const SECONDS = 1_000;
const skip = withoutKafka() || withoutRedis() || withoutFlink();

suite('a job that is deployed again', { skip, timeout: 300 * SECONDS }, () => {
  const size = new FlinkSize({});
  let manager: JobManager;
  before(async () => {
    await size.start(1, 2);
    manager = new JobManager(size.flink.jobManagerUrl);
    await size.done('topics', 'create', '--flink', '--parallelism', '2');
  });
  after(() => size.stop());

  const running = async () => {
    const [job] = await manager.jobs();
    assert.equal(job.state, 'RUNNING');
    return job.id;
  };
  const saved = (id: string) =>
    eventually(async () => (await manager.savedOf(id))?.newest, 30 * SECONDS);
  const untilEnded = (id: string) =>
    eventually(async () => (await manager.stateOf(id)).state === 'CANCELED', 30 * SECONDS);

  test('goes on from the savepoint of --replace, and from that of a stop', async () => {
    assert.match(await size.deploy(), /starting at the beginning/);
    assert.match(await size.deploy('--replace'), /going on from file:.*savepoint-/);
    const [, savepoint] = /^savepoint (\S+)$/m.exec(await size.done('flink', 'stop'))!;
    assert.ok((await size.deploy()).includes(`going on from ${savepoint}`));
  });

  test('that is refused stops nothing, and neither makes nor grows a topic', async () => {
    const id = await running();
    const before = await topicsThere();
    const refusals = [
      {
        flags: ['--parallelism', '3'],
        why: /task slots: the job needs 3, there are 2, so job .* not stop/,
      },
      { flags: ['--results-topic', 'other'], why: /topic results was ctr-results, is other/ },
    ];
    for (const { flags, why } of refusals) {
      const refused = size.clickrate('flink', 'deploy', '--replace', ...flags);
      assert.notEqual(await refused.ended, 0);
      assert.match(refused.output(), why);
    }
    assert.equal(await running(), id);
    assert.deepEqual(await topicsThere(), before);
  });

  test('goes on from a checkpoint that a cancelled job left', async () => {
    const id = await running();
    await saved(id);
    await manager.cancel(id);
    assert.match(await size.deploy(), new RegExp(`going on from .*${id}/chk-\\d+`));
  });

  test('goes on from a savepoint that is newer than its checkpoints', async () => {
    const id = await running();
    await saved(id);
    const body = JSON.stringify({ 'cancel-job': true });
    const headers = { 'content-type': 'application/json' };
    const url = `${size.flink.jobManagerUrl}/jobs/${id}/savepoints`;
    assert.ok((await fetch(url, { method: 'POST', headers, body })).ok);
    await untilEnded(id);
    assert.match(await size.deploy(), /going on from file:.*savepoint-/);
  });

  test('is remembered at its stop also when nothing was known of it', async () => {
    const topics = new Topics(options());
    const progress = OPTIONS.progressTopic;
    try {
      await topics.remove([progress]);
      await eventually(
        async () => !(await topics.list()).some(({ name }) => name === progress),
        30 * SECONDS,
      );
      await size.done('topics', 'create', '--flink', '--missing', '--parallelism', '2');
    } finally {
      await topics.close();
    }
    const [, savepoint] = /^savepoint (\S+)$/m.exec(await size.done('flink', 'stop'))!;
    assert.ok((await size.deploy()).includes(`going on from ${savepoint}`));
  });

  test('adds what it counts without a watermark to the finished window', async () => {
    await size.deploy('--replace', '--flink-idle-ms', '2000');
    const now = Date.now();
    const start = Math.floor((now - 30 * SECONDS) / 10_000) * 10_000;
    await send('finished', start, start + 1, start + 2);
    await send('other', now);
    const counted = async () => (await impressionsOf('finished')).at(-1);
    await eventually(async () => (await counted()) === 3, 60 * SECONDS, SECONDS);
    await size.done('flink', 'stop');
    // Too late for a watermark that was known.
    await send('finished', start + 3);
    await send('other', Date.now());
    await size.deploy('--flink-idle-ms', '2000');
    await eventually(async () => (await counted()) === 4, 60 * SECONDS, SECONDS);
  });

  test('does not go on where records are gone, unless it may skip them', async () => {
    await size.deploy('--replace', '--flink-idle-ms', '2000');
    await send('read', Date.now());
    // A quiet job commits its first offsets ten seconds after its start.
    await eventually(isCommitted, 60 * SECONDS, SECONDS);
    await size.done('flink', 'stop');
    await send('unread', Date.now(), Date.now());
    await deleteRecords('impressions');
    const refused = size.clickrate('flink', 'deploy', '--parallelism', '2');
    assert.notEqual(await refused.ended, 0);
    const gone = /impressions-\d to offset \d+, but its log begins at \d+: 2 records were deleted/;
    assert.match(refused.output(), gone);
    const deployed = await size.deploy('--on-gap', 'skip', '--flink-idle-ms', '2000');
    assert.match(deployed, gone);
    assert.match(deployed, /^skipped: /m);
    await running();
  });

  test('reads partitions that were added from their beginning', async () => {
    await addPartitions(5, 'impressions', 'clicks');
    await sendToEach({ product_id: 'spread', timestamp: Date.now(), event_type: 'impression' });
    await size.deploy('--replace', '--flink-idle-ms', '2000');
    const closed = async () => {
      await send('other', Date.now());
      return (await impressionsOf('spread')).at(-1) === 5;
    };
    await eventually(closed, 60 * SECONDS, SECONDS);
  });

  const topicsThere = async () => {
    const topics = new Topics(options());
    try {
      return await topics.list();
    } finally {
      await topics.close();
    }
  };

  /** Whether the job's group has committed all that was sent. */
  const isCommitted = async () => {
    const group = { group: 'clickrate-flink', groupInstance: '' };
    const cluster = new KafkaCluster({ ...options(), ...group });
    const { logs } = await logsOf(cluster, ['impressions']);
    await cluster.close();
    return logs.every(({ end, committed }) => end === (committed ?? 0));
  };

  const adminOf = () =>
    new Admin({ clientId: 'deploy', bootstrapBrokers: size.kafka.bootstrap.split(',') });

  const addPartitions = async (count: number, ...names: string[]) => {
    const admin = adminOf();
    try {
      const topics = names.map((name) => ({ name, count, assignments: null }));
      await admin.createPartitions({ topics });
    } finally {
      await admin.close();
    }
  };

  /** All that a topic holds. */
  const deleteRecords = async (name: string) => {
    const admin = adminOf();
    try {
      const { topics } = await admin.metadata({ topics: [name] });
      const all = Array.from({ length: topics.get(name)!.partitionsCount }, (_, partition) => ({
        partition,
        offset: -1n,
      }));
      await admin.deleteRecords({ topics: [{ name, partitions: all }] });
    } finally {
      await admin.close();
    }
  };

  const options = () => ({ ...OPTIONS, brokers: size.kafka.bootstrap });

  /** An event into each partition of impressions. */
  const sendToEach = async (event: object) => {
    const sender = new Sender(options());
    try {
      await sender.sendToEach('impressions', Buffer.from(JSON.stringify(event)));
    } finally {
      await sender.close();
    }
  };

  /** Impressions of a product at these times. */
  const send = async (product_id: string, ...times: number[]) => {
    const sender = new Sender(options());
    const event_type = 'impression';
    const values = times.map((timestamp) => ({ product_id, timestamp, event_type }));
    try {
      // One after the other: the key puts them into one partition.
      for (const value of values)
        await sender.send([
          {
            topic: 'impressions',
            key: Buffer.from('same'),
            value: Buffer.from(JSON.stringify(value)),
          },
        ]);
    } finally {
      await sender.close();
    }
  };

  /** As they were written, one after the other. */
  const impressionsOf = async (product: string) => {
    const { signal } = new AbortController();
    const plan = { topic: 'ctr-results', from: 'earliest', toEnd: true, signal } as const;
    const found: number[] = [];
    for await (const { value } of readTopic(options(), plan)) {
      const result = readResult(value);
      if (result?.product === product) found.push(result.impressions);
    }
    return found;
  };
});
