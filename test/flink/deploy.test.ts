/** Stopped, replaced, cancelled: what the next job goes on from, on a real cluster. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { OPTIONS } from '../../src/config.ts';
import { JobManager } from '../../src/flink/jobmanager.ts';
import { Topics } from '../../src/sources/kafka/topics.ts';
import { withoutFlink } from '../support/flink-cluster.ts';
import { FlinkSize } from '../support/flink-size.ts';
import { withoutKafka } from '../support/kafka-cluster.ts';
import { eventually } from '../support/processes.ts';
import { withoutRedis } from '../support/redis-server.ts';

const SECONDS = 1_000;
const skip = withoutKafka() || withoutRedis() || withoutFlink();

suite('a job that is deployed again', { skip, timeout: 240 * SECONDS }, () => {
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
    const topics = new Topics({ ...OPTIONS, brokers: size.kafka.bootstrap });
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
});
