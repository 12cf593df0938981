/** A connection to a broker that falls silent: waited for so long only, whenever that is. */
import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { BrokerConnection } from '../../src/sources/kafka/connection.ts';

type Test = { after(fn: () => unknown): void };

const OVERDUE_MS = 150;
const LONGEST_MS = 3_000;
const options = {
  clientId: 'c',
  bootstrapBrokers: [],
  timeout: OVERDUE_MS,
  connectTimeout: OVERDUE_MS,
};

/** A server of our own; `onRequest` hears each request whole. */
async function serverOf(t: Test, onRequest: (socket: Socket, bytes: Buffer) => void) {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => onRequest(socket, bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The error it rejects with; fails where it says nothing for long. */
async function rejection(promise: Promise<unknown>): Promise<string> {
  const silent = pause(LONGEST_MS).then(() => 'nothing happened');
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
  const address = await serverOf(t, (socket, bytes) => {
    const answer = Buffer.alloc(12);
    answer.writeInt32BE(8, 0);
    bytes.copy(answer, 4, 8, 12);
    if (!isSilent) socket.write(answer);
  });
  const connection = new BrokerConnection(address, options);
  t.after(() => connection.close());
  await connection.open();
  assert.equal((await connection.request(request())).length, 12);
  // Longer than an answer may take: rest is no fault.
  await pause(3 * OVERDUE_MS);
  assert.equal(connection.isClosed, false);
  assert.equal((await connection.request(request())).length, 12);
  await pause(3 * OVERDUE_MS);
  isSilent = true;
  assert.match(await rejection(connection.request(request())), /did not answer in time/);
  assert.equal(connection.isClosed, true);
});

test('a handshake is overdue too', async (t) => {
  const address = await serverOf(t, () => {});
  const connection = new BrokerConnection(address, { ...options, tls: {} });
  t.after(() => connection.close());
  assert.match(await rejection(connection.open()), /did not answer in time/);
});
