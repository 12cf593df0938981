/** Whether heartbeats are sent at all: by the owner, where the job has read what there is. */
import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { LIMITS, OPTIONS, settingsWith } from '../../src/config.ts';
import { BEHIND_MS } from '../../src/flink/heartbeat.ts';
import { Heartbeats } from '../../src/sink/heartbeats.ts';
import { clientOptions } from '../../src/sources/kafka/client.ts';
import type { KafkaCluster } from '../../src/sources/kafka/cluster.ts';
import type { BrokerLine, Room } from '../../src/sources/kafka/connection.ts';
import { Sender } from '../../src/sources/kafka/sender.ts';
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

type World = {
  isOwner?: boolean;
  /** What the job has read of the one data partition, which ends there. */
  committed: number | null;
  end?: number;
  /** What lies in it, as of `NOW`. */
  events?: readonly string[];
  /** The first offset that is young. */
  since?: number | null;
  /** Those of the heartbeat topic. */
  partitions?: () => number;
  /** Called before each look. */
  onLook?: (clock: TurnClock) => void;
};

/** Sending ends here: there is no broker to send to. */
const NO_BROKER = () => {
  throw new Error('no broker takes it');
};

/** Beats for 3 s over one data partition with an event; what is asked for, and what is said. */
async function beats(world: World) {
  const { isOwner = true, committed, end = 1, since = null, partitions = NO_BROKER } = world;
  const rows = (world.events ?? [EVENT]).map((value) => ({ key: 'a', value }));
  const clock = new TurnClock(NOW);
  const seen = { asked: 0, looked: 0, opened: 0, closed: 0, sinceMs: [] as number[] };
  const said: string[] = [];
  const note = (_fields: object, message: string) => void said.push(message);
  // What is remembered may be of before partitions were added, or a leader was lost.
  const topic = async (name: string, isFresh?: boolean) => {
    if (isFresh !== true) return { id: ID, partitionsCount: 1, partitions: {} };
    if (name === 'beats') {
      seen.asked++;
      return { id: ID, partitionsCount: partitions(), partitions: {} };
    }
    seen.looked++;
    world.onLook?.(clock);
    return { id: ID, partitionsCount: 1, partitions: { 0: { leader: 0 } } };
  };
  const line: BrokerLine = {
    open: async () => void seen.opened++,
    close: () => void seen.closed++,
    isClosed: false,
    request: async (_: Buffer, room?: Room) => {
      const batch = batchOf({ base: 0, rows, firstMs: NOW });
      const answer = fetchAnswer(1, 0, 1, 0, [batch]);
      const buffer = room!(answer.length);
      answer.copy(buffer);
      return buffer.subarray(0, answer.length);
    },
  };
  const cluster = {
    topic,
    options: OPTIONS,
    clientOptions: clientOptions({ ...OPTIONS, brokers: 'h:1' }),
    bounds: async () => ({ first: 0, end }),
    committed: async () => committed,
    firstSince: async (_topic: string, _partition: number, sinceMs: number) => {
      seen.sinceMs.push(sinceMs);
      return since === null ? null : { offset: since };
    },
    leader: async () => ({ host: 'h', port: 1, topicId: ID }),
    reach: { connect: () => line },
  } as unknown as KafkaCluster;
  const heartbeats = new Heartbeats({
    options: OPTIONS,
    cluster,
    clock,
    limits: LIMITS,
    settings: settingsWith({}),
    log: { debug: note, info: note, warn: note, error: note },
    everyMs: 1_000,
    topics: { data: ['events'], heartbeat: 'beats' },
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
  return { ...seen, said, paused: heartbeats.paused };
}

/** Takes what is sent from now on: by which sender, where, and which time it says. */
function taken(t: TestContext) {
  const sent: [sender: Sender, topic: string, afterMs: number][] = [];
  t.mock.method(
    Sender.prototype,
    'sendToEach',
    async function (this: Sender, topic: string, value: Buffer) {
      sent.push([this, topic, JSON.parse(value.toString()).timestamp - NOW]);
    },
  );
  const { mock } = t.mock.method(Sender.prototype, 'close');
  return { sent, closed: () => mock.callCount() };
}

suite('heartbeats', () => {
  test('are tried where the job has read what there is', async () => {
    const { asked, paused, said, opened, closed } = await beats({ committed: 1 });
    assert.ok(asked >= 3, `${asked} times`);
    assert.equal(paused, 'no broker takes it');
    // Told once, not each second; it looks anew after a failure, and leaves nothing open.
    assert.deepEqual(said, ['heartbeats pause: no broker takes it']);
    assert.ok(opened >= 3, `${opened} times`);
    assert.equal(closed, opened);
  });

  test('are tried where all that the job has not read is young', async () => {
    const { asked, sinceMs } = await beats({ committed: 0, since: 0 });
    assert.ok(asked >= 3, `${asked} times`);
    // The first look waited for its answer.
    assert.equal(sinceMs[0], NOW + 100 - BEHIND_MS);
  });

  test('say how far time is since the newest event, by one sender until its end', async (t) => {
    const { sent, closed: sendersClosed } = taken(t);
    const { paused, said, opened, closed } = await beats({ committed: 1, partitions: () => 2 });
    assert.deepEqual(
      sent.slice(0, 3).map(([, ...what]) => what),
      [2_100, 3_000, 4_000].map((afterMs) => ['beats', afterMs]),
    );
    assert.ok(sent.length <= 4, `${sent.length} times`);
    assert.equal(new Set(sent.map(([sender]) => sender)).size, 1);
    assert.equal(sendersClosed(), 1);
    assert.deepEqual([paused, said], [null, ['heartbeats are sent']]);
    assert.deepEqual([opened, closed], [1, 1]);
  });

  test('go by the largest time of an event that is none to be rejected', async (t) => {
    const { sent } = taken(t);
    const at = (afterMs: number, type = 'click') =>
      `{"product_id":"a","timestamp":${NOW + afterMs},"event_type":"${type}"}`;
    const events = [at(-500), at(0), at(-300), at(900, 'view'), 'x', at(3_600_000)];
    const end = events.length;
    await beats({ committed: end, end, events, partitions: () => 1 });
    // It was appended a millisecond after the first.
    assert.equal(sent[0][2], 2_099);
  });

  test('never say an earlier time than before, and reach partitions that were added', async (t) => {
    const { sent, closed } = taken(t);
    let partitions = 1;
    const onLook = (clock: TurnClock) => {
      if (sent.length > 0) clock.jumpWall(-1_500);
      partitions = 1 + sent.length;
    };
    await beats({ committed: 1, partitions: () => partitions, onLook });
    assert.deepEqual(
      sent.slice(0, 3).map(([, , afterMs]) => afterMs),
      [2_100, 2_100, 2_100],
    );
    const senders = new Set(sent.map(([sender]) => sender)).size;
    assert.equal(senders, sent.length);
    assert.equal(closed(), senders);
  });

  test('pause where no event has come yet', async () => {
    const { asked, paused } = await beats({ committed: null, end: 0 });
    assert.deepEqual([asked, paused], [0, 'no event has come yet']);
  });

  test('pause while the job is behind: they would make events late that it has not read', async () => {
    for (const committed of [null, 0]) {
      const { asked, looked, paused } = await beats({ committed });
      assert.ok(looked >= 3);
      assert.equal(asked, 0);
      assert.match(String(paused), committed === null ? /no job has read/ : /the job is behind/);
    }
  });

  test('are not sent by who does not own the results, who asks for nothing either', async () => {
    const { asked, looked, paused } = await beats({ isOwner: false, committed: 1 });
    assert.deepEqual([asked, looked], [0, 0]);
    assert.match(String(paused), /does not own/);
  });
});
