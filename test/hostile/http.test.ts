/**
 * Requests no client would send, over a real socket: every answer is one of ours and none is 500,
 * and what the API says it took is in the ledger.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { embedded, event, scrape } from '../operations/engine.ts';
import { eventually, temporary } from '../support/processes.ts';
import { Random, runsFromEnv } from '../support/random.ts';
import { mustBeClean, mutated } from './mutate.ts';

const { seed, runs } = runsFromEnv({ seed: 1, runs: 800 });

const PATHS = [
  ...['/', '/ctr/latest', '/ctr/previous', '/ctr/p1', '/ctr/%2e%2e', '/v1/products', '/v1/ledger'],
  ...[
    '/v1/products?sort=-ctr&cursor=WyJjdHIiLDEsInAxIl0&limit=3',
    '/v1/history?product=p1&step=1m',
  ],
  ...['/v1/products/p1/history?from=0&to=2026-01-31T12:00:00Z&tz=Europe/Berlin', '/v1/rejected/1'],
  ...['/v1/rejected?reason=not_json&before=9', '/v1/watermark', '/v1/open', '/livez', '/readyz'],
  ...['/metrics', '/docs', '/openapi.json', '/v1/events', '/v1/stream?product=p1', '/assets/x.js'],
];
const AT_ONCE = 20;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'QUERY', 'X'];
const TYPES = [
  ...['application/json', 'application/x-ndjson', 'text/plain', 'text/html', 'multipart/form-data'],
  ...[
    'application/json; charset=utf-16',
    'application/json;;;',
    '',
    'application/x-www-form-urlencoded',
  ],
];
const HEADERS = [
  ...['if-none-match: "x", W/"y"', 'accept: text/html', 'accept-encoding: gzip;q=0, *;q=1'],
  ...['last-event-id: 00000000-0000-0000-0000-000000000000:5', 'origin: null', 'range: bytes=0-1'],
  ...['expect: 100-continue', 'content-encoding: gzip', 'authorization: Basic %%%', 'x: \u00ff'],
  ...['transfer-encoding: chunked', 'upgrade: websocket', '__proto__: x', 'cookie: constructor=1'],
];

const TAKEN = /"accepted":(\d+)[^}]*?"unusable":[\s\S]*?"unusable_total":(\d+)/g;

function requestOf(random: Random): Buffer {
  const lines = [`host: x`, `connection: close`];
  for (let n = random.int(0, 3); n > 0; n--) lines.push(random.pick(HEADERS));
  const good = JSON.stringify(
    [event('p1', 1e12), event('__proto__', 1e12)].map((e) => JSON.parse(e)),
  );
  let body = Buffer.from(random.chance(0.5) ? good : `${event('p2', 1e12)}\n${event('p3', 5)}\n`);
  if (random.chance(0.6)) body = mutated(body, random) as Buffer<ArrayBuffer>;
  const hasBody = random.chance(0.5);
  if (hasBody) {
    const length = random.chance(0.9) ? body.length : random.int(-1, 2 * body.length);
    lines.push(`content-type: ${random.pick(TYPES)}`, `content-length: ${length}`);
  }
  let path = random.pick(PATHS);
  if (random.chance(0.5)) path = mutated(Buffer.from(path), random).toString('latin1');
  const method = hasBody && random.chance(0.7) ? 'POST' : random.pick(METHODS);
  const target = hasBody && random.chance(0.7) ? '/v1/events' : path;
  const text = `${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
  const head = Buffer.from(text, 'latin1');
  const whole = hasBody ? Buffer.concat([head, body]) : head;
  return random.chance(0.15) ? mutated(whole, random) : whole;
}

/** What the server answers; a stream is left after its head, a request cut off is closed. */
async function answerTo(port: number, request: Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1').on('data', (part) => {
    answer += part;
    if (/text\/event-stream/.test(answer)) socket.destroy();
  });
  socket.on('error', () => {});
  socket.write(request);
  // One that waits for more of the request hears that no more will come.
  const patience = setTimeout(() => socket.end(), 500);
  await once(socket, 'close');
  clearTimeout(patience);
  return answer;
}

test(`${runs} strange requests`, async (t) => {
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown) => rejections.push(reason);
  process.on('unhandledRejection', onRejection);
  t.after(() => process.off('unhandledRejection', onRejection));
  const engine = await embedded(temporary(t));
  t.after(() => engine.stop());
  const port = Number(new URL(engine.url).port);
  const seen = new Map<string, number>();
  let taken = 0;
  const one = async (n: number) => {
    const request = requestOf(new Random(n));
    const answer = (await answerTo(port, request)).replace('HTTP/1.1 100 Continue\r\n\r\n', '');
    const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 'none';
    seen.set(status, (seen.get(status) ?? 0) + 1);
    const where = `CLICKRATE_SEED=${n}: ${request.toString('latin1')}\n${answer.slice(0, 500)}`;
    assert.ok(!status.startsWith('5'), where);
    if (status.startsWith('4') && !request.toString('latin1').startsWith('HEAD'))
      assert.match(answer, /application\/problem\+json[\s\S]*"code":"/, where);
    // A changed request may be two.
    for (const [, accepted, unusable] of answer.matchAll(TAKEN))
      taken += Number(accepted) + Number(unusable);
  };
  for (let n = seed; n < seed + runs; n += AT_ONCE)
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, seed + runs - n) }, (_, i) => one(n + i)),
    );
  t.diagnostic(JSON.stringify(Object.fromEntries(seen)));
  await eventually(async () => {
    const answer = await fetch(`${engine.url}/v1/ledger`);
    const { total } = (await answer.json()) as { total: { received: number; balanced: boolean } };
    // What was cut off before its answer may have been taken.
    assert.ok(total.received >= taken && total.received <= taken + 20 * (seen.get('none') ?? 0));
    assert.equal(total.balanced, true);
    return true;
  });
  assert.ok((await scrape(engine.url)).size > 20);
  assert.deepEqual(rejections, []);
  mustBeClean();
});
