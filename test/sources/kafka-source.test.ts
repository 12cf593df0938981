/** The two lanes of a task together, over brokers that answer or fail as a test says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BaseOptions } from '@platformatic/kafka';
import type { Clock } from '../../src/clock.ts';
import { LIMITS } from '../../src/config.ts';
import { type Log, silentLog } from '../../src/log.ts';
import type { KafkaCluster } from '../../src/sources/kafka/cluster.ts';
import type { BrokerLine, Room } from '../../src/sources/kafka/connection.ts';
import { KafkaSource } from '../../src/sources/kafka/source.ts';
import { fetchAnswer } from '../simulation/broker-bytes.ts';

const TOPICS = ['impressions', 'clicks'];
const ID = '00000000-0000-4000-8000-000000000001';
const NOT_LEADER = 6;

/** A source whose partitions are empty; waits take no time but move the clock. */
async function sourceOver(
  isLed: boolean[],
  partitionsOf: (topic: string) => number = () => 1,
  log: Log = silentLog,
) {
  const time = { ms: 1_000 };
  const asked = [0, 0];
  /** What is in the file of trusted certificates, and what each connection was made with. */
  const tls = { ca: 'old', used: [] as unknown[] };
  const clock: Clock = {
    wallMs: () => time.ms,
    monotonicMs: () => time.ms,
    after: (ms, call) => {
      const timer = setTimeout(() => {
        time.ms += ms;
        call();
      }, 2);
      return () => clearTimeout(timer);
    },
    sleep: async (ms) => {
      time.ms += ms;
    },
  };
  const lineTo = (p: number): BrokerLine => ({
    open: async () => {},
    close: () => {},
    isClosed: false,
    request: async (_: Buffer, room?: Room) => {
      asked[p]!++;
      const answer = fetchAnswer(1, isLed[p] ? 0 : NOT_LEADER, 0, 0, []);
      const buffer = room!(answer.length);
      answer.copy(buffer);
      return buffer.subarray(0, answer.length);
    },
  });
  const cluster = {
    options: { clientId: 'c' },
    clientOptions: { clientId: 'c', bootstrapBrokers: ['h:1'], tls },
    topic: async (name: string) => ({ id: ID, partitionsCount: partitionsOf(name) }),
    bounds: async () => ({ first: 0, end: 0 }),
    committed: async () => null,
    leader: async (topic: string) => ({ host: topic, port: 1, topicId: ID }),
    reach: {
      connect: ({ host }: { host: string }, client: BaseOptions) => {
        tls.used.push(client.tls?.ca);
        return lineTo(TOPICS.indexOf(host));
      },
    },
  } as unknown as KafkaCluster;
  const source = new KafkaSource({
    cluster,
    clock,
    limits: LIMITS,
    log,
    topics: TOPICS,
    partition: 0,
    futureMs: 10_000,
    idleAfterMs: 1_000,
    onGap: 'stop',
    onLostStore: 'hour',
    onAcknowledge: () => {},
  });
  await source.open(TOPICS.map(() => ({ offset: null, topicId: null })));
  return { source, asked, time, tls };
}

test('a partition that is only probed is asked again after a failure, when it is time', async () => {
  const isLed = [false, true];
  const { source, asked, time } = await sourceOver(isLed);
  await source.probe([true, false]);
  assert.match(String(source.trouble), /NOT_LEADER/);
  isLed[0] = true;
  asked[0] = 0;
  await source.probe([true, false]);
  assert.equal(asked[0], 0, 'left alone for a moment');
  const until = time.ms + 2 * LIMITS.retryMaxMs;
  const seen: number[] = [];
  while (time.ms < until) {
    await source.read([false, true], LIMITS.readWaitMs);
    for (const { partition, end } of await source.probe([true, false]))
      if (end) seen.push(partition);
    time.ms += LIMITS.readWaitMs;
  }
  assert.equal(source.trouble, null);
  assert.ok(asked[0] > 1, `asked ${asked[0]} times`);
  assert.ok(seen.length > 1 && seen.every((p) => p === 0), 'proof of its end');
  await source.close();
});

test('a topic that is given more partitions is noticed while it is read', async () => {
  let partitions = 1;
  const { source, time } = await sourceOver([true, true], (topic) =>
    topic === 'clicks' ? partitions : 1,
  );
  const readFor = async (ms: number) => {
    for (const until = time.ms + ms; time.ms < until; time.ms += 1_000)
      await source.read([true, true], LIMITS.readWaitMs);
  };
  await readFor(60_000);
  partitions = 3;
  await assert.rejects(readFor(60_000), {
    code: 'partitions_changed',
    message: /clicks has 3 partitions, the checkpoint was written with 1/,
  });
  await source.close();
});

test('an outage of a partition is told once, as is its end, and each try is counted', async () => {
  const isLed = [true, false];
  const lines: string[] = [];
  const tell = (_: object, line: string) => void lines.push(line);
  const log = { ...silentLog, info: tell, warn: tell };
  const { source, time } = await sourceOver(isLed, () => 1, log);
  const readFor = async (ms: number) => {
    for (const until = time.ms + ms; time.ms < until; time.ms += 500)
      await source.read([true, true], LIMITS.readWaitMs);
  };
  await readFor(60_000);
  assert.ok(source.retries > 10, `${source.retries} tries`);
  isLed[1] = true;
  await readFor(20_000);
  assert.match(lines[0]!, /^clicks-0 cannot be read: .*NOT_LEADER/);
  assert.deepEqual(lines.slice(1), ['clicks-0 is read again']);
  await source.close();
});

test('a connection that is made anew has the certificates that were exchanged meanwhile', async () => {
  const isLed = [true, false];
  const { source, time, tls } = await sourceOver(isLed);
  const readFor = async (ms: number) => {
    for (const until = time.ms + ms; time.ms < until; time.ms += 500)
      await source.read([true, true], LIMITS.readWaitMs);
  };
  await readFor(10_000);
  assert.ok(tls.used.length > 2 && tls.used.every((ca) => ca === 'old'), String(tls.used));
  tls.ca = 'new';
  isLed[1] = true;
  await readFor(10_000);
  assert.equal(source.trouble, null);
  assert.equal(tls.used.at(-1), 'new');
  await source.close();
});
