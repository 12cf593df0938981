/** Over a real socket: what injection cannot show. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DATA_GUARDS } from '../../src/api/answer.ts';
import type { ApiParts } from '../../src/api/handed.ts';
import { createServer } from '../../src/api/server.ts';
import { LIMITS, MOST_ID_BYTES, SETTINGS } from '../../src/config.ts';
import { counts, FakeReader, partsWith, row, START } from './fake-reader.ts';

type Page = { products: { product_id: string }[] };
type Hooks = { after(fn: () => unknown): void };

async function listening(t: Hooks, overrides: Partial<ApiParts> = {}) {
  const reader = new FakeReader();
  reader.publish([row('ü', counts(START, 4, 1)), row('b', counts(START, 0, 1))]);
  const app = await createServer(partsWith(reader, overrides).parts);
  t.after(() => app.close());
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return { app, reader, port, url: `http://127.0.0.1:${port}` };
}

/** Everything the server writes to one connection until it closes it. */
async function exchange(port: number, text: string, isAll = false): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: isAll });
  socket.write(text);
  if (isAll) socket.end();
  let answer = '';
  socket.setEncoding('latin1').on('data', (part) => {
    answer += part;
  });
  await once(socket, 'close');
  return answer;
}

test('the longest product id that the settings allow can be asked for', async (t) => {
  for (const maxProductIdBytes of [SETTINGS.maxProductIdBytes, MOST_ID_BYTES]) {
    const reader = new FakeReader();
    // No other byte becomes longer: it is escaped in JSON, so in a cursor too.
    const [first, last] = ['\u0001', '\u0002'].map((byte) => byte.repeat(maxProductIdBytes));
    reader.publish([first, last].map((id) => row(id, counts(START, 4, 1))));
    const settings = { ...SETTINGS, maxProductIdBytes };
    const app = await createServer(partsWith(reader, { settings }).parts);
    t.after(() => app.close());
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    const id = encodeURIComponent(first);
    for (const path of [`/ctr/${id}`, `/v1/products/${id}`, `/v1/products/${id}/history`])
      assert.equal((await fetch(url + path)).status, 200, path.slice(0, 20));
    const pages = `${url}/v1/products?sort=-impressions&limit=1`;
    const { next } = (await (await fetch(pages)).json()) as { next: string };
    const page = (await (await fetch(`${pages}&cursor=${next}`)).json()) as Page;
    assert.deepEqual(
      page.products.map(({ product_id }) => product_id === first),
      [true],
    );
    const beyond = await fetch(`${url}/?${'x'.repeat(8 * maxProductIdBytes + 8_192)}`);
    assert.equal(beyond.status, 400);
  }
});

test('answers, tags and errors over a real connection', async (t) => {
  const { url } = await listening(t);
  const answer = await fetch(`${url}/ctr/latest`);
  const text = await answer.text();
  assert.deepEqual(Object.keys(JSON.parse(text)), ['ü', 'b']);
  assert.equal(answer.headers.get('content-length'), String(Buffer.byteLength(text)));
  const etag = answer.headers.get('etag')!;
  const again = await fetch(`${url}/ctr/latest`, { headers: { 'if-none-match': etag } });
  assert.equal(again.status, 304);
  const ascii = await fetch(`${url}/ctr/b`);
  assert.equal(((await ascii.json()) as { latest: { ctr: number } }).latest.ctr, 0);
  const posted = await fetch(`${url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: '{"product_id":"a"}\n{"product_id":"b"}\n',
  });
  assert.equal(posted.status, 202);
  assert.deepEqual(await posted.json(), { accepted: 2, unusable: [], unusable_total: 0 });
  const refused = await fetch(`${url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'image/png' },
    body: 'x',
  });
  assert.equal(refused.status, 415);
});

test('a body that is refused may come to its end: who sends it hears why', async (t) => {
  const { port } = await listening(t);
  const bytes = LIMITS.bodyBytes + 1;
  for (const [type, framing, status] of [
    ['application/json', `Content-Length: ${bytes}`, 413],
    ['image/png', `Content-Length: ${bytes}`, 415],
    ['application/json', 'Transfer-Encoding: chunked', 413],
  ] as const) {
    const socket = connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    const isChunked = framing.startsWith('Transfer');
    socket.write(
      `POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\n${framing}\r\n\r\n`,
    );
    if (isChunked) socket.write(`${bytes.toString(16)}\r\n`);
    socket.write(Buffer.alloc(isChunked ? bytes : 1, ' '));
    const [answer] = await once(socket, 'data');
    assert.match(String(answer), new RegExp(`^HTTP/1.1 ${status} `));
    // Much is on its way when the answer comes; programs read it when they have sent everything.
    socket.write(isChunked ? '\r\n0\r\n\r\n' : Buffer.alloc(bytes - 1, ' '));
    socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1.1 200 /, `${type}, ${framing}`);
  }
});

test('nothing is written into an answer that has begun', async (t) => {
  const { port } = await listening(t);
  const socket = connect(port, '127.0.0.1');
  socket.write('GET /v1/stream HTTP/1.1\r\nHost: x\r\n\r\n');
  let answer = String((await once(socket, 'data'))[0]);
  socket.on('data', (part) => {
    answer += part;
  });
  socket.write('this is no request\r\n\r\n');
  await once(socket, 'close');
  assert.equal(answer.match(/HTTP\/1\.1/g)?.length, 1);
});

test('who says that nothing more will come hears the answer all the same', async (t) => {
  const { port } = await listening(t, { push: () => sleep(20) });
  const body = '{"product_id":"a"}';
  const head = `Host: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
  const request = `POST /v1/events HTTP/1.1\r\n${head}\r\n\r\n${body}`;
  assert.match(await exchange(port, request, true), /^HTTP\/1\.1 202 /);
  // There is nobody to read on: the stream ends.
  const stream = await exchange(port, 'GET /v1/stream HTTP/1.1\r\nHost: x\r\n\r\n', true);
  assert.match(stream, /^HTTP\/1\.1 200 /);
});

test('requests sent ahead on one connection are answered in order', async (t) => {
  const { port } = await listening(t);
  const paths = ['/ctr/latest', '/ctr/b', '/nowhere', '/livez'];
  const requests = paths.map((path, i) => {
    const last = i === paths.length - 1 ? 'Connection: close\r\n' : '';
    return `GET ${path} HTTP/1.1\r\nHost: x\r\n${last}\r\n`;
  });
  const answer = await exchange(port, requests.join(''));
  const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1]);
  assert.deepEqual(statuses, ['200', '200', '404', '200']);
});

test('100 000 products arrive whole, and a slow reader gets the state it asked for', async (t) => {
  const { url, reader } = await listening(t);
  const rows = Array.from({ length: 100_000 }, (_, i) => row(`product_${i}`, counts(START, i, 1)));
  reader.publish(rows);
  const agent = new Agent({ keepAlive: false });
  const response = await new Promise<NodeJS.ReadableStream & { headers: Record<string, string> }>(
    (resolve) => get(`${url}/ctr/latest`, { agent }, (answer) => resolve(answer as never)),
  );
  // The answer has begun; everything changes while most of it still waits to be read.
  reader.publish(rows.map(({ product }) => row(product, counts(START + 10_000, 7, 7))));
  await (await fetch(`${url}/ctr/latest`)).arrayBuffer();
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  const bytes = Buffer.concat(parts);
  assert.equal(bytes.length, Number(response.headers['content-length']));
  const body = JSON.parse(bytes.toString());
  assert.equal(Object.keys(body).length, 100_002);
  assert.equal(body.product_99999.impressions, 99_999);
  agent.destroy();
});

test('what is not HTTP, too large a head, or too slow is refused as a problem', async (t) => {
  const { port } = await listening(t, { limits: { ...LIMITS, requestMs: 300 } });
  const refused: [string, number][] = [
    ['hello\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nHost: x\r\nA: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    [
      'POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n' +
        'Content-Length: 9\r\n\r\nx',
      408,
    ],
  ];
  for (const [text, status] of refused) {
    const answer = await exchange(port, text);
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `));
    assert.match(answer, /Content-Type: application\/problem\+json/i);
    for (let i = 0; i < DATA_GUARDS.length; i += 2)
      assert.ok(answer.includes(`\r\n${DATA_GUARDS[i]}: ${DATA_GUARDS[i + 1]}\r\n`), answer);
    const problem = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')));
    assert.equal(problem.status, status);
    assert.equal(problem.code, 'bad_request');
  }
});

test('a closing server answers what is under way and leaves no connection', async (t) => {
  const reader = new FakeReader();
  const pushed = Promise.withResolvers<void>();
  const stored = Promise.withResolvers<{ offset: number; arrivalMs: number }>();
  const push = () => {
    pushed.resolve();
    return stored.promise;
  };
  const app = await createServer(partsWith(reader, { push }).parts);
  t.after(() => app.close());
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const posted = fetch(`${url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"product_id":"a"}',
  });
  await pushed.promise;
  const closed = app.close();
  stored.resolve({ offset: 0, arrivalMs: 0 });
  assert.equal((await posted).status, 202);
  await closed;
  assert.equal(reader.followers, 0);
  await assert.rejects(fetch(url));
});

test('a closing server does not wait for those who have not asked, nor long for slow ones', async (t) => {
  // Slow ones get a quarter of the time there is.
  const cases: [string, string, number][] = [
    ['silent', '', 1_900],
    ['a head cut short', 'GET / HTTP/1.1\r\n', 1_900],
    [
      'a body cut short',
      'POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n' +
        'Content-Length: 9\r\n\r\nx',
      8_000,
    ],
  ];
  for (const [name, text, atMostMs] of cases) {
    const { app, port } = await listening(t, { limits: { ...LIMITS, stopMs: 8_000 } });
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write(text);
    await new Promise((done) => setTimeout(done, 100));
    const beganMs = performance.now();
    const timer = setTimeout(() => socket.destroy(), 10_000);
    await app.close();
    clearTimeout(timer);
    const tookMs = performance.now() - beganMs;
    assert.ok(tookMs < atMostMs, `${name}: ${tookMs} ms`);
    socket.destroy();
  }
});
