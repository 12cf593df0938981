/** Clients that dribble, fall silent, never read or come in crowds are cut off; others go on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { suite, test } from 'node:test';
import { Doors } from '../../src/api/doors/doors.ts';
import { createServer } from '../../src/api/server.ts';
import { LIMITS, OPTIONS } from '../../src/config.ts';
import { temporary } from '../support/processes.ts';
import { certificate } from './certificate.ts';
import { counts, FakeReader, partsWith, row, START } from './fake-reader.ts';

type Closers = { after(fn: () => unknown): void };

const SHORT = { ...LIMITS, requestMs: 300, keepAliveMs: 300 };
/** When it must be over: the limit, the interval of looking, and time for a busy machine, which
 *  may take seconds to make an answer of 100 000 rows. */
const CUT_MS = 10_000;

async function listening(t: Closers, limits = SHORT, options = {}) {
  const reader = new FakeReader();
  const doors = new Doors({ ...OPTIONS, ...options }, true);
  const app = await createServer(partsWith(reader, { limits, doors }).parts);
  t.after(() => app.close());
  await app.listen({ host: '127.0.0.1', port: 0 });
  return { reader, app, port: (app.server.address() as AddressInfo).port };
}

/** A connection, what came over it, and how long it lived once it is closed. */
function client(t: Closers, port: number, allowHalfOpen = false) {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen });
  t.after(() => socket.destroy());
  const beganMs = performance.now();
  let answer = '';
  socket.on('data', (data) => {
    answer += data.toString('latin1');
  });
  // To be cut off is what is tested.
  socket.on('error', () => {});
  const closed = new Promise<number>((resolve) => {
    socket.once('close', () => resolve(performance.now() - beganMs));
  });
  return { socket, answer: () => answer, closed };
}

/** Writes a character each 20 ms until the other end has had enough. */
function dribble(socket: Socket, text: string): void {
  let at = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || at === text.length) clearInterval(timer);
    else socket.write(text[at++]);
  }, 20);
}

suite('a client is cut off', () => {
  test('that dribbles its head', async (t) => {
    const { port } = await listening(t);
    const { socket, answer, closed } = client(t, port);
    dribble(socket, `GET / HTTP/1.1\r\nHost: localhost\r\n${'A: b\r\n'.repeat(1_000)}`);
    assert.ok((await closed) < CUT_MS);
    assert.match(answer(), /^HTTP\/1.1 408 /);
  });

  test('that dribbles its body', async (t) => {
    const { port } = await listening(t);
    const { socket, answer, closed } = client(t, port);
    socket.write('POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n');
    socket.write('Content-Type: text/plain\r\n\r\n');
    dribble(socket, 'x'.repeat(9_000));
    assert.ok((await closed) < CUT_MS);
    assert.match(answer(), /^HTTP\/1.1 408 /);
  });

  test('that goes on dribbling when it has been refused', async (t) => {
    const { port } = await listening(t);
    const { socket, answer, closed } = client(t, port, true);
    dribble(socket, `GET / HTTP/1.1\r\nHost: localhost\r\n${'A: b\r\n'.repeat(1_000)}`);
    assert.ok((await closed) < CUT_MS);
    assert.match(answer(), /^HTTP\/1.1 408 /);
  });

  test('that says nothing, from the beginning or after an answer', async (t) => {
    const { port } = await listening(t);
    const silent = client(t, port);
    const served = client(t, port);
    served.socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.ok((await silent.closed) < CUT_MS);
    assert.ok((await served.closed) < CUT_MS);
    assert.match(served.answer(), /^HTTP\/1.1 200 /);
  });

  test('that never ends its handshake', async (t) => {
    const { cert, key } = certificate(temporary(t));
    const { port } = await listening(t, SHORT, { httpsCert: cert, httpsKey: key });
    assert.ok((await client(t, port).closed) < CUT_MS);
  });

  test('that does not read its answer', async (t) => {
    const { port, reader, app } = await listening(t);
    reader.publish(
      Array.from({ length: 100_000 }, (_, i) => row(`product_${i}`, counts(START, i, 1))),
    );
    const { socket } = client(t, port);
    socket.pause();
    socket.write('GET /ctr/latest HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(socket, 'connect');
    const open = () => new Promise((resolve) => app.server.getConnections((_, n) => resolve(n)));
    const untilMs = performance.now() + CUT_MS;
    while ((await open()) !== 0) {
      assert.ok(performance.now() < untilMs, 'the connection is still open');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
});

test('one connection too many is refused, and there is room when one has left', async (t) => {
  const { port } = await listening(t, { ...LIMITS, connections: 20 });
  const ask = 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const all = Array.from({ length: 20 }, () => client(t, port));
  for (const { socket } of all) socket.write(ask);
  await Promise.all(all.map(({ socket }) => once(socket, 'data')));
  const refused = client(t, port);
  refused.socket.write(ask);
  await refused.closed;
  assert.equal(refused.answer(), '');
  all[0].socket.end();
  await all[0].closed;
  const next = client(t, port);
  next.socket.write(ask);
  await once(next.socket, 'data');
  assert.match(next.answer(), /^HTTP\/1.1 200 /);
});

test('a stop waits for nobody who has not shaken hands', async (t) => {
  const { cert, key } = certificate(temporary(t));
  const limits = { ...LIMITS, stopMs: 40_000 };
  const { app, port } = await listening(t, limits, { httpsCert: cert, httpsKey: key });
  const { socket, closed } = client(t, port);
  await once(socket, 'connect');
  const beganMs = performance.now();
  await app.close();
  assert.ok(performance.now() - beganMs < limits.stopMs / 8);
  await closed;
});
