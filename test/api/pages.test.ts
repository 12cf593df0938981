/** What pages in somebody's browser may do here, and what each answer tells a browser. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type DoorOptions, Doors } from '../../src/api/doors/doors.ts';
import { newKey } from '../../src/api/doors/keys.ts';
import { createServer } from '../../src/api/server.ts';
import { OPTIONS } from '../../src/config.ts';
import { FakeReader, partsWith } from './fake-reader.ts';

type Closers = { after(fn: () => unknown): void };

test('a file of the page is packed for whom takes it so', async (t) => {
  const asset = { type: 'text/css', plain: Buffer.from('plain'), gzip: Buffer.from('packed') };
  const page = { index: '', assets: new Map([['/assets/a.css', asset]]) };
  const app = await createServer(partsWith(new FakeReader(), { page }).parts);
  t.after(() => app.close());
  const asked = async (encodings: string) =>
    (await app.inject({ url: '/assets/a.css', headers: { 'accept-encoding': encodings } })).body;
  for (const encodings of ['gzip, deflate, br, zstd', 'GZIP;q=0.5', 'br;q=1.0, gzip;q=0.001'])
    assert.equal(await asked(encodings), 'packed', encodings);
  for (const encodings of ['', 'br', 'gzip;q=0', 'identity, gzip; q=0.0', 'identity, gzip;q=0.5'])
    assert.equal(await asked(encodings), 'plain', encodings);
});

async function serverWith(t: Closers, options: Partial<DoorOptions> = {}) {
  const { parts } = partsWith(new FakeReader(), { judge: () => [] });
  const doors = new Doors({ ...OPTIONS, ...options }, true);
  const app = await createServer({ ...parts, doors });
  t.after(() => app.close());
  return app;
}

suite('a page of another origin', () => {
  const event = '{"product_id":"a","timestamp":1,"event_type":"click"}';
  /** As a browser sends it without asking beforehand. */
  const sent = async (t: Closers, headers: object, options: Partial<DoorOptions> = {}) => {
    const app = await serverWith(t, options);
    const all = { 'content-type': 'text/plain', host: '127.0.0.1:8000', ...headers };
    const request = { method: 'POST', url: '/v1/events', payload: event, headers: all } as const;
    return (await app.inject(request)).statusCode;
  };

  test('sends no events, unless it is listed', async (t) => {
    const origin = 'https://evil.example';
    assert.equal(await sent(t, { origin }), 403);
    assert.equal(await sent(t, { origin: 'null' }), 403);
    assert.equal(await sent(t, { origin }, { corsOrigins: 'https://shop.example' }), 403);
    assert.equal(await sent(t, { origin }, { corsOrigins: origin }), 202);
    assert.equal(await sent(t, { origin }, { corsOrigins: '*' }), 202);
  });

  test('sends none with the log-in that the browser remembers', async (t) => {
    const { key, hash } = newKey();
    const authorization = `Basic ${Buffer.from(`x:${key}`).toString('base64')}`;
    const keys = { writeKeys: hash };
    assert.equal(await sent(t, { authorization }, keys), 202);
    assert.equal(await sent(t, { authorization, origin: 'https://evil.example' }, keys), 403);
  });

  test('differs from a program, and from a page of this server', async (t) => {
    assert.equal(await sent(t, {}), 202);
    assert.equal(await sent(t, { origin: 'http://127.0.0.1:8000' }), 202);
    assert.equal(await sent(t, { origin: 'http://127.0.0.1:8001' }), 403);
    const proxied = { origin: 'https://ctr.example', 'sec-fetch-site': 'same-origin' };
    assert.equal(await sent(t, proxied), 202);
  });

  test('reads nothing by a name of its own that points here', async (t) => {
    const [plain, named] = [await serverWith(t), await serverWith(t, { hostNames: 'ctr.example' })];
    const asked = async (host: string, app = plain, url = '/ctr/latest') =>
      (await app.inject({ url, headers: { host } })).statusCode;
    const strange = [
      'evil.example',
      'evil.example:8000',
      'localhost.evil.example',
      'evillocalhost',
    ];
    for (const host of strange) assert.equal(await asked(host), 403, host);
    const headers = { host: 'evil.example' };
    const { title } = (await plain.inject({ url: '/ctr/latest', headers })).json();
    assert.doesNotMatch(title, /key/, 'nobody was asked for one');
    for (const host of ['localhost:8000', '127.0.0.1', '[::1]:8000', '10.0.0.7', 'a.localhost'])
      assert.equal(await asked(host), 200, host);
    assert.equal(await asked('ctr.example', named), 200);
    const open = await serverWith(t, { host: '0.0.0.0', insecure: true });
    assert.equal(await asked('ctr.example', open), 200);
    // Probes carry no key, but come by address; what /readyz says is no page's business.
    for (const url of ['/livez', '/readyz', '/readyz?verbose']) {
      assert.equal(await asked('evil.example', plain, url), 403, url);
      assert.notEqual(await asked('127.0.0.1:8000', plain, url), 403, url);
      assert.notEqual(await asked('localhost:8000', plain, url), 403, url);
      assert.notEqual(await asked('ctr.example', named, url), 403, url);
    }
    assert.equal(await asked('127.0.0.1:8000', plain, '/livez'), 200);
    // Where keys are needed, the name says nothing.
    const keyed = await serverWith(t, { readKeys: newKey().hash, writeKeys: newKey().hash });
    assert.equal(await asked('ctr.example', keyed), 401);
  });
});

test('every answer is guarded, data by a policy that lets nothing run', async (t) => {
  const app = await serverWith(t);
  const paths = ['/', '/ctr/latest', '/v1/products', '/metrics', '/livez', '/openapi.json', '/no'];
  for (const url of paths) {
    const { headers } = await app.inject(url);
    assert.equal(headers['content-security-policy'], DATA_POLICY, url);
    assert.equal(headers['x-content-type-options'], 'nosniff', url);
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin', url);
    assert.equal(headers['referrer-policy'], 'no-referrer', url);
  }
  const page = (await app.inject({ url: '/', headers: { accept: 'text/html' } })).headers;
  const policy = String(page['content-security-policy']);
  assert.match(policy, /^default-src 'none'; .*frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe-eval|script-src[^;]*unsafe|\*/);
  const docs = (await app.inject('/docs/')).headers;
  assert.match(String(docs['content-security-policy']), /default-src 'self'.*object-src 'none'/);
  const head = (await app.inject({ method: 'HEAD', url: '/v1/stream' })).headers;
  assert.equal(head['content-security-policy'], DATA_POLICY);
});

const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'";
