/** Whether heartbeats are sent at all: by the owner, where the job has read what there is. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { LIMITS, OPTIONS, settingsWith } from '../../src/config.ts';
import { silentLog } from '../../src/log.ts';
import { Heartbeats } from '../../src/sink/heartbeats.ts';
import type { KafkaCluster } from '../../src/sources/kafka/cluster.ts';
import type { BrokerLine, Room } from '../../src/sources/kafka/connection.ts';
import { fetchAnswer } from '../simulation/broker-bytes.ts';
import { batchOf } from '../support/kafka-batches.ts';
import { SimClock } from '../support/sim-clock.ts';

/** One whose sleeps let others in. */
class TurnClock extends SimClock {
  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await super.sleep(ms, signal);
    await new Promise(setImmediate);
  }
}

const NOW = 1_760_000_000_000;
const ID = '00000000-0000-4000-8000-000000000001';
const EVENT = `{"product_id":"a","timestamp":${NOW},"event_type":"click"}`;

/**
 * Beats for 3 s over one data partition with an event; what is asked for of the heartbeat topic.
 * `since`: the first offset that is young.
 */
async function beats(isOwner: boolean, committed: number | null, since: number | null = null) {
  const clock = new TurnClock(NOW);
  let asked = 0;
  let looked = 0;
  const topic = async (name: string) => {
    if (name === 'beats') asked++;
    else looked++;
    // Sending ends here: there is no broker to send to.
    if (name === 'beats') throw new Error('no broker takes it');
    return { id: ID, partitionsCount: 1, partitions: { 0: { leader: 1 } } };
  };
  const line: BrokerLine = {
    open: async () => {},
    close: () => {},
    isClosed: false,
    request: async (_: Buffer, room?: Room) => {
      const batch = batchOf({ base: 0, rows: [{ key: 'a', value: EVENT }], firstMs: NOW });
      const answer = fetchAnswer(1, 0, 1, 0, [batch]);
      const buffer = room!(answer.length);
      answer.copy(buffer);
      return buffer.subarray(0, answer.length);
    },
  };
  const cluster = {
    ...{ topic, options: { ...OPTIONS, brokers: 'h:1' } },
    bounds: async () => ({ first: 0, end: 1 }),
    committed: async () => committed,
    firstSince: async () => (since === null ? null : { offset: since }),
    leader: async () => ({ host: 'h', port: 1, topicId: ID }),
    reach: { connect: () => line },
  } as unknown as KafkaCluster;
  const heartbeats = new Heartbeats({
    ...{ options: OPTIONS, cluster, clock, limits: LIMITS, settings: settingsWith({}) },
    ...{ log: silentLog, topics: { data: ['events'], heartbeat: 'beats' }, everyMs: 1_000 },
    isOwner: () => isOwner,
  });
  const abort = new AbortController();
  const running = heartbeats.run(abort.signal);
  for (let n = 0; clock.monotonicMs() < 3_000; n++) {
    assert.ok(n < 10_000, String(heartbeats.paused));
    await new Promise(setImmediate);
  }
  abort.abort();
  await running;
  return { asked, looked, paused: heartbeats.paused };
}

suite('heartbeats', () => {
  test('are tried where the job has read what there is', async () => {
    const { asked, paused } = await beats(true, 1);
    assert.ok(asked >= 3, `${asked} times`);
    assert.equal(paused, 'no broker takes it');
  });

  test('are tried where all that the job has not read is young', async () => {
    const { asked } = await beats(true, 0, 0);
    assert.ok(asked >= 3, `${asked} times`);
  });

  test('pause while the job is behind: they would make events late that it has not read', async () => {
    for (const committed of [null, 0]) {
      const { asked, looked, paused } = await beats(true, committed);
      assert.ok(looked >= 3);
      assert.equal(asked, 0);
      assert.match(String(paused), committed === null ? /no job has read/ : /the job is behind/);
    }
  });

  test('are not sent by who does not own the results, who asks for nothing either', async () => {
    const { asked, looked, paused } = await beats(false, 1);
    assert.deepEqual([asked, looked], [0, 0]);
    assert.match(String(paused), /does not own/);
  });
});
