/** Many bodies at once: those that would fill the memory are refused, and the others go on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createServer } from '../../src/api/server.ts';
import { LIMITS } from '../../src/config.ts';
import { eventually } from '../support/processes.ts';
import { FakeReader, partsWith } from './fake-reader.ts';

const BODY = 100_000;
const HEAD =
  'POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n' +
  `Connection: close\r\nContent-Length: ${BODY}\r\n\r\n`;

test('bodies that come at once share a limit', async (t) => {
  const limits = { ...LIMITS, bodiesBytes: BODY * 5 };
  const { parts, pushed } = partsWith(new FakeReader(), { limits, judge: () => [] });
  const app = await createServer(parts);
  t.after(() => app.close());
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  // Each sends all of its body but a byte.
  const clients = Array.from({ length: 12 }, () => {
    const socket = connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    let answer = '';
    socket.on('data', (data) => {
      answer += data.toString('latin1');
    });
    socket.on('error', () => {});
    socket.write(HEAD + 'x'.repeat(BODY - 1));
    return { socket, answer: () => answer };
  });
  const refused = () => clients.filter(({ answer }) => answer() !== '');
  await eventually(async () => refused().length === 7);
  for (const { answer } of refused()) {
    assert.match(answer(), /^HTTP\/1.1 429 /);
    assert.match(answer(), /retry-after: 1\r\n/i);
  }
  for (const { socket, answer } of clients.filter((client) => client.answer() === '')) {
    socket.write('x');
    await once(socket, 'close');
    assert.match(answer(), /^HTTP\/1.1 202 /);
  }
  assert.equal(pushed.length, 5);
  // What was held is free again.
  const again = connect(port, '127.0.0.1');
  again.write(HEAD + 'x'.repeat(BODY));
  const [data] = await once(again, 'data');
  assert.match(String(data), /^HTTP\/1.1 202 /);
});

/** A server whose pushes wait until `letGo`, and what posts a body that unpacks to so many bytes. */
async function slow(t: { after(fn: () => unknown): void }, bodyBytes: number, bodiesBytes: number) {
  const { promise: gate, resolve: letGo } = Promise.withResolvers<void>();
  let waiting = 0;
  const { parts } = partsWith(new FakeReader(), {
    limits: { ...LIMITS, bodyBytes, bodiesBytes },
    judge: () => [],
    push: async () => {
      waiting += 1;
      await gate;
      return { offset: 0, arrivalMs: 0 };
    },
  });
  const app = await createServer(parts);
  t.after(() => {
    letGo();
    return app.close();
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const headers = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' };
  const post = (bytes: number, signal: AbortSignal | null = null) =>
    fetch(`http://127.0.0.1:${port}/v1/events`, {
      method: 'POST',
      headers,
      signal,
      body: new Uint8Array(gzipSync(Buffer.alloc(bytes, 'x'))),
    });
  return { post, letGo, waiting: () => waiting };
}

test('bodies count as what they unpack to', async (t) => {
  const { post, letGo, waiting } = await slow(t, 100_000, 320_000);
  const statuses: number[] = [];
  const all = Array.from({ length: 12 }, async () => {
    const answer = await post(90_000);
    statuses.push(answer.status);
    return answer;
  });
  await eventually(async () => statuses.length === 9 && waiting() === 3);
  assert.deepEqual(statuses, Array(9).fill(429));
  letGo();
  const taken = (await Promise.all(all)).filter(({ status }) => status !== 429);
  assert.deepEqual(
    taken.map(({ status }) => status),
    [202, 202, 202],
  );
  // What was held is free again, also after what is no body: no room leaks.
  for (let n = 0; n < 5; n++) {
    assert.equal((await post(100_001)).status, 413);
    assert.equal((await post(90_000)).status, 202);
  }
});

test('a small body holds only what came out of it', async (t) => {
  const { post, letGo, waiting } = await slow(t, 100_000, 200_000);
  const all: Promise<Response>[] = [];
  for (let n = 1; n <= 9; n++) {
    all.push(post(10_000));
    await eventually(async () => waiting() === n, 30_000, 5);
  }
  letGo();
  for (const { status } of await Promise.all(all)) assert.equal(status, 202);
});

test('a body is held until it is pushed, though its sender has left', async (t) => {
  const { post, letGo, waiting } = await slow(t, 100_000, 200_000);
  const leaving = new AbortController();
  const left = post(90_000, leaving.signal);
  await eventually(async () => waiting() === 1, 30_000, 5);
  leaving.abort();
  await assert.rejects(left, { name: 'AbortError' });
  const stays = post(90_000);
  await eventually(async () => waiting() === 2, 30_000, 5);
  assert.equal((await post(90_000)).status, 429);
  letGo();
  assert.equal((await stays).status, 202);
  await eventually(async () => (await post(90_000)).status === 202);
});
