import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noneMatch } from '../../src/api/etag.ts';
import { createServer } from '../../src/api/server.ts';
import { ClickrateError } from '../../src/errors.ts';
import { counts, FakeReader, healthOf, partsWith, row, START } from './fake-reader.ts';

const PROBLEM = 'application/problem+json';

async function served(t: { after(fn: () => unknown): void }, reader = new FakeReader()) {
  const app = await createServer(partsWith(reader).parts);
  t.after(() => app.close());
  return { app, reader };
}

test('the three endpoints answer byte for byte as the original', async (t) => {
  const { app, reader } = await served(t);
  reader.publish([
    row('product_1', counts(START, 3, 2), counts(START - 10_000, 100, 40)),
    row('product_2', counts(START, 0, 3)),
  ]);
  const of = (id: string, ctr: number, impressions: number, clicks: number, start: number) =>
    `{"product_id":"${id}","ctr":${ctr},"impressions":${impressions},"clicks":${clicks},` +
    `"window_start":${start},"window_end":${start + 10_000}}`;
  const one = of('product_1', 0.6667, 3, 2, START);
  const two = of('product_2', 0, 0, 3, START);
  const before = of('product_1', 0.4, 100, 40, START - 10_000);
  const text = async (url: string) => (await app.inject(url)).payload;
  assert.equal(await text('/ctr/latest'), `{"product_1":${one},"product_2":${two}}`);
  assert.equal(await text('/ctr/previous'), `{"product_1":${before}}`);
  assert.equal(await text('/ctr/product_1'), `{"latest":${one},"previous":${before}}`);
  assert.equal(await text('/ctr/product_2'), `{"latest":${two},"previous":null}`);
});

test('without results the maps are empty', async (t) => {
  const { app } = await served(t);
  assert.equal((await app.inject('/ctr/latest')).payload, '{}');
  assert.equal((await app.inject('/ctr/previous')).payload, '{}');
});

test('a product that nobody knows is a 404 with detail', async (t) => {
  const { app } = await served(t);
  const answer = await app.inject('/ctr/nobody');
  assert.equal(answer.statusCode, 404);
  assert.equal(answer.headers['content-type'], PROBLEM);
  assert.deepEqual(answer.json(), {
    type: 'urn:clickrate:error:not_found',
    title: 'Not found',
    status: 404,
    detail: 'no result of product "nobody"',
    code: 'not_found',
    instance: '/ctr/nobody',
  });
});

test('product ids are percent-decoded once', async (t) => {
  const { app, reader } = await served(t);
  const ids = [
    'a/b',
    'a b',
    'ü€😀',
    '__proto__',
    '100%',
    '%2F',
    'a?b#c',
    '+',
    'a;b',
    '"',
    'x'.repeat(256),
  ];
  reader.publish(ids.map((id, i) => row(id, counts(START, i + 1, 0))));
  for (const [i, id] of ids.entries()) {
    for (const prefix of ['/ctr/', '/v1/products/']) {
      const answer = await app.inject(prefix + encodeURIComponent(id));
      assert.equal(answer.statusCode, 200, id);
      assert.equal(answer.json().latest.product_id, id);
      assert.equal(answer.json().latest.impressions, i + 1);
    }
  }
  assert.equal(
    (await app.inject(`/ctr/${'ü'.repeat(128).replaceAll('ü', '%C3%BC')}`)).statusCode,
    404,
  );
});

test('a product called latest is under /v1', async (t) => {
  const { app, reader } = await served(t);
  reader.publish([row('latest', counts(START, 4, 1))]);
  assert.deepEqual(Object.keys((await app.inject('/ctr/latest')).json()), ['latest']);
  assert.equal((await app.inject('/v1/products/latest')).json().latest.impressions, 4);
});

test('malformed and over-long paths are refused, each in its way', async (t) => {
  const { app } = await served(t);
  const refused: [string, number, RegExp][] = [
    ['/ctr/%zz', 400, /percent-encoding/],
    ['/ctr/%ff', 400, /percent-encoding/],
    ['/ctr/', 404, /no result/],
    ['/ctr/a/b', 404, /nothing at this path/],
    ['/ctr/latest/', 404, /nothing at this path/],
    [`/ctr/${'x'.repeat(2_000)}`, 404, /nothing at this path/],
    [`/ctr/latest?${'x'.repeat(9_000)}`, 400, /longer than 8192/],
    ['/CTR/latest', 404, /nothing at this path/],
  ];
  for (const [url, status, detail] of refused) {
    const answer = await app.inject(url);
    assert.equal(answer.statusCode, status, url.slice(0, 50));
    assert.equal(answer.headers['content-type'], PROBLEM);
    assert.match(answer.json().detail, detail);
    assert.ok(answer.json().instance.length <= 256);
  }
});

test('an entity tag stays while the bytes do, and gives 304 to who has them', async (t) => {
  const { app, reader } = await served(t);
  reader.publish([row('a', counts(START, 4, 1), counts(START - 10_000, 1, 1))]);
  for (const url of ['/ctr/latest', '/ctr/previous', '/ctr/a']) {
    const first = await app.inject(url);
    const etag = String(first.headers.etag);
    assert.match(etag, /^"[\w-]{22}"$/);
    for (const header of [etag, `W/${etag}`, `"x", ${etag}`, '*', `"a,b",W/${etag} , "c"`]) {
      const again = await app.inject({ url, headers: { 'if-none-match': header } });
      assert.equal(again.statusCode, 304, `${url} ${header}`);
      assert.equal(again.payload, '');
      assert.equal(again.headers.etag, etag);
    }
    const other = await app.inject({ url, headers: { 'if-none-match': '"other"' } });
    assert.equal(other.statusCode, 200);
    assert.equal(other.payload, first.payload);
  }
  const before = await app.inject('/ctr/latest');
  reader.publish([row('a', counts(START + 10_000, 4, 1), counts(START, 4, 1))]);
  const stale = { url: '/ctr/latest', headers: { 'if-none-match': String(before.headers.etag) } };
  assert.equal((await app.inject(stale)).statusCode, 200);
});

test('If-None-Match is compared weakly, and as a whole', () => {
  assert.equal(noneMatch('"abc"', '"ab"'), false);
  assert.equal(noneMatch('abc', '"abc"'), false);
  assert.equal(noneMatch(' * ', '"abc"'), true);
  assert.equal(noneMatch('"*"', '"abc"'), false);
  assert.equal(noneMatch('', '"abc"'), false);
  assert.equal(noneMatch(undefined, '"abc"'), false);
});

test('HEAD answers like GET without the body', async (t) => {
  const { app, reader } = await served(t);
  reader.publish([row('a', counts(START, 4, 1))]);
  for (const url of ['/', '/ctr/latest', '/ctr/a', '/v1/products', '/readyz', '/openapi.json']) {
    const get = await app.inject(url);
    const head = await app.inject({ url, method: 'HEAD' });
    assert.equal(head.statusCode, get.statusCode, url);
    assert.equal(head.payload, '');
    const difference = Number(head.headers['content-length']) - Buffer.byteLength(get.payload);
    // The age of the data goes on between the two, and with it its number of digits.
    assert.ok(Math.abs(difference) <= (url === '/v1/products' ? 3 : 0), `${url}: ${difference}`);
    assert.equal(head.headers.etag, get.headers.etag);
  }
});

test('a path answers 405 with Allow to other methods, before it looks at the body', async (t) => {
  const { app } = await served(t);
  const paths: [string, string][] = [
    ['/', 'GET, HEAD, OPTIONS'],
    ['/ctr/latest', 'GET, HEAD, OPTIONS'],
    ['/ctr/a%2Fb', 'GET, HEAD, OPTIONS'],
    ['/v1/events', 'OPTIONS, POST'],
    ['/v1/products/a/history', 'GET, HEAD, OPTIONS'],
    ['/metrics', 'GET, HEAD, OPTIONS'],
    ['/docs', 'GET, HEAD, OPTIONS'],
  ];
  for (const [url, allow] of paths) {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND']) {
      if (allow.split(', ').includes(method)) continue;
      const headers = { 'content-type': 'application/xml' };
      const answer = await app.inject({ url, method: method as 'GET', headers, payload: '<a/>' });
      assert.equal(answer.statusCode, 405, `${method} ${url}`);
      assert.equal(answer.headers.allow, allow);
      assert.equal(answer.headers['content-type'], PROBLEM);
      assert.equal(answer.json().code, 'method_not_allowed');
    }
    const options = await app.inject({ url, method: 'OPTIONS' });
    assert.equal(options.statusCode, 204);
    assert.equal(options.headers.allow, allow);
    assert.equal(options.payload, '');
  }
  for (const method of ['GET', 'POST', 'OPTIONS', 'DELETE'] as const) {
    const answer = await app.inject({ url: '/nowhere', method });
    assert.equal(answer.statusCode, 404, method);
    assert.equal(answer.json().code, 'not_found');
  }
});

test('the root is JSON, and a page to a browser', async (t) => {
  const { app } = await served(t);
  const json = await app.inject({ url: '/', headers: { accept: '*/*' } });
  assert.equal(json.json().name, 'clickrate');
  assert.equal(json.json().version, '1.2.3');
  assert.equal(json.json().status, 'running');
  assert.equal(json.headers.vary, 'accept');
  for (const path of Object.values<string>(json.json().links)) {
    const url = path.replace('{product_id}', 'latest');
    const method = url === '/v1/events' ? 'POST' : url === '/v1/stream' ? 'HEAD' : 'GET';
    assert.notEqual((await app.inject({ url, method })).statusCode, 404, url);
  }
  for (const accept of ['application/json, text/html;q=0.9', 'text/html;q=0, */*']) {
    const { headers } = await app.inject({ url: '/', headers: { accept } });
    assert.match(String(headers['content-type']), /^application\/json/, accept);
  }
  const page = await app.inject({ url: '/', headers: { accept: 'text/html,*/*;q=0.8' } });
  assert.match(String(page.headers['content-type']), /^text\/html/);
  assert.match(String(page.headers['content-security-policy']), /default-src 'none'/);
  assert.match(page.payload, /<a href="\/docs">/);
  assert.doesNotMatch(page.payload, /https?:\/\//);
  assert.doesNotMatch(page.payload, /<script/);
});

test('the root says when a task is not ready', async (t) => {
  const health = () => [healthOf({ ready: false, state: 'retrying' })];
  const app = await createServer(partsWith(new FakeReader(), { health }).parts);
  t.after(() => app.close());
  assert.equal((await app.inject('/')).json().status, 'not ready');
});

test('before the results are loaded their endpoints answer 503 with Retry-After', async (t) => {
  const reader = new FakeReader();
  reader.failure = new ClickrateError('store_unavailable', 'no answer');
  const { app } = await served(t, reader);
  for (const url of ['/ctr/latest', '/ctr/previous', '/ctr/a', '/v1/products', '/v1/products/a']) {
    const answer = await app.inject(url);
    assert.equal(answer.statusCode, 503, url);
    assert.equal(answer.headers['retry-after'], '1');
    assert.equal(answer.json().code, 'store_unavailable');
  }
  assert.equal((await app.inject('/livez')).statusCode, 200);
});

test('no answer invites another origin, and none may be sniffed', async (t) => {
  const { app } = await served(t);
  for (const url of [
    '/',
    '/ctr/latest',
    '/nowhere',
    '/ctr/%zz',
    '/docs',
    '/docs/static/index.css',
    '/metrics',
  ]) {
    const { headers } = await app.inject({ url, headers: { origin: 'https://example.com' } });
    assert.equal(headers['access-control-allow-origin'], undefined);
    assert.equal(headers['x-content-type-options'], 'nosniff', url);
  }
});
