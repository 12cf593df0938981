/**
 * The Flink size whole, under load, while everything in it is killed: sink, TaskManager, a broker,
 * JobManager, Redis. No event is too late, so what Redis has in the end is a plain recount.
 */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Feed } from '../kafka/feed.ts';
import { pause } from '../kafka/setup.ts';
import { withoutFlink } from '../support/flink-cluster.ts';
import { FlinkSize, sorted, total } from '../support/flink-size.ts';
import { withoutKafka } from '../support/kafka-cluster.ts';
import { eventually } from '../support/processes.ts';
import { withoutRedis } from '../support/redis-server.ts';
import { recount } from './recount.ts';

const SETTINGS = { windowMs: 2_000, watermarkDelayMs: 1_000, allowedLatenessMs: 8_000 };
const SECONDS = 1_000;

const skip = withoutKafka() || withoutRedis() || withoutFlink();
suite('the Flink size under faults', { skip, timeout: 400 * SECONDS }, () => {
  const size = new FlinkSize(SETTINGS);
  before(() => size.start(3, 2));
  after(() => size.stop());

  /** Waits for a window that began after this call. */
  const goesOn = async (what: string) => {
    const atMs = Date.now();
    await eventually(async () => (await size.newest()) >= atMs, 90 * SECONDS, 250);
    const took = (Date.now() - atMs) / SECONDS;
    console.log(`  ${what}: a window that began afterwards is there after ${took.toFixed(1)} s`);
  };

  test('what Redis has is what the topics say', async () => {
    const { kafka, flink, redis } = size;
    await size.done('topics', 'create', '--flink', '--parallelism', '2');
    await size.deploy();
    let sinking = await size.sink();
    const feed = new Feed({
      bootstrap: kafka.bootstrap,
      impressions: 'impressions',
      clicks: 'clicks',
      rate: 500,
      products: 20,
      disorderMs: 500,
      broken: 0.02,
    }).start();
    size.after(() => feed.stop());
    await goesOn('at the start');

    await sinking.kill('SIGKILL');
    sinking = await size.sink();
    await goesOn('sink killed');

    await flink.taskManager.kill();
    flink.taskManager.start();
    await goesOn('TaskManager killed');

    await kafka.brokers[1].kill();
    await pause(5 * SECONDS);
    await kafka.brokers[1].start();
    await goesOn('broker killed');

    await redis.kill();
    await pause(2 * SECONDS);
    await redis.restart();
    await goesOn('Redis killed');

    await flink.jobManager.kill();
    flink.jobManager.start();
    await flink.untilReady();
    assert.match(await size.deploy(), /going on from .*chk-\d+/);
    await goesOn('JobManager killed, deployed again');

    await feed.stop();
    const expected = await recount(kafka.bootstrap, SETTINGS.windowMs);
    console.log('  everything was sent');
    await eventually(
      async () => {
        assert.deepEqual(sorted(await size.cells()), sorted(expected.cells));
        return true;
      },
      90 * SECONDS,
      500,
    );
    const rejected = await eventually(async () => {
      const found = await size.rejected();
      return found.length >= expected.broken && found;
    }, 30 * SECONDS);
    assert.equal(rejected.length, expected.broken, 'none too late');
    const counted = total(expected.cells);
    const received = counted + expected.broken;
    console.log(`  ${received} records: ${counted} counted, ${rejected.length} rejected`);
  });
});
