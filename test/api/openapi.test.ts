/** The OpenAPI document names every status that can come: each is driven, none comes unnamed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import Fastify from 'fastify';
import { Doors } from '../../src/api/doors/doors.ts';
import { newKey } from '../../src/api/doors/keys.ts';
import { SHARED_SCHEMAS } from '../../src/api/schema.ts';
import { createServer } from '../../src/api/server.ts';
import { LIMITS, OPTIONS, type Options } from '../../src/config.ts';
import { ClickrateError, ERRORS } from '../../src/errors.ts';
import { counts, FakeReader, healthOf, keptEvent, partsWith, row, START } from './fake-reader.ts';

type Parameter = { name: string; in: string; required?: boolean; schema: { default?: unknown } };
type Operation = {
  operationId?: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: object; example?: unknown }> };
  responses: Record<string, { description: string; content?: object; headers?: object }>;
};
type Document = {
  openapi: string;
  info: { version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown> };
};

/** Statuses that only the parser of HTTP gives, before there is a route; see socket.test.ts. */
const AT_THE_SOCKET = ['408', '431'];

type Hooks = { after(fn: () => unknown): void };

async function served(t: Hooks) {
  const reader = new FakeReader();
  reader.publish([row('a', counts(START, 4, 1), counts(START - 10_000, 2, 1))]);
  reader.kept.push(
    keptEvent(1, '{"product_id":"a","timestamp":1760000000000,"event_type":"click"}'),
    keptEvent(2, 'not JSON'),
  );
  let ready = true;
  let refusal: Error | null = null;
  const { parts } = partsWith(reader, {
    limits: { ...LIMITS, bodyBytes: 2_000, statusMs: STATUS_MS },
    health: () => {
      if (refusal instanceof TypeError) throw refusal;
      return [healthOf({ ready })];
    },
    open: () => {
      if (refusal instanceof TypeError) throw refusal;
      return [];
    },
  });
  const app = await createServer({
    ...parts,
    push: async (records) => {
      if (refusal !== null) throw refusal;
      return await parts.push!(records);
    },
  });
  t.after(() => app.close());
  const document: Document = (await app.inject('/openapi.json')).json();
  /** Makes everything behind the API fail with `error`, or work again. */
  const failWith = (error: Error | null) => {
    refusal = error;
    reader.failure = error;
  };
  const setReady = (value: boolean) => {
    ready = value;
  };
  return { app, document, failWith, setReady };
}

const fill = (path: string) => path.replace('{product_id}', 'a').replace('{id}', '1');
/** How long what is known of tasks is believed. */
const STATUS_MS = 5;
const REPLAY = '/v1/rejected/{id}/replay';
const STORE_DOWN = new ClickrateError('store_unavailable', 'no answer');

test('the document is OpenAPI 3.1 and every reference in it leads somewhere', async (t) => {
  const { app, document } = await served(t);
  assert.match(document.openapi, /^3\.1\./);
  assert.equal(document.info.version, '1.2.3');
  const text = JSON.stringify(document);
  const names = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
    ([, at]) => at,
  );
  assert.ok(names.length > 0);
  for (const name of names) assert.ok(document.components.schemas[name!], name);
  assert.doesNotMatch(text, /"\$ref":"(?!#\/components\/schemas\/)/);
  assert.doesNotMatch(text, /https?:\/\//);
  assert.deepEqual((await app.inject('/docs/json')).json(), document);
});

test('every schema is one that JSON Schema allows', async (t) => {
  const { document } = await served(t);
  // Unlike ours it looks at what it is given.
  const app = Fastify();
  t.after(() => app.close());
  for (const schema of SHARED_SCHEMAS) app.addSchema(schema);
  for (const [path, operations] of Object.entries(document.paths)) {
    const parameters = Object.values(operations).flatMap((operation) => operation.parameters ?? []);
    const properties = Object.fromEntries(parameters.map(({ name, schema }) => [name, schema]));
    const schema = { querystring: { type: 'object', properties } };
    app.get(path.replaceAll(/[{}]/g, '-'), { schema }, () => '');
  }
  await app.ready();
});

test('what makes a client of the document finds a name for each operation, and lists of words', async (t) => {
  const { document } = await served(t);
  const names = Object.values(document.paths)
    .flatMap((operations) => Object.values(operations))
    .map(({ operationId }) => operationId);
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(String(name), /^[a-z]+([A-Z][a-z]+)*$/);
  // One word after the other, each a schema of its own, becomes as many types.
  assert.doesNotMatch(JSON.stringify(document), /"anyOf":\[\{[^}]*"const"/);
});

test('a parameter with a default need not be given', async (t) => {
  const { document } = await served(t);
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  const parameters = operations.flatMap((operation) => operation.parameters ?? []);
  const named = parameters.filter(({ schema }) => schema.default !== undefined);
  assert.ok(named.length >= 5);
  for (const { name, required } of named) assert.notEqual(required, true, name);
});

test('headers are named in small letters: by those alone Node tells them to what checks them', async (t) => {
  const { document } = await served(t);
  const parameters = Object.values(document.paths)
    .flatMap((path) => Object.values(path))
    .flatMap((operation) => operation.parameters ?? []);
  const headers = parameters.filter((one) => one.in === 'header').map(({ name }) => name);
  assert.ok(headers.length > 0);
  for (const name of headers) assert.equal(name, name.toLowerCase());
});

test('the document has every path, and each operation names what can come anywhere', async (t) => {
  const { document } = await served(t);
  assert.deepEqual(Object.keys(document.paths).sort(), [
    '/',
    '/ctr/latest',
    '/ctr/previous',
    '/ctr/{product_id}',
    '/livez',
    '/metrics',
    '/openapi.json',
    '/readyz',
    '/v1/events',
    '/v1/history',
    '/v1/history/kept',
    '/v1/ledger',
    '/v1/open',
    '/v1/products',
    '/v1/products/{product_id}',
    '/v1/products/{product_id}/history',
    '/v1/rejected',
    '/v1/rejected/{id}',
    '/v1/rejected/{id}/replay',
    '/v1/stream',
    '/v1/watermark',
  ]);
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, { responses }] of Object.entries(operations)) {
      for (const status of ['400', '408', '431', '500'])
        assert.ok(responses[status], `${method} ${path} does not name ${status}`);
      for (const [status, response] of Object.entries(responses)) {
        assert.ok(response.description.length > 5, `${method} ${path} ${status}`);
        for (const [name, header] of Object.entries(response.headers ?? {}))
          assert.deepEqual(header.schema, { type: 'string' }, `${method} ${path} ${name}`);
        assert.equal(response.content === undefined, status === '304', `${method} ${path}`);
        const problem = Object.keys(response.content ?? {})[0] === 'application/problem+json';
        assert.equal(problem, Number(status) >= 400, `${method} ${path} ${status}`);
      }
    }
  }
});

test('the bodies that the document shows are taken as they are', async (t) => {
  const { app, document } = await served(t);
  const { content } = document.paths['/v1/events']!.post!.requestBody!;
  assert.equal(Object.keys(content).length, 3);
  for (const [type, { example }] of Object.entries(content)) {
    assert.ok(example !== undefined, `no example of ${type}`);
    const payload = typeof example === 'string' ? example : JSON.stringify(example);
    const headers = { 'content-type': type };
    const answer = await app.inject({ method: 'POST', url: '/v1/events', headers, payload });
    assert.equal(answer.statusCode, 202, `${type}: ${answer.body}`);
    assert.equal(answer.json().unusable_total, 0, type);
  }
});

/** Asks everything without a key, by a wrong name, and too often: what each answers is `seen`. */
async function knockAtDoors(
  paths: readonly [string, Record<string, Operation>][],
  seen: Map<string, Set<string>>,
): Promise<void> {
  const { hash: keys } = newKey();
  const guards: [Partial<Options>, Record<string, string>, number][] = [
    [{ readKeys: keys, writeKeys: keys }, {}, 1],
    [{}, { host: 'shop.example' }, 1],
    // Two seconds' worth may come at once.
    [{ rateLimit: 1 }, {}, 3],
  ];
  const operations = paths.flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() })),
  );
  for (const [options, headers, times] of guards) {
    const doors = new Doors({ ...OPTIONS, ...options }, true);
    const app = await createServer(partsWith(new FakeReader(), { doors }).parts);
    for (const [n, { path, method }] of operations.entries()) {
      // Each from an address of its own: what one used up of the rate is not missed by the next.
      const request = {
        url: fill(path),
        headers,
        remoteAddress: `10.0.0.${n}`,
        method: path === '/v1/stream' ? 'HEAD' : method,
      };
      let status = 0;
      for (let time = 0; time < times; time++)
        status = (await app.inject(request as object)).statusCode;
      if ([401, 403, 429].includes(status)) seen.get(`${method} ${path}`)!.add(String(status));
    }
    await app.close();
  }
}

test('every status an operation names comes, and none that it does not name', async (t) => {
  const seen = new Map<string, Set<string>>();
  const { app, document, failWith, setReady } = await served(t);
  const ask = async (path: string, options: object = {}, url = fill(path)) => {
    // A stream does not end; its head says the same as its answer would.
    const isStream = path === '/v1/stream';
    const answer = await app.inject({ url, ...(isStream ? { method: 'HEAD' } : {}), ...options });
    const key = `${(options as { method?: string }).method ?? 'GET'} ${path}`;
    seen.set(key, (seen.get(key) ?? new Set()).add(String(answer.statusCode)));
    return answer;
  };
  const writes = ['/v1/events', REPLAY];
  const reads = Object.keys(document.paths).filter((path) => !writes.includes(path));
  const events = { method: 'POST', headers: { 'content-type': 'application/json' } };
  const post = (payload: string | Buffer, headers: Record<string, string> = {}) =>
    ask('/v1/events', { ...events, payload, headers: { ...events.headers, ...headers } });

  for (const path of reads) {
    const answer = await ask(path);
    const etag = String(answer.headers.etag);
    await ask(path, { headers: { 'if-none-match': etag } });
    await ask(path, {}, `${fill(path)}?${'x'.repeat(LIMITS.urlBytes)}`);
    await ask(path, {}, `${fill(path)}?nothing=like-this`);
    if (path.includes('{')) await ask(path, {}, path.replace(/\{.*?\}/, '999'));
  }
  const replay = (id: string | number, more: object = {}) =>
    ask(REPLAY, { method: 'POST', ...more }, REPLAY.replace('{id}', String(id)));
  for (const id of [1, 2, 999, 'x']) await replay(id);
  for (const type of ['text/plain', 'image/png'])
    await replay(1, { payload: 'x'.repeat(2_000), headers: { 'content-type': type } });
  await ask('/v1/products/{product_id}/history', {}, '/v1/products/a/history?from=x');
  setReady(false);
  await ask('/readyz');
  setReady(true);
  await post('{"product_id":"a"}');
  await post('');
  await post('[');
  await post('x'.repeat(3_000));
  await post(gzipSync(Buffer.alloc(3_000)), { 'content-encoding': 'gzip' });
  await post('{"product_id":"a"}', { 'content-type': 'image/png' });
  for (const error of [new ClickrateError('journal_full', 'full'), STORE_DOWN]) {
    failWith(error);
    await post('{"product_id":"a"}');
    await replay(1);
    for (const path of reads) await ask(path);
  }
  // What was known before the bug would be answered for as long.
  await new Promise((resolve) => setTimeout(resolve, 2 * STATUS_MS));
  failWith(new TypeError('a bug'));
  await post('{"product_id":"a"}');
  await replay(1);
  for (const path of reads) await ask(path);

  // Before the first load.
  const empty = new FakeReader();
  empty.failure = STORE_DOWN;
  const waiting = await createServer(partsWith(empty).parts);
  for (const path of reads) {
    const method = path === '/v1/stream' ? 'HEAD' : 'GET';
    const { statusCode } = await waiting.inject({ url: fill(path), method });
    seen.get(`GET ${path}`)!.add(String(statusCode));
  }
  await waiting.close();
  await knockAtDoors(Object.entries(document.paths), seen);

  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, { responses }] of Object.entries(operations)) {
      const key = `${method.toUpperCase()} ${path}`;
      const named = Object.keys(responses).filter((status) => !AT_THE_SOCKET.includes(status));
      // What these answer is made of nothing that can fail.
      const solid = [
        '/livez',
        '/openapi.json',
        '/ctr/latest',
        '/ctr/previous',
        '/ctr/{product_id}',
        '/v1/stream',
      ];
      const expected = named.filter((status) => !(solid.includes(path) && status === '500'));
      assert.deepEqual([...seen.get(key)!].sort(), expected.sort(), key);
    }
  }
});

test('every code of an answer is in the document', async (t) => {
  const { document } = await served(t);
  const text = JSON.stringify(document.components.schemas.Problem);
  for (const code of Object.keys(ERRORS)) assert.ok(text.includes(`"${code}"`), code);
});

test('the documentation needs no other host', async (t) => {
  const { app } = await served(t);
  const page = await app.inject('/docs');
  assert.equal(page.statusCode, 200);
  const policy = String(page.headers['content-security-policy']);
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /https?:|\*/);
  const assets = [...page.payload.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!);
  assert.ok(assets.length > 3);
  for (const asset of assets) {
    assert.doesNotMatch(asset, /^(https?:)?\/\//);
    const answer = await app.inject(new URL(asset, 'http://localhost/docs/').pathname);
    assert.equal(answer.statusCode, 200, asset);
  }
  const initializer = await app.inject('/docs/static/swagger-initializer.js');
  assert.match(initializer.payload, /"validatorUrl":null/);
  assert.doesNotMatch(page.payload, /<script>(?!\s*<\/script>)/);
});
