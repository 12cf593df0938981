/** Who may come in: keys, addresses, origins, how often, HTTPS. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { type DoorOptions, Doors } from '../../src/api/doors/doors.ts';
import { Keys, keyOf, newKey } from '../../src/api/doors/keys.ts';
import { RateLimit } from '../../src/api/doors/rate.ts';
import { createServer } from '../../src/api/server.ts';
import { OPTIONS } from '../../src/config.ts';
import { temporary } from '../support/processes.ts';
import { certificate } from './certificate.ts';
import { FakeReader, partsWith } from './fake-reader.ts';

const doorsWith = (options: Partial<DoorOptions>, takesEvents = true) =>
  new Doors({ ...OPTIONS, ...options }, takesEvents);

type Closers = { after(fn: () => unknown): void };

async function serverWith(t: Closers, options: Partial<DoorOptions>) {
  const push = async () => {};
  const parts = partsWith(new FakeReader(), { push, judge: () => [] }).parts;
  const app = await createServer({ ...parts, doors: doorsWith(options) });
  t.after(() => app.close());
  return app;
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const basic = (key: string) => ({
  authorization: `Basic ${Buffer.from(`anyone:${key}`).toString('base64')}`,
});
const EVENT = '{"product_id":"a","timestamp":1,"event_type":"click"}';

suite('keys', () => {
  test('are known by their hash', () => {
    const [one, other] = [newKey(), newKey()];
    const keys = new Keys(`${one.hash}, ${other.hash}`, 'readKeys');
    assert.ok(keys.has(one.key) && keys.has(other.key));
    assert.ok(!keys.has(`${one.key}x`) && !keys.has('') && !keys.has(one.hash));
    assert.ok(new Keys('', 'readKeys').isEmpty);
  });

  test('that are given themselves instead of their hashes are refused without being shown', () => {
    const { key } = newKey();
    assert.throws(
      () => new Keys(key, 'writeKeys'),
      (error: Error & { code: string }) =>
        error.code === 'config_invalid' &&
        /writeKeys/.test(error.message) &&
        !error.message.includes(key),
    );
  });

  test('of a list that is begun and holds none are refused: nobody would be kept out', () => {
    for (const list of [',', ' ', ' , ,'])
      assert.throws(() => new Keys(list, 'writeKeys'), {
        code: 'config_invalid',
        message: /writeKeys holds no key/,
      });
    assert.ok(new Keys('', 'writeKeys').isEmpty);
  });

  test('come as bearer token or as the password of Basic', () => {
    assert.equal(keyOf('Bearer abc'), 'abc');
    assert.equal(keyOf('bearer  abc'), 'abc');
    assert.equal(keyOf(basic('a:b').authorization), 'a:b');
    for (const none of [undefined, '', 'Bearer', 'Digest abc', 'Basic !!!', 'Bearer a b'])
      assert.equal(keyOf(none), null, String(none));
  });
});

test('each door has its key', async (t) => {
  const [reading, writing, old] = [newKey(), newKey(), newKey()];
  const app = await serverWith(t, {
    readKeys: reading.hash,
    writeKeys: `${writing.hash},${old.hash}`,
  });
  const read = async (headers: object, url = '/ctr/latest') =>
    (await app.inject({ url, headers: { ...headers } })).statusCode;
  const write = async (headers: object) => {
    const type = { 'content-type': 'application/json' };
    const request = { method: 'POST', url: '/v1/events', payload: EVENT } as const;
    return (await app.inject({ ...request, headers: { ...type, ...headers } })).statusCode;
  };
  assert.deepEqual(
    await Promise.all([read({}), read(bearer('wrong')), read(bearer(writing.key))]),
    [401, 401, 403],
  );
  assert.deepEqual(
    await Promise.all([read(bearer(reading.key)), read(basic(reading.key))]),
    [200, 200],
  );
  assert.deepEqual(await Promise.all([write({}), write(bearer(reading.key))]), [401, 403]);
  assert.deepEqual(
    await Promise.all([write(bearer(writing.key)), write(bearer(old.key))]),
    [202, 202],
  );
  const paths = ['/', '/v1/products', '/v1/stream', '/metrics', '/docs/', '/openapi.json', '/nope'];
  for (const path of paths) assert.equal(await read({}, path), 401, path);
  // Where there is nothing, a reader hears that, and a method that is not taken is named.
  assert.equal(await read(bearer(reading.key), '/nope'), 404);
  assert.equal(await read(bearer(reading.key), '/v1/events'), 405);
  const onlyReads = await serverWith(t, { readKeys: reading.hash });
  assert.equal((await onlyReads.inject('/nope')).statusCode, 401);
  assert.equal(await read({}, '/livez'), 200);
  assert.notEqual(await read({}, '/readyz'), 401);
  const { headers } = await app.inject('/v1/products');
  assert.match(String(headers['www-authenticate']), /^Basic realm="clickrate"/);
});

test('without keys everybody may come in', async (t) => {
  const app = await serverWith(t, {});
  assert.equal((await app.inject('/ctr/latest')).statusCode, 200);
});

test('others reach an address only with keys, or when that is said', () => {
  const { hash } = newKey();
  for (const host of ['0.0.0.0', '::', '192.168.1.5', 'example.org']) {
    const refused = { code: 'config_invalid', message: /--read-keys and --write-keys.*--insecure/ };
    assert.throws(() => doorsWith({ host }), refused);
    assert.throws(() => doorsWith({ host, readKeys: hash }), { message: /give --write-keys/ });
    doorsWith({ host, readKeys: hash }, false);
    doorsWith({ host, readKeys: hash, writeKeys: hash });
    doorsWith({ host, insecure: true });
  }
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) doorsWith({ host });
});

test('pages of other origins read only when they are listed', async (t) => {
  const app = await serverWith(t, { corsOrigins: 'https://shop.example,http://localhost:3000' });
  const asked = (origin: string, method: 'GET' | 'OPTIONS' = 'GET') =>
    app.inject({ method, url: '/ctr/latest', headers: { origin } });
  const allowed = (await asked('https://shop.example')).headers;
  assert.equal(allowed['access-control-allow-origin'], 'https://shop.example');
  assert.equal(allowed.vary, 'origin');
  // Without it a script sees only what is on every list, such as the media type.
  const seen = String(allowed['access-control-expose-headers']).split(', ');
  assert.deepEqual(seen, ['etag', 'retry-after', 'x-clickrate-age-ms']);
  assert.equal(
    (await asked('https://evil.example')).headers['access-control-allow-origin'],
    undefined,
  );
  const before = await asked('http://localhost:3000', 'OPTIONS');
  assert.equal(before.statusCode, 204);
  const headersAllowed = String(before.headers['access-control-allow-headers']);
  const sent = ['authorization', 'content-type', 'content-encoding', 'if-none-match'];
  for (const name of [...sent, 'last-event-id'])
    assert.ok(headersAllowed.split(', ').includes(name), name);
  for (const wrong of ['shop.example', 'https://shop.example/path', 'null'])
    assert.throws(() => doorsWith({ corsOrigins: wrong }), { code: 'config_invalid' });
  const closed = await serverWith(t, {});
  const { headers } = await closed.inject({ url: '/', headers: { origin: 'https://a.example' } });
  assert.equal(headers['access-control-allow-origin'], undefined);
});

suite('the limit of requests', () => {
  test('is a rate with a burst of two seconds, for each client', () => {
    const limit = new RateLimit(10);
    const takes = (client: string, atMs: number, times: number) =>
      Array.from({ length: times }, () => limit.take(client, atMs)).filter(Boolean).length;
    assert.equal(takes('a', 0, 30), 20);
    assert.equal(takes('b', 0, 30), 20);
    assert.equal(takes('a', 500, 30), 5);
    assert.equal(takes('a', 60_000, 30), 20);
  });

  test('lets one through now and then where it is less than one in two seconds', () => {
    const limit = new RateLimit(0.25);
    const taken = [0, 1_000, 3_000, 4_000, 5_000, 8_000].map((atMs) => limit.take('a', atMs));
    assert.deepEqual(taken, [true, false, false, true, false, true]);
  });

  test('remembers so many clients and forgets the quietest', () => {
    const limit = new RateLimit(1, 100);
    for (let n = 0; n < 10_000; n++) limit.take(`client ${n}`, n);
    assert.equal(limit.size, 100);
    assert.equal(limit.take('client 9999', 10_000), true);
    assert.equal(limit.take('client 9999', 10_000), false, 'it is remembered');
  });

  test('answers 429 and when to come back; guessed keys are one client', async (t) => {
    const app = await serverWith(t, { rateLimit: 1 });
    const statuses: number[] = [];
    for (const key of ['a', 'b', 'c']) {
      const answer = await app.inject({ url: '/ctr/latest', headers: bearer(key) });
      statuses.push(answer.statusCode);
      if (answer.statusCode === 429) assert.equal(answer.headers['retry-after'], '1');
    }
    assert.deepEqual(statuses, [200, 200, 429]);
  });
});

test('serves HTTPS with a certificate of its own', async (t) => {
  const directory = temporary(t);
  const { cert, key } = certificate(directory);
  const app = await serverWith(t, { httpsCert: cert, httpsKey: key });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  assert.match(url, /^https:/);
  const status = await new Promise((resolve, reject) => {
    const options = { ca: readFileSync(cert), agent: false } as const;
    get(`${url}/ctr/latest`, options, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on('error', reject);
  });
  assert.equal(status, 200);
  assert.throws(() => doorsWith({ httpsCert: cert }), { code: 'config_invalid' });
  const nowhere = { httpsCert: cert, httpsKey: join(directory, 'none') };
  const unreadable = new RegExp(`^cannot read ${nowhere.httpsKey}: ENOENT`);
  assert.throws(() => doorsWith(nowhere), { code: 'file_unreadable', message: unreadable });
  const swapped = { httpsCert: key, httpsKey: cert };
  const message = /^httpsCert and httpsKey must be a certificate and its private key \(PEM\): /;
  assert.throws(() => doorsWith(swapped), { code: 'config_invalid', message });
});
