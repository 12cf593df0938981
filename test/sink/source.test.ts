/** The job's topics as one source: where each partition begins, and what a read waits for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../src/clock.ts';
import { LIMITS } from '../../src/config.ts';
import { silentLog } from '../../src/log.ts';
import { KafkaSinkSource } from '../../src/sink/source.ts';
import type { KafkaCluster } from '../../src/sources/kafka/cluster.ts';
import type { BrokerLine, Room } from '../../src/sources/kafka/connection.ts';
import { fetchAnswer, parseFetch } from '../simulation/broker-bytes.ts';
import { batchOf } from '../support/kafka-batches.ts';

const ID = '00000000-0000-4000-8000-000000000001';
const OTHER_ID = '00000000-0000-4000-8000-000000000002';
const NOT_LEADER = 6;
const TOPICS = { results: 'res', rejected: 'rej', progress: 'pro' };
const NAMES = ['res-0', 'res-1', 'rej-0', 'pro-0'];

/** A fetch that a broker has not answered yet. */
type Asked = { name: string; offset: number; waitMs: number; answer(values: string[]): void };

function world(topics = TOPICS) {
  const counts: Record<string, number> = { res: 2, rej: 1, pro: 1 };
  const asked: Asked[] = [];
  const warnings: object[] = [];
  const state = { nowMs: 0, sleeps: [] as number[], closed: 0, stale: 0, error: 0 };
  const clock: Clock = {
    wallMs: () => state.nowMs,
    monotonicMs: () => state.nowMs,
    after: () => () => {},
    // Over when it is woken, as time stands still.
    sleep: (ms, signal) => {
      state.sleeps.push(ms);
      return new Promise((resolve) => {
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
    },
  };
  const lineTo = (name: string): BrokerLine => ({
    open: async () => {},
    close: () => void state.closed++,
    isClosed: false,
    request: (request: Buffer, room?: Room) =>
      new Promise((resolve) => {
        const { offset, waitMs } = parseFetch(request);
        const answer = (values: string[]) => {
          const rows = values.map((value) => ({ key: null, value }));
          const batches = rows.length === 0 ? [] : [batchOf({ base: offset, rows })];
          const bytes = fetchAnswer(1, state.error, offset + rows.length, 0, batches);
          const buffer = room!(bytes.length);
          bytes.copy(buffer);
          resolve(buffer.subarray(0, bytes.length));
        };
        asked.push({ name, offset, waitMs, answer });
      }),
  });
  const cluster = {
    options: { clientId: 'c' },
    clientOptions: {},
    topic: async (name: string, isFresh?: boolean) => {
      // What is remembered may be of before partitions were added, or of a topic that is gone.
      if (isFresh !== true) state.stale++;
      if (counts[name] === undefined) throw new Error(`no topic '${name}'`);
      return { id: ID, partitionsCount: counts[name] };
    },
    bounds: async () => ({ first: 10, end: 20 }),
    leader: async (topic: string, partition: number) => {
      return { host: topic, port: partition, topicId: ID };
    },
    reach: { connect: (at: { host: string; port: number }) => lineTo(`${at.host}-${at.port}`) },
  } as unknown as KafkaCluster;
  const log = { ...silentLog, warn: (fields: object) => void warnings.push(fields) };
  const source = new KafkaSinkSource({ cluster, clock, limits: LIMITS, log, topics });
  const open = async () => {
    const places = await source.places();
    return source.open(places.map(() => ({ offset: null, topicId: null })));
  };
  /** Who waits for a broker now; answered ones leave. */
  const take = (name: string): Asked => {
    const at = asked.findIndex((one) => one.name === name);
    assert.ok(at >= 0, `${name} is not asked`);
    return asked.splice(at, 1)[0]!;
  };
  return { source, state, asked, warnings, open, take };
}

const turn = () => new Promise<void>(setImmediate);
const only = (name: string) => NAMES.map((one) => one === name);

test('the places are the partitions of all topics; one without a name is none', async () => {
  const { source, state } = world();
  const kinds = ['results', 'results', 'rejected', 'progress'];
  const places = (await source.places()).map(({ name, kind }) => [name, kind]);
  assert.deepEqual(
    places,
    NAMES.map((name, p) => [name, kinds[p]]),
  );
  assert.deepEqual(source.partitions, NAMES);
  assert.equal(state.stale, 0);
  const without = world({ ...TOPICS, rejected: '' }).source;
  await without.places();
  assert.deepEqual(without.partitions, ['res-0', 'res-1', 'pro-0']);
});

test('reading begins where the checkpoint stands, or at the begin of a log that lacks that', async () => {
  const { source, warnings, state } = world();
  await source.places();
  const openedAt = async (offset: number | null, topicId: string | null) => {
    warnings.length = 0;
    const [first] = await source.open(NAMES.map(() => ({ offset, topicId })));
    assert.deepEqual([first!.topicId, first!.floorMs], [ID, null]);
    return [first!.offset, first!.missed, warnings.length];
  };
  const all = NAMES.length;
  assert.deepEqual(await openedAt(null, null), [10, 0, 0]);
  assert.deepEqual(await openedAt(10, ID), [10, 0, 0]);
  assert.deepEqual(await openedAt(20, ID), [20, 0, 0]);
  assert.deepEqual(await openedAt(7, ID), [10, 3, all]);
  assert.deepEqual(await openedAt(21, ID), [10, 0, all]);
  assert.deepEqual(await openedAt(15, OTHER_ID), [10, 0, all]);
  assert.deepEqual(await openedAt(7, OTHER_ID), [10, 0, all]);
  assert.equal(state.stale, 0);
});

test('a read waits for whatever comes first, and asks for more at once', async () => {
  const { source, state, take, open, asked } = world();
  await open();
  const reading = source.read(
    NAMES.map(() => true),
    50,
  );
  await turn();
  assert.deepEqual(
    asked.map(({ name, offset, waitMs }) => [name, offset, waitMs]),
    NAMES.map((name) => [name, 10, 250]),
  );
  assert.deepEqual(state.sleeps, [50]);
  take('res-1').answer(['x', 'y']);
  const [fetch, ...others] = await reading;
  assert.deepEqual(others, []);
  assert.deepEqual([fetch!.partition, fetch!.records.count, fetch!.next], [1, 2, 12]);
  assert.deepEqual(source.ends, [null, 12, null, null]);
  await turn();
  assert.equal(take('res-1').offset, 12);
  assert.deepEqual(await source.probe(), []);
  await source.close();
});

test('a read that has something, or may not wait, does not', async () => {
  const { source, state, take, open } = world();
  await open();
  assert.deepEqual(await source.read(only('res-0'), 0), []);
  await turn();
  take('res-0').answer(['x']);
  await turn();
  const [fetch] = await source.read(
    NAMES.map(() => true),
    50,
  );
  assert.equal(fetch?.next, 11);
  assert.deepEqual(state.sleeps, []);
  await source.close();
});

test('what is not wanted is neither asked for nor handed over', async () => {
  const { source, take, open, asked } = world();
  await open();
  await source.read(only('res-0'), 0);
  await turn();
  assert.deepEqual(
    asked.map(({ name }) => name),
    ['res-0'],
  );
  take('res-0').answer(['x']);
  await turn();
  assert.deepEqual(await source.read(only('pro-0'), 0), []);
  assert.equal((await source.read(only('res-0'), 0))[0]?.next, 11);
  await source.close();
});

test('a partition that cannot be read is told, and the tries are counted', async () => {
  const { source, state, take, open, warnings } = world();
  await open();
  state.error = NOT_LEADER;
  await source.read(only('pro-0'), 0);
  await turn();
  take('pro-0').answer([]);
  await turn();
  assert.match(String(source.trouble), /NOT_LEADER/);
  assert.equal(source.retries, 1);
  assert.deepEqual(warnings, [{ partition: 'pro-0' }]);
  await source.close();
});

test('closed, or opened anew, it lets go of its connections and of who waits', async () => {
  const { source, state, open } = world();
  await open();
  const reading = source.read(
    NAMES.map(() => true),
    50,
  );
  await turn();
  await open();
  assert.deepEqual(await reading, []);
  assert.equal(state.closed, NAMES.length);
  assert.deepEqual(source.ends, [null, null, null, null]);
  await source.close();
  assert.deepEqual([source.ends, source.trouble], [[], null]);
});
