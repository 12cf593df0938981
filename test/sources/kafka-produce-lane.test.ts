/** A partition as it is written, over a broker that counts what producers number as Kafka does. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import type { KafkaCluster } from '../../src/sources/kafka/cluster.ts';
import { ProduceLane } from '../../src/sources/kafka/produce-lane.ts';
import { startSocketServer } from '../support/socket-server.ts';

const PRODUCE = 0;
const TOPIC_AUTHORIZATION_FAILED = 29;
const OUT_OF_ORDER = 45;
const DUPLICATE = 46;
const TOPIC = 't';

/** Where the record batch of a produce request begins. */
function batchAt(request: Buffer): number {
  const client = 14 + request.readInt16BE(12);
  // Tags, no transaction, acks, timeout, one topic and its name, one partition, its size.
  return client + 1 + 1 + 2 + 4 + 1 + 1 + TOPIC.length + 1 + 4 + 5;
}

function answerTo(request: Buffer, body: Buffer): Buffer {
  const answer = Buffer.alloc(9 + body.length);
  answer.writeInt32BE(answer.length - 4, 0);
  request.copy(answer, 4, 8, 12);
  body.copy(answer, 9);
  return answer;
}

async function brokerOf(t: TestContext) {
  const broker = {
    /** Records taken. */
    taken: 0,
    producers: 0,
    /** Next number, by producer. */
    next: new Map<bigint, number>(),
    /** Answers to requests to write that are lost with their connection, but written. */
    lost: 0,
    /** What it refuses to write with. */
    refusal: 0,
    sockets: new Set<Socket>(),
  };
  const write = (request: Buffer): number => {
    const at = batchAt(request);
    const [producer, sequence] = [request.readBigInt64BE(at + 43), request.readInt32BE(at + 53)];
    const count = request.readInt32BE(at + 57);
    const expected = broker.next.get(producer) ?? 0;
    if (sequence < expected) return DUPLICATE;
    if (sequence > expected) return OUT_OF_ORDER;
    broker.next.set(producer, expected + count);
    broker.taken += count;
    return 0;
  };
  const onRequest = (socket: Socket, request: Buffer) => {
    broker.sockets.add(socket);
    const body = Buffer.alloc(30);
    if (request.readInt16BE(4) !== PRODUCE) body.writeBigInt64BE(BigInt(++broker.producers), 6);
    else {
      const error = broker.refusal || write(request);
      if (broker.lost-- > 0) return void socket.destroy();
      body.set([2, TOPIC.length + 1, TOPIC.charCodeAt(0), 2]);
      body.writeInt16BE(error, 8);
    }
    socket.write(answerTo(request, body));
  };
  const { port } = await startSocketServer(t, onRequest);
  return { broker, port };
}

async function setUp(t: TestContext, giveUpMs = 10_000) {
  const { broker, port } = await brokerOf(t);
  const looked = { up: Promise.resolve() };
  const leader = async () => {
    await looked.up;
    return { host: '127.0.0.1', port, topicId: 'id' };
  };
  const options = { clientId: 'c', bootstrapBrokers: [], timeout: 5_000, connectTimeout: 5_000 };
  const cluster = { leader, options, clientOptions: options };
  const lane = new ProduceLane({
    cluster: cluster as unknown as KafkaCluster,
    clock: systemClock,
    giveUpMs,
    topic: TOPIC,
    partition: 0,
    onTrouble: () => {},
  });
  t.after(() => lane.close());
  const put = () => {
    const delivery = lane.open(5);
    const value = Buffer.from('value');
    delivery.batch.add(value, 0, -1, value, 0, value.length, null);
    lane.run();
    return delivery;
  };
  return { broker, put, lane, looked };
}

test('what was taken although its answer was lost is taken once, and no failure', async (t) => {
  const { broker, put } = await setUp(t);
  await put().done;
  broker.lost = 1;
  await put().done;
  await put().done;
  assert.deepEqual([broker.taken, broker.producers], [3, 1]);
});

test('what was given up may have been taken: its number is not given to another', async (t) => {
  const { broker, put } = await setUp(t, 1_000);
  await put().done;
  broker.lost = Infinity;
  await assert.rejects(put().done, { code: 'source_unavailable' });
  broker.lost = 0;
  await put().done;
  assert.deepEqual([broker.taken, broker.producers], [3, 2]);
});

test('what is given up says why it was not taken, also what waited behind it', async (t) => {
  const { broker, put } = await setUp(t, 500);
  broker.refusal = TOPIC_AUTHORIZATION_FAILED;
  const refused = { code: 'source_unavailable', message: /t-0: TOPIC_AUTHORIZATION_FAILED$/ };
  await Promise.all([put(), put()].map(({ done }) => assert.rejects(done, refused)));
  broker.refusal = 0;
  await put().done;
  assert.equal(broker.taken, 1);
});

test('a broker that forgot the producer is asked for a new one, which begins at 0', async (t) => {
  const { broker, put } = await setUp(t);
  for (let n = 0; n < 3; n++) await put().done;
  broker.next.clear();
  await put().done;
  await put().done;
  assert.deepEqual([broker.taken, broker.producers], [5, 2]);
});

test('a batch that was sent takes no more records', async (t) => {
  const { broker, put } = await setUp(t);
  const [first, second, third] = [put(), put(), put()];
  assert.notEqual(second, first);
  assert.equal(third, second);
  await Promise.all([first.done, second.done]);
  assert.equal(broker.taken, 3);
});

test('closed while its leader is looked for it connects to nobody, and gives up what waits', async (t) => {
  const { broker, put, lane, looked } = await setUp(t);
  const found = Promise.withResolvers<void>();
  looked.up = found.promise;
  const { done } = put();
  lane.close();
  found.resolve();
  // A connection made now would be nobody's to end: the process would stay for it.
  await assert.rejects(done, { code: 'source_unavailable', message: /closed before/ });
  assert.deepEqual([broker.taken, broker.sockets.size], [0, 0]);
});
