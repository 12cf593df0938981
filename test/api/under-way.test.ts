/** Many bodies at once: those that would fill the memory are refused, and the others go on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
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
  await eventually(async () => refused().length === 7, 5_000);
  for (const { answer } of refused()) {
    assert.match(answer(), /^HTTP\/1.1 429 /);
    assert.match(answer(), /retry-after: 1\r\n/i);
    assert.match(answer(), /connection: close\r\n/i);
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
