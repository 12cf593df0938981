/** A connection to a broker that falls silent: waited for so long only, whenever that is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { BrokerConnection } from '../../src/sources/kafka/connection.ts';
import { startSocketServer } from '../support/socket-server.ts';

type Test = { after(fn: () => unknown): void };

/** Where silence is told: an answer that is sent must come sooner, however busy the machine is. */
const OVERDUE_MS = 600;
/** Everywhere else: nobody waits so long. */
const LONGEST_MS = 30_000;
const options = {
  clientId: 'c',
  bootstrapBrokers: [],
  timeout: LONGEST_MS,
  connectTimeout: LONGEST_MS,
};

/** The error it rejects with; fails where it says nothing for long. */
async function rejection(promise: Promise<unknown>): Promise<string> {
  const silent = pause(LONGEST_MS, 'nothing happened', { ref: false });
  const said = promise.then(
    () => 'it resolved',
    (error: Error) => error.message,
  );
  return await Promise.race([said, silent]);
}

function request(): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.writeInt32BE(16, 0);
  return bytes;
}

test('an answer is overdue also on a connection that rested', async (t) => {
  let isSilent = false;
  const address = await startSocketServer(t, (socket, bytes) => {
    const answer = Buffer.alloc(12);
    answer.writeInt32BE(8, 0);
    bytes.copy(answer, 4, 8, 12);
    if (!isSilent) socket.write(answer);
  });
  const connection = new BrokerConnection(address, { ...options, timeout: OVERDUE_MS });
  t.after(() => connection.close());
  await connection.open();
  assert.equal((await connection.request(request())).length, 12);
  // Longer than an answer may take: rest is no fault.
  await pause(OVERDUE_MS + 50);
  assert.equal(connection.isClosed, false);
  assert.equal((await connection.request(request())).length, 12);
  isSilent = true;
  assert.match(await rejection(connection.request(request())), /did not answer in time/);
  assert.equal(connection.isClosed, true);
});

test('a handshake is overdue too', async (t) => {
  const address = await startSocketServer(t, () => {});
  const connection = new BrokerConnection(address, { ...options, connectTimeout: 100, tls: {} });
  t.after(() => connection.close());
  assert.match(await rejection(connection.open()), /did not answer in time/);
});

/** A server that answers each request with these pieces, which `id` is written into. */
async function answering(t: Test, answer: (id: Buffer) => Buffer[]) {
  const address = await startSocketServer(t, async (socket, bytes) => {
    for (const piece of answer(bytes.subarray(8, 12))) {
      socket.write(piece);
      await pause(2);
    }
  });
  const connection = new BrokerConnection(address, options);
  t.after(() => connection.close());
  await connection.open();
  return connection;
}

/** An answer of so many bytes behind its size. */
function answerOf(id: Buffer, size: number): Buffer {
  const bytes = Buffer.alloc(4 + size, 7);
  bytes.writeInt32BE(size, 0);
  id.copy(bytes, 4);
  return bytes;
}

test('an answer comes whole, however it is cut, to where there is room for it', async (t) => {
  let cuts: number[] = [];
  const connection = await answering(t, (id) => {
    const whole = answerOf(id, 40);
    const ends = [...cuts, whole.length];
    return ends.map((end, n) => whole.subarray(n === 0 ? 0 : ends[n - 1], end));
  });
  for (cuts of [[], [1], [3], [4], [5], [2, 4], [4, 9, 43], [1, 2, 3, 4, 5, 6]]) {
    const rooms: number[] = [];
    const buffer = Buffer.alloc(100);
    const answer = await connection.request(request(), (size) => {
      rooms.push(size);
      return buffer;
    });
    assert.deepEqual(rooms, [44]);
    assert.equal(answer.buffer, buffer.buffer);
    assert.equal(answer.length, 44);
    assert.ok(answer.subarray(8).every((byte) => byte === 7));
  }
});

test('bytes behind an answer, and another size than there may be, end the connection', async (t) => {
  const more = await answering(t, (id) => [Buffer.concat([answerOf(id, 8), Buffer.alloc(3)])]);
  // With room behind the answer, as lanes give it.
  const room = (size: number) => Buffer.alloc(size + 64);
  assert.match(await rejection(more.request(request(), room)), /answered another request/);
  assert.equal(more.isClosed, true);
  const huge = await answering(t, () => [Buffer.from([0x7f, 0xff, 0xff, 0xff])]);
  assert.match(await rejection(huge.request(request(), room)), /something that is no answer/);
});

test('an answer to another request is not taken for ours', async (t) => {
  const address = await startSocketServer(t, (socket) => {
    const answer = Buffer.alloc(12);
    answer.writeInt32BE(8, 0);
    answer.writeInt32BE(999, 4);
    socket.write(answer);
  });
  const connection = new BrokerConnection(address, options);
  await connection.open();
  assert.match(await rejection(connection.request(request())), /answered another request/);
});

const SASL_HANDSHAKE = 17;
const SASL_AUTHENTICATE = 36;
const OURS = 0;

/** A broker whose logins hold for so long; it lets nobody in again where it is told so. */
async function broker(t: Test, sessionMs: number) {
  const asked: number[] = [];
  const world = { asked, refuses: false };
  const address = await startSocketServer(t, (socket, bytes) => {
    const key = bytes.readInt16BE(4);
    asked.push(key);
    const answer = Buffer.alloc(8 + 14);
    answer.writeInt32BE(answer.length - 4, 0);
    bytes.copy(answer, 4, 8, 12);
    if (key === SASL_AUTHENTICATE) {
      // Tagged fields, then: the error, no message, no bytes, the time.
      answer.writeInt16BE(world.refuses ? 58 : 0, 9);
      answer.writeUInt8(1, 12);
      answer.writeBigInt64BE(BigInt(sessionMs), 13);
    }
    socket.write(answer);
  });
  const sasl = { mechanism: 'PLAIN', username: 'anna', password: 'secret' } as const;
  const connection = new BrokerConnection(address, { ...options, sasl });
  t.after(() => connection.close());
  await connection.open();
  return { world, connection };
}

const LOGIN = [SASL_HANDSHAKE, SASL_AUTHENTICATE];

test('a login that ends is renewed before the next request, on the same connection', async (t) => {
  const sessionMs = 40;
  const { world, connection } = await broker(t, sessionMs);
  await pause(sessionMs);
  await connection.request(request());
  assert.deepEqual(world.asked, [...LOGIN, ...LOGIN, OURS]);
  await pause(sessionMs);
  world.refuses = true;
  assert.match(await rejection(connection.request(request())), /login failed/);
  assert.equal(connection.isClosed, true);
  assert.deepEqual(world.asked.slice(5), LOGIN);
});

test('a login that holds is not renewed', async (t) => {
  for (const sessionMs of [0, LONGEST_MS]) {
    const { world, connection } = await broker(t, sessionMs);
    await connection.request(request());
    await connection.request(request());
    assert.deepEqual(world.asked, [...LOGIN, OURS, OURS]);
  }
});
