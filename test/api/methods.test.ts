/** Request targets other than a path (RFC 9112, 3.2), which injection cannot send. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { createServer } from '../../src/api/server.ts';
import { counts, FakeReader, partsWith, row, START } from './fake-reader.ts';

async function listening(t: { after(fn: () => unknown): void }): Promise<number> {
  const reader = new FakeReader();
  reader.publish([row('b', counts(START, 4, 1))]);
  const asset = { type: 'text/css', plain: Buffer.from('a{}'), gzip: Buffer.from('') };
  const page = { index: '<html>', assets: new Map([['/assets/a.css', asset]]) };
  const app = await createServer(partsWith(reader, { page }).parts);
  t.after(() => app.close());
  await app.listen({ host: '127.0.0.1', port: 0 });
  return (app.server.address() as AddressInfo).port;
}

async function answerTo(port: number, method: string, target: string) {
  const sent = request({ host: '127.0.0.1', port, method, path: target, agent: false }).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const { statusCode, headers } = answer;
  return { statusCode, allow: headers.allow, body: await text(answer) };
}

test('a target in absolute form is asked as its path is', async (t) => {
  const port = await listening(t);
  for (const path of ['/ctr/b', '/assets/a.css', '/v1/products?limit=1', '/nowhere?a=/b', '/']) {
    const asked = await answerTo(port, 'GET', path);
    for (const host of ['http://a.example', 'HTTPS://a.example:80']) {
      const { statusCode, body } = await answerTo(port, 'GET', host + path);
      assert.equal(statusCode, asked.statusCode, host + path);
      if (!path.startsWith('/v1/')) assert.equal(body, asked.body);
    }
  }
  assert.equal((await answerTo(port, 'GET', 'http://a.example')).statusCode, 200);
  assert.equal((await answerTo(port, 'GET', 'http://a.example?a=/ctr/b')).statusCode, 200);
});

test('a method that is not taken is told so in absolute form too', async (t) => {
  const port = await listening(t);
  for (const target of ['/ctr/b', 'http://a.example/ctr/b?a=1', 'http://a.example']) {
    const { statusCode, allow } = await answerTo(port, 'DELETE', target);
    assert.deepEqual([statusCode, allow], [405, 'GET, HEAD, OPTIONS'], target);
    const options = await answerTo(port, 'OPTIONS', target);
    assert.deepEqual([options.statusCode, options.allow], [204, 'GET, HEAD, OPTIONS'], target);
  }
});

test('OPTIONS of the server as a whole is answered, and nothing else is asked of it', async (t) => {
  const port = await listening(t);
  const options = await answerTo(port, 'OPTIONS', '*');
  assert.deepEqual([options.statusCode, options.allow], [204, 'OPTIONS']);
  for (const method of ['GET', 'DELETE']) {
    const { statusCode, allow } = await answerTo(port, method, '*');
    assert.deepEqual([statusCode, allow], [405, 'OPTIONS'], method);
  }
});
