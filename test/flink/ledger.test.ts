/**
 * The ledger at parallelism 2 while partitions stop and come back, with what their producers kept
 * back meanwhile: each record is counted or among the rejected ones, once, and Flink's own operator
 * never drops one on its own.
 */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Producer } from '@platformatic/kafka';
import { MAX_RECORD_BYTES } from '../../src/sources/kafka/ingest.ts';
import { pause } from '../kafka/setup.ts';
import { withoutFlink } from '../support/flink-cluster.ts';
import { FlinkSize, sorted, total } from '../support/flink-size.ts';
import { withoutKafka } from '../support/kafka-cluster.ts';
import { eventually } from '../support/processes.ts';
import { withoutRedis } from '../support/redis-server.ts';
import { recount } from './recount.ts';

const SETTINGS = { windowMs: 2_000, watermarkDelayMs: 1_000, allowedLatenessMs: 2_000 };
const SECONDS = 1_000;
const IDLE_MS = 3 * SECONDS;
const PARTITIONS = 3;
/** Events of a partition each tick. */
const EVENTS = 5;
const TICK_MS = 50;
const HUGE_BYTES = 3_000_000;
const TOPICS = ['impressions', 'clicks'];

type Place = { topic: string; partition: number };
const ALL: Place[] = TOPICS.flatMap((topic) =>
  Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition })),
);

/** Sends to chosen partitions; what the others' producers would have sent can be kept back. */
class Sending {
  readonly #producer: Producer;
  #backlog: { topic: string; partition: number; value: Buffer }[] = [];
  #made = 0;
  sent = 0;

  constructor(bootstrap: string) {
    this.#producer = new Producer({ clientId: 'ledger', bootstrapBrokers: bootstrap.split(',') });
  }

  /** For `ms`, to all partitions; those that `isAway` names keep theirs back. */
  async run(ms: number, isAway: (place: Place) => boolean): Promise<void> {
    for (const endMs = Date.now() + ms; Date.now() < endMs; ) {
      const made = ALL.flatMap((place) => Array.from({ length: EVENTS }, () => this.#event(place)));
      this.#backlog.push(...made.filter(isAway));
      await this.#send(made.filter((event) => !isAway(event)));
      await pause(TICK_MS);
    }
  }

  /** What was kept back, at once. */
  async release(): Promise<number> {
    const released = this.#backlog;
    this.#backlog = [];
    await this.#send(released);
    return released.length;
  }

  /** Compressed it passes the broker's limit, and is larger than what the job's producer sends. */
  async sendHuge(): Promise<void> {
    const huge = { topic: 'clicks', value: Buffer.alloc(HUGE_BYTES, 'x') };
    const key = Buffer.alloc(HUGE_BYTES, 'k');
    const compression = 'gzip';
    await this.#producer.send({ messages: [{ ...huge, key, partition: 2 }], compression });
    this.sent++;
  }

  /** A batch in each codec that producers use. */
  async sendCompressed(): Promise<void> {
    for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const messages = ALL.map((place) => this.#event(place));
      await this.#producer.send({ messages, compression });
      this.sent += messages.length;
    }
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }

  async #send(messages: { topic: string; partition: number; value: Buffer }[]): Promise<void> {
    if (messages.length > 0) await this.#producer.send({ messages });
    this.sent += messages.length;
  }

  #event({ topic, partition }: Place) {
    const n = this.#made++;
    // Every fiftieth is broken.
    const event = { product_id: `p${partition}-${n % 4}`, timestamp: Date.now() - (n % 400) };
    const text =
      n % 50 === 0
        ? '{"product_id":'
        : JSON.stringify({ ...event, event_type: topic.slice(0, -1) });
    return { topic, partition, value: Buffer.from(text) };
  }
}

const skip = withoutKafka() || withoutRedis() || withoutFlink();
suite('the ledger on Flink', { skip, timeout: 300 * SECONDS }, () => {
  const size = new FlinkSize(SETTINGS);
  before(() => size.start(1, 2));
  after(() => size.stop());

  test('balances while partitions stop and come back', async () => {
    const { kafka, flink } = size;
    await size.done('topics', 'create', '--flink', '--parallelism', '2');
    await size.deploy('--flink-idle-ms', String(IDLE_MS));
    await size.sink();
    const sending = new Sending(kafka.bootstrap);
    size.after(() => sending.close());
    const away = ({ topic, partition }: Place) => partition === (topic === 'clicks' ? 0 : 1);
    await sending.run(4 * SECONDS, () => false);
    await sending.sendHuge();
    await sending.sendCompressed();
    await sending.run(IDLE_MS + 7 * SECONDS, away);
    const released = await sending.release();
    assert.ok(released > 0);
    await sending.run(4 * SECONDS, () => false);
    // All of them silent, then back.
    await pause(IDLE_MS + 4 * SECONDS);
    await sending.run(4 * SECONDS, () => false);

    const { rejected, expected } = await eventually(
      async () => {
        const rejected = await size.rejected();
        const late = rejected.filter(({ reason }) => reason === 'too_late');
        const origins = new Set(late.map(({ origin, offset }) => `${origin} ${offset}`));
        const isLate = (origin: string) => origins.has(origin);
        const expected = await recount(kafka.bootstrap, SETTINGS.windowMs, isLate);
        assert.equal(rejected.length - late.length, expected.broken);
        assert.deepEqual(sorted(await size.cells()), sorted(expected.cells));
        return { rejected, expected };
      },
      90 * SECONDS,
      SECONDS,
    );
    const huge = rejected.filter(({ reason }) => reason === 'too_large');
    assert.deepEqual(
      huge.map(({ value }) => value.length),
      [MAX_RECORD_BYTES],
      'cut instead of failing the job',
    );
    const counted = total(expected.cells);
    assert.equal(counted + rejected.length, sending.sent);
    const late = rejected.length - expected.broken;
    assert.ok(late > 0, 'what was kept back for longer than the lateness is too late');
    // The JobManager knows a metric some seconds after it was first asked for one.
    const dropped = await eventually(async () => {
      const found = await droppedByFlink(flink.jobManagerUrl);
      return found.operators === 2 && [found.dropped];
    }, 30 * SECONDS);
    assert.deepEqual(dropped, [0]);
    assert.match(await size.done('flink', 'status'), /RUNNING .* dropped 0$/m);
    console.log(
      `  ${sending.sent} sent, ${released} of them late: ${counted} counted, ` +
        `${late} too late, ${expected.broken} broken`,
    );
  });
});

/** Sum of `numLateRecordsDropped` over the subtasks of the window operator. */
async function droppedByFlink(url: string): Promise<{ operators: number; dropped: number }> {
  const get = async <T>(path: string) => (await (await fetch(`${url}${path}`)).json()) as T;
  const { jobs } = await get<{ jobs: { id: string; status: string }[] }>('/jobs');
  const { id } = jobs.find(({ status }) => status === 'RUNNING')!;
  const { vertices } = await get<{ vertices: { id: string; parallelism: number }[] }>(
    `/jobs/${id}`,
  );
  const found = { operators: 0, dropped: 0 };
  for (const vertex of vertices)
    for (let subtask = 0; subtask < vertex.parallelism; subtask++) {
      const path = `/jobs/${id}/vertices/${vertex.id}/subtasks/${subtask}/metrics`;
      const names = (await get<{ id: string }[]>(path)).map((metric) => metric.id);
      for (const name of names.filter((each) => each.endsWith('.numLateRecordsDropped'))) {
        const [{ value }] = await get<{ value: string }[]>(
          `${path}?get=${encodeURIComponent(name)}`,
        );
        found.operators++;
        found.dropped += Number(value);
      }
    }
  return found;
}
