/** A lane over answers that brokers send seldom: under a quota, and cut off. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { LIMITS } from '../../src/config.ts';
import type { KafkaCluster } from '../../src/sources/kafka/cluster.ts';
import type { BrokerLine, Room } from '../../src/sources/kafka/connection.ts';
import { FetchRequest } from '../../src/sources/kafka/fetch.ts';
import { Lane } from '../../src/sources/kafka/lane.ts';
import { fetchAnswer, throttledAnswer } from '../simulation/broker-bytes.ts';
import { batchOf, markerOf } from '../support/kafka-batches.ts';

const TOPIC_ID = '00000000-0000-4000-8000-000000000001';

/** A lane to which these are answered in turn, each after so long, on a clock set by hand. */
function laneOver(answers: Buffer[], tookMs: readonly number[] = [], limits = LIMITS) {
  const time = { ms: 1_000 };
  const now = () => time.ms;
  const clock = { ...systemClock, monotonicMs: now, wallMs: now };
  let asked = 0;
  const sent: Buffer[] = [];
  const rooms = new Set<number>();
  const line = {
    open: async () => {},
    request: async (bytes: Buffer, room?: Room) => {
      sent.push(Buffer.from(bytes));
      time.ms += tookMs[asked] ?? 0;
      const answer = answers[asked++]!;
      const buffer = room!(answer.length);
      rooms.add(buffer.byteOffset);
      answer.copy(buffer);
      return buffer.subarray(0, answer.length);
    },
    close: () => {
      line.closes++;
    },
    closes: 0,
    isClosed: false as boolean,
  } satisfies BrokerLine & { closes: number };
  const leader = { topicId: TOPIC_ID, asked: Promise.resolve() };
  const cluster = {
    options: { clientId: 'c' },
    clientOptions: { clientId: 'c', bootstrapBrokers: ['h:1'] },
    leader: async () => {
      await leader.asked;
      return { host: 'h', port: 1, topicId: leader.topicId };
    },
    reach: { connect: () => line },
  } as unknown as KafkaCluster;
  const place = { topic: 'clicks', partition: 0, index: 0 };
  const arrivals: (() => void)[] = [];
  const onArrival = () => arrivals.shift()?.();
  const lane = new Lane({ cluster, clock, limits, ...place, onArrival }, TOPIC_ID, 7);
  /** Asks, and waits for what comes; answers whether anything was asked. */
  const ask = async () => {
    const before = asked;
    const arrived = new Promise<void>((resolve) => arrivals.push(resolve));
    lane.ask(0);
    await Promise.race([arrived, new Promise((resolve) => setTimeout(resolve, 20))]);
    arrivals.length = 0;
    return asked > before;
  };
  return { lane, line, leader, ask, time, rooms, sent };
}

const atEnd = () => fetchAnswer(1, 0, 7, 0, []);

test('an answer of a throttled broker is no end of the log, and is not asked again too soon', async () => {
  const { lane, ask, time } = laneOver([throttledAnswer(1, 40), atEnd()]);
  assert.ok(await ask());
  assert.equal(lane.isReady, false);
  assert.equal(lane.take(), null);
  assert.equal(lane.trouble, null);
  time.ms += 39;
  assert.ok(!(await ask()), 'asked within the throttle');
  time.ms += 1;
  assert.ok(await ask());
  assert.equal(lane.take()?.end, true);
  assert.equal(lane.position, 7);
});

test('the end of an empty log is known once it was seen', async () => {
  const { lane, ask } = laneOver([fetchAnswer(1, 0, 0, 0, [])]);
  assert.equal(lane.end, null);
  await ask();
  assert.equal(lane.end, 0);
});

test('an answer that ends too early is asked for again', async () => {
  const whole = fetchAnswer(1, 0, 9, 0, [
    batchOf({
      base: 7,
      rows: [
        { key: 'a', value: 'x' },
        { key: 'b', value: 'y' },
      ],
    }),
  ]);
  for (const length of [9, 14, 22, 60, 90, whole.length - 20]) {
    const { lane, ask, time } = laneOver([whole.subarray(0, length), whole]);
    assert.ok(await ask());
    assert.equal(lane.take(), null, `${length} of ${whole.length} bytes`);
    assert.match(String(lane.trouble), /ends too early/);
    time.ms += LIMITS.retryMinMs;
    assert.ok(await ask());
    assert.equal(lane.trouble, null);
    assert.equal(lane.take()?.records.count, 2);
    assert.equal(lane.position, 9);
  }
});

test('behind records of an open transaction is no end of the log, until it is over', async () => {
  const open = fetchAnswer(
    1,
    0,
    10,
    0,
    [batchOf({ base: 7, rows: [{ key: 'a', value: 'x' }] })],
    8,
  );
  const stillOpen = fetchAnswer(1, 0, 10, 0, [], 8);
  const written = batchOf({ base: 8, rows: [{ key: 'b', value: 'y' }], producerId: 5n });
  const over = fetchAnswer(1, 0, 10, 0, [written, markerOf(9, 5n, true)]);
  const { lane, ask } = laneOver([open, stillOpen, over]);
  const seen = [];
  for (let n = 0; n < 3; n++) {
    await ask();
    const { records, next, end } = lane.take()!;
    const { uncommitted } = lane;
    seen.push({ count: records.count, next, end, lag: lane.end! - next, uncommitted });
  }
  assert.deepEqual(seen, [
    { count: 1, next: 8, end: false, lag: 0, uncommitted: 2 },
    { count: 0, next: 8, end: false, lag: 0, uncommitted: 2 },
    { count: 1, next: 10, end: true, lag: 0, uncommitted: 0 },
  ]);
});

test('after an outage it is said since when answers come again', async () => {
  const notLeader = fetchAnswer(1, 6, -1, -1, []);
  const { lane, ask, time } = laneOver([atEnd(), notLeader, atEnd(), atEnd()]);
  await ask();
  assert.equal(lane.take()?.reachableSinceMs, -Infinity);
  await ask();
  assert.match(String(lane.trouble), /NOT_LEADER/);
  time.ms += 30_000;
  await ask();
  assert.equal(lane.take()?.reachableSinceMs, 31_000);
  time.ms += 500;
  await ask();
  assert.equal(lane.take()?.reachableSinceMs, 31_000);
});

test('so it is after a fetch that was long under way: producers were not heard either', async () => {
  const { lane, ask } = laneOver([atEnd(), atEnd(), atEnd()], [0, 12_000, 0]);
  const seen = [];
  for (let n = 0; n < 3; n++) {
    await ask();
    seen.push(lane.take()?.reachableSinceMs);
  }
  assert.deepEqual(seen, [-Infinity, 13_000, 13_000]);
});

test('but not where fetches are slow again and again, until they were quick for a second', async () => {
  const tookMs = [3_000, 3_000, 0, 3_000, 9_000, 0, 3_000];
  const { lane, ask, time } = laneOver([...tookMs, 0, 2_000].map(atEnd), [...tookMs, 0, 2_000]);
  for (const [n] of tookMs.entries()) {
    await ask();
    assert.equal(lane.take()?.reachableSinceMs, 4_000, `fetch ${n}`);
  }
  time.ms += 1_000;
  await ask();
  assert.equal(lane.take()?.reachableSinceMs, 4_000);
  await ask();
  assert.equal(lane.take()?.reachableSinceMs, time.ms);
});

test('and after its connection was closed while nothing was under way', async () => {
  const { lane, line, ask, time } = laneOver([atEnd(), atEnd(), atEnd()]);
  const seen = [];
  for (let n = 0; n < 3; n++) {
    line.isClosed = n === 1;
    time.ms += 5_000;
    await ask();
    seen.push(lane.take()?.reachableSinceMs);
  }
  assert.deepEqual(seen, [-Infinity, 11_000, 11_000]);
});

/** Behind head, client, tags, replica: wait, least and most bytes, then the isolation level. */
const WAIT_AT = 14 + 1 + 1 + 4;
/** Behind the session and the topic: most bytes of its partition. */
const PARTITION_BYTES_AT = WAIT_AT + 13 + 8 + 18 + 8 + 20;

test('what is not committed is not asked for', () => {
  const request = new FetchRequest('c', TOPIC_ID, 0, 1).at(7, 50);
  assert.equal(request.readInt32BE(WAIT_AT), 50);
  assert.equal(request.readInt8(WAIT_AT + 12), 1);
});

test('no more is asked for at once than may be, and what unpacks to more comes in pieces', async () => {
  const fetchBytes = 4_096;
  const batches = [7, 8, 9].map((base) => {
    const rows = [{ key: null, value: 'x'.repeat(3_000) }];
    return batchOf({ base, rows, compression: 'gzip' });
  });
  const answers = [fetchAnswer(1, 0, 10, 0, batches)];
  const { lane, ask, sent } = laneOver(answers, [], { ...LIMITS, fetchBytes });
  await ask();
  for (const at of [WAIT_AT + 8, PARTITION_BYTES_AT])
    assert.equal(sent[0]!.readInt32BE(at), fetchBytes);
  const counts = [1, 2, 3].map(() => lane.take()?.records.count);
  assert.deepEqual(counts, [2, 1, undefined]);
});

test('a topic that was made anew under its name is not read as the one before', async () => {
  const { lane, leader, ask } = laneOver([]);
  leader.topicId = '00000000-0000-4000-8000-000000000002';
  await ask();
  assert.throws(() => lane.take(), { code: 'topic_renewed' });
});

test('a failure after a good answer is tried again soon, however many there were before', async () => {
  const notLeader = fetchAnswer(1, 6, -1, -1, []);
  const { lane, ask, time } = laneOver([notLeader, notLeader, atEnd(), notLeader, atEnd()]);
  for (const waitMs of [LIMITS.retryMinMs, 2 * LIMITS.retryMinMs]) {
    await ask();
    time.ms += waitMs;
  }
  await ask();
  assert.equal(lane.take()?.end, true);
  await ask();
  assert.match(String(lane.trouble), /NOT_LEADER/);
  time.ms += LIMITS.retryMinMs;
  assert.ok(await ask());
});

test('a connection made while the lane is closed does not stay open', async () => {
  const { lane, line, leader } = laneOver([atEnd()]);
  const { promise, resolve } = Promise.withResolvers<void>();
  leader.asked = promise;
  lane.ask(0);
  lane.close();
  resolve();
  for (let n = 0; n < 10; n++) await new Promise(setImmediate);
  assert.equal(line.closes, 1);
});

test('each buffer is given back once, also by lanes that fail or are closed', async () => {
  const batch = batchOf({ base: 7, rows: [{ key: 'a', value: 'x' }] });
  const good = () => fetchAnswer(1, 0, 8, 0, [batch]);
  const used = new Set<number>();
  for (let n = 0; n < 40; n++) {
    const { lane, ask, time, rooms } = laneOver([throttledAnswer(1, 1), good(), good(), good()]);
    const steps = [
      () => ask(),
      async () => {
        time.ms += 1;
        await ask();
      },
      async () => assert.equal(lane.take()?.records.count, 1),
      () => ask(),
      async () => void lane.take(),
      // Asked, and closed before the answer is there.
      async () => lane.ask(0),
    ];
    for (const step of steps.slice(0, n % (steps.length + 1))) await step();
    lane.close();
    await new Promise(setImmediate);
    for (const at of rooms) used.add(at);
  }
  // One is read while another is filled: none was lost, none given to two.
  assert.ok(used.size <= 2, `${used.size} buffers`);
});

test('what was handed over stays as it is while the next answer comes', async () => {
  const answerOf = (value: string) =>
    fetchAnswer(1, 0, 20, 0, [batchOf({ base: 7, rows: [{ key: 'a', value }] })]);
  const { lane, ask } = laneOver([answerOf('first'), answerOf('other')]);
  await ask();
  const { bytes, starts, ends } = lane.take()!.records;
  await ask();
  assert.ok(lane.isReady);
  assert.equal(Buffer.from(bytes.slice(starts[0], ends[0])).toString(), 'first');
});

test('an offset that the log does not hold: it is not guessed why, brokers do not tell', async () => {
  const { lane, ask } = laneOver([fetchAnswer(1, 1, -1, -1, [])]);
  await ask();
  assert.throws(() => lane.take(), {
    code: 'source_gap',
    message: /^the log of clicks-0 does not hold offset 7: .*deleted .*or it lost its end/,
  });
});
