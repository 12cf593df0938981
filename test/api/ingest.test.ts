import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { ApiParts } from '../../src/api/handed.ts';
import { createServer } from '../../src/api/server.ts';
import { LIMITS } from '../../src/config.ts';
import { ClickrateError, type ErrorCode } from '../../src/errors.ts';
import { FakeReader, partsWith } from './fake-reader.ts';

type Hooks = { after(fn: () => unknown): void };

const NDJSON = 'application/x-ndjson';
const JSON_BODY = 'application/json';
const event = (i: number) => `{"product_id":"p${i}"}`;

async function served(t: Hooks, overrides: Partial<ApiParts> = {}) {
  const { parts, pushed } = partsWith(new FakeReader(), overrides);
  const app = await createServer(parts);
  t.after(() => app.close());
  const post = (type: string, payload: string | Buffer, headers: Record<string, string> = {}) =>
    app.inject({
      method: 'POST',
      url: '/v1/events',
      payload,
      headers: { 'content-type': type, ...headers },
    });
  return { app, post, pushed };
}

test('one object, an array, lines, in every media type that fits', async (t) => {
  const { post, pushed } = await served(t);
  const bodies: [string, string, string[]][] = [
    [JSON_BODY, ` ${event(1)}\n`, [event(1)]],
    [JSON_BODY, '{\n  "product_id": "a"\n}\n', ['{\n  "product_id": "a"\n}']],
    [JSON_BODY, `[${event(1)}, ${event(2)}]`, [event(1), event(2)]],
    [JSON_BODY, `${event(1)}\n${event(2)}\n`, [event(1), event(2)]],
    ['application/json; charset=utf-8', event(1), [event(1)]],
    ['Application/JSON', event(1), [event(1)]],
    [NDJSON, `${event(1)}\r\n\n${event(2)}`, [event(1), event(2)]],
    ['application/ndjson', event(1), [event(1)]],
    ['application/jsonl', `${event(1)}\n${event(2)}`, [event(1), event(2)]],
    ['text/plain;charset=UTF-8', event(1), [event(1)]],
    ['text/plain', `${event(1)}\n${event(2)}`, [event(1), event(2)]],
    ['text/plain', `[${event(1)}]`, [event(1)]],
    [JSON_BODY, `\ufeff[${event(1)}]`, [event(1)]],
  ];
  for (const [type, body, records] of bodies) {
    const answer = await post(type, body);
    assert.equal(answer.statusCode, 202, body);
    const accepted = records.length;
    assert.deepEqual(answer.json(), { accepted, unusable: [], unusable_total: 0 });
    assert.deepEqual(pushed.pop(), records);
  }
});

test('a body of more items than it may hold is refused whole, whatever they are', async (t) => {
  const { post, pushed } = await served(t, { limits: { ...LIMITS, bodyEvents: 2 } });
  for (const [type, body] of [
    ...[
      [NDJSON, '1\n2\n3'],
      ['text/plain', 'x\ny\nz'],
      [JSON_BODY, `[1,2,${event(1)}]`],
    ],
  ]) {
    const answer = await post(type!, body!);
    assert.equal(answer.statusCode, 413);
    assert.equal(answer.json().code, 'body_too_large');
    assert.equal(answer.json().detail, 'the body holds more than 2 events: send fewer at once');
  }
  assert.deepEqual(pushed, []);
  assert.equal((await post(NDJSON, `${event(1)}\n${event(2)}`)).statusCode, 202);
});

test('unusable items are pushed too, and listed with place, reason and message', async (t) => {
  const { post, pushed } = await served(t);
  const answer = await post(NDJSON, `${event(1)}\n{broken\n[]\n${event(2)}`);
  assert.equal(answer.statusCode, 202);
  assert.deepEqual(answer.json(), {
    accepted: 2,
    unusable: [
      { index: 1, reason: 'not_json', message: 'item 1 is not_json' },
      { index: 2, reason: 'not_object', message: 'item 2 is not_object' },
    ],
    unusable_total: 2,
  });
  assert.deepEqual(pushed, [[event(1), '{broken', '[]', event(2)]]);
});

test('the list of unusable items has a limit, their number has not', async (t) => {
  const { post } = await served(t);
  const body = `${event(1)}\n${'x\n'.repeat(LIMITS.listedItems + 5)}`;
  const { unusable, unusable_total } = (await post(NDJSON, body)).json();
  assert.equal(unusable.length, LIMITS.listedItems);
  assert.equal(unusable_total, LIMITS.listedItems + 5);
});

test('a body without a usable item is refused, and nothing is pushed', async (t) => {
  const { app, post, pushed } = await served(t);
  const bodies: [string, string, number, string | undefined][] = [
    [JSON_BODY, '', 0, undefined],
    [JSON_BODY, ' \n ', 0, undefined],
    [JSON_BODY, '[]', 0, undefined],
    [NDJSON, '\n\n', 0, undefined],
    [JSON_BODY, '{"a":1}', 1, 'missing_product_id'],
    [JSON_BODY, '{broken', 1, 'not_json'],
    [NDJSON, '1\n2\n3', 3, 'not_object'],
    ['text/plain', 'hello\nworld', 2, 'not_json'],
    [NDJSON, `[${event(1)}]`, 1, 'not_object'],
  ];
  for (const [type, body, total, reason] of bodies) {
    const answer = await post(type, body);
    assert.equal(answer.statusCode, 400, body);
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    const problem = answer.json();
    assert.equal(problem.code, 'nothing_usable');
    assert.equal(problem.unusable_total, total);
    assert.equal(problem.unusable[0]?.reason, reason);
  }
  const empty = await app.inject({ method: 'POST', url: '/v1/events' });
  assert.equal(empty.json().code, 'nothing_usable');
  assert.deepEqual(pushed, []);
});

test('an array that cannot be cut into elements is a bad request', async (t) => {
  const { post, pushed } = await served(t);
  for (const body of [`[${event(1)}`, `[${event(1)}] x`, `[${event(1)},]`]) {
    const answer = await post(JSON_BODY, body);
    assert.equal(answer.statusCode, 400);
    assert.equal(answer.json().code, 'bad_request');
  }
  assert.deepEqual(pushed, []);
});

test('text of many lines is lines although longer than an event may be', async (t) => {
  const { post, pushed } = await served(t);
  const lines = Array.from({ length: 5_000 }, (_, i) => event(i));
  assert.equal((await post('text/plain', lines.join('\n'))).json().accepted, 5_000);
  assert.deepEqual(pushed.pop(), lines);
  // One event that is too long stays one, however it is printed.
  const long = `{\n"product_id":"a",\n"x":"${'y'.repeat(70_000)}"\n}`;
  const answer = await post(JSON_BODY, long);
  assert.equal(answer.json().unusable_total, 1);
  assert.equal(answer.json().unusable[0].reason, 'too_large');
});

test('other media types and encodings are 415', async (t) => {
  const { app, post, pushed } = await served(t);
  for (const type of ['application/xml', 'text/html', 'application/x-www-form-urlencoded', 'x']) {
    const answer = await post(type, event(1));
    assert.equal(answer.statusCode, 415, type);
    assert.equal(answer.json().code, 'unsupported_media');
    assert.match(answer.json().detail, /curl: -H 'content-type: application\/json'/);
  }
  const untyped = await app.inject({
    method: 'POST',
    url: '/v1/events',
    payload: Buffer.from(event(1)),
    headers: { 'content-type': '' },
  });
  assert.equal(untyped.statusCode, 415);
  const brotli = await post(JSON_BODY, brotliCompressSync(event(1)), { 'content-encoding': 'br' });
  assert.equal(brotli.statusCode, 415);
  assert.equal(brotli.headers['accept-encoding'], 'gzip');
  assert.deepEqual(pushed, []);
});

test('gzip is unpacked up to the limit of a body', async (t) => {
  const { post, pushed } = await served(t);
  const gzip = { 'content-encoding': 'gzip' };
  const answer = await post(NDJSON, gzipSync(`${event(1)}\n${event(2)}`), gzip);
  assert.equal(answer.json().accepted, 2);
  assert.deepEqual(pushed, [[event(1), event(2)]]);
  const bomb = await post(NDJSON, gzipSync(Buffer.alloc(LIMITS.bodyBytes + 1, '\n')), gzip);
  assert.equal(bomb.statusCode, 413);
  assert.equal(bomb.json().code, 'body_too_large');
  const damaged = await post(NDJSON, Buffer.from('not gzip'), gzip);
  assert.equal(damaged.statusCode, 400);
  assert.match(damaged.json().detail, /not gzip/);
  const zeros = Buffer.alloc(100);
  const padded = await post(NDJSON, Buffer.concat([gzipSync(event(3)), zeros]), gzip);
  assert.equal(padded.json().accepted, 1);
  const more = Buffer.concat([gzipSync(event(4)), zeros, gzipSync(event(5))]);
  const cut = await post(NDJSON, more, gzip);
  assert.equal(cut.statusCode, 400);
  assert.deepEqual(pushed.slice(1), [[event(3)]]);
});

test('a body over the limit is 413, one at the limit is taken', async (t) => {
  const { post } = await served(t, { limits: { ...LIMITS, bodyBytes: 1_000 } });
  const padded = (bytes: number) => event(1).padEnd(bytes, ' ');
  assert.equal((await post(JSON_BODY, padded(1_000))).statusCode, 202);
  const answer = await post(JSON_BODY, padded(1_001));
  assert.equal(answer.statusCode, 413);
  assert.equal(answer.json().code, 'body_too_large');
  assert.match(answer.json().detail, /larger than the 1000 bytes/);
});

test('a full journal is 429, a store without an answer 503, both with Retry-After', async (t) => {
  let code: ErrorCode = 'journal_full';
  const push = async () => {
    throw new ClickrateError(code, 'not now');
  };
  const { post } = await served(t, { push });
  const statuses: [ErrorCode, number][] = [
    ['journal_full', 429],
    ['store_unavailable', 503],
    ['store_full', 503],
    ['stopping', 503],
  ];
  for (const [next, status] of statuses) {
    code = next;
    const answer = await post(JSON_BODY, event(1));
    assert.equal(answer.statusCode, status);
    assert.equal(answer.headers['retry-after'], '1');
    assert.equal(answer.json().code, next);
    assert.equal(answer.json().detail, 'not now');
  }
});

test('the answer waits for the push', async (t) => {
  let resolve = () => {};
  const push = () =>
    new Promise<{ offset: number; arrivalMs: number }>((done) => {
      resolve = () => done({ offset: 0, arrivalMs: 0 });
    });
  const { post } = await served(t, { push });
  let answered = false;
  const answer = post(JSON_BODY, event(1)).then((response) => {
    answered = true;
    return response;
  });
  await new Promise((done) => setTimeout(done, 20));
  assert.equal(answered, false);
  resolve();
  assert.equal((await answer).statusCode, 202);
});

test('more records than a batch holds are pushed in one call', async (t) => {
  const { post, pushed } = await served(t);
  const body = '{"product_id":"a"}\n'.repeat(LIMITS.batchRecords + 10);
  assert.equal((await post(NDJSON, body)).json().accepted, LIMITS.batchRecords + 10);
  assert.equal(pushed.length, 1);
});

test('a server that takes no events has no such path', async (t) => {
  const { parts } = partsWith(new FakeReader());
  const { push: _, ...readOnly } = parts;
  const app = await createServer(readOnly);
  t.after(() => app.close());
  const headers = { 'content-type': JSON_BODY };
  const post = { method: 'POST', url: '/v1/events', headers, payload: event(1) } as const;
  for (const url of ['/v1/events', '/v1/rejected/1/replay']) {
    const answer = await app.inject({ ...post, url });
    assert.equal(answer.statusCode, 404);
    assert.match(answer.json().detail, /takes no events over HTTP: `clickrate run` does/);
  }
  assert.match((await app.inject('/nowhere')).json().detail, /nothing at this path/);
  assert.equal((await app.inject('/openapi.json')).json().paths['/v1/events'], undefined);
  assert.equal((await app.inject('/')).json().links.events, undefined);
});
