import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { Refused } from '../../src/api/refused.ts';
import { createServer } from '../../src/api/server.ts';
import { ClickrateError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { METRIC_NAMES, METRIC_PREFIX } from '../../src/metrics.ts';
import type { TaskHealth } from '../../src/status.ts';
import { counts, FakeReader, healthOf, partsWith, row, START } from './fake-reader.ts';

type Hooks = { after(fn: () => unknown): void };

async function served(t: Hooks, health: () => TaskHealth[] = () => [healthOf()]) {
  const reader = new FakeReader();
  const app = await createServer(partsWith(reader, { health }).parts);
  t.after(() => app.close());
  return { app, reader };
}

test('ready when every task is; the answer tells the state of each', async (t) => {
  const { app } = await served(t);
  const answer = await app.inject('/readyz');
  assert.equal(answer.statusCode, 200);
  assert.deepEqual(answer.json(), {
    ready: true,
    reasons: [],
    tasks: [{ task: '0', state: 'running', ready: true, reasons: [] }],
  });
});

test('not ready is 503 with the reasons, also as a problem', async (t) => {
  const reasons = ['the disk is full'];
  const tired = healthOf({ task: '1', ready: false, state: 'retrying', reasons, live: null });
  const { app } = await served(t, () => [healthOf(), tired]);
  const answer = await app.inject('/readyz');
  assert.equal(answer.statusCode, 503);
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  assert.equal(answer.headers['retry-after'], '1');
  const body = answer.json();
  assert.equal(body.code, 'not_ready');
  assert.deepEqual(body.reasons, ['task 1: the disk is full']);
  assert.deepEqual(
    body.tasks.map(({ state }: TaskHealth) => state),
    ['running', 'retrying'],
  );
  assert.equal((await app.inject('/livez')).statusCode, 200);
});

test('what needs attention is told although the task is ready', async (t) => {
  const { app } = await served(t, () => [healthOf({ reasons: ['ids were forgotten'] })]);
  const answer = await app.inject('/readyz');
  assert.equal(answer.statusCode, 200);
  assert.deepEqual(answer.json().reasons, ['task 0: ids were forgotten']);
});

test('not ready while the results are not those of the store', async (t) => {
  const reader = new FakeReader();
  reader.failure = new ClickrateError('store_unavailable', 'no answer');
  const app = await createServer(partsWith(reader).parts);
  t.after(() => app.close());
  const answer = await app.inject('/readyz');
  assert.equal(answer.statusCode, 503);
  assert.match(answer.json().reasons[0], /results cannot be loaded: no answer/);
});

test('verbose adds positions, watermarks and commits', async (t) => {
  const { app } = await served(t);
  for (const url of ['/readyz?verbose', '/readyz?verbose=true', '/readyz?verbose=1']) {
    const [task] = (await app.inject(url)).json().tasks;
    assert.equal(task.commits, 3);
    assert.equal(task.commit_age_ms, 250);
    assert.equal(task.live.watermark, START - 3_000);
    assert.equal(task.live.partitions[0].position, 6);
  }
  const [brief] = (await app.inject('/readyz?verbose=false')).json().tasks;
  assert.equal(brief.live, undefined);
});

test('verbose tells times in whole milliseconds, as all that is under /v1/ is told', async (t) => {
  const { app } = await served(t, () => [healthOf({ commitAgeMs: 249.6, commitMs: 1.4 })]);
  const [task] = (await app.inject('/readyz?verbose')).json().tasks;
  assert.deepEqual([task.commit_age_ms, task.commit_ms], [250, 1]);
});

/** Lines of the text format as series and values. */
function seriesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [, series, value] = /^(\S+(?:\{.*\})?) (\S+)$/.exec(line) ?? assert.fail(line);
      return [series!, Number(value)];
    }),
  );
}

test('metrics count events by verdict, commits, results and requests', async (t) => {
  const { app, reader } = await served(t);
  reader.publish([row('a', counts(START, 1, 1)), row('secret', counts(START, 1, 1))]);
  await app.inject('/ctr/latest');
  await app.inject('/ctr/latest');
  await app.inject('/ctr/secret');
  await app.inject('/ctr/nobody');
  await app.inject('/nowhere');
  await app.inject('/ctr/%zz');
  await app.inject({ url: '/ctr/latest', method: 'DELETE' });
  await app.inject('/docs');
  await app.inject('/docs/static/nothing');
  const answer = await app.inject('/metrics');
  assert.match(String(answer.headers['content-type']), /^text\/plain; version=0\.0\.4/);
  const series = seriesOf(answer.payload);
  const is = (name: string, value: number) =>
    assert.equal(series.get(`clickrate_${name}`), value, name);
  is('events_total{task="0",verdict="counted"}', 5);
  is('events_total{task="0",verdict="duplicate"}', 1);
  is('events_total{task="0",verdict="not_json"}', 0);
  is('watermark_seconds{task="0"}', (START - 3_000) / 1000);
  is('position{task="0",partition="events-0"}', 6);
  is('commits_total{task="0"}', 3);
  is('ready', 1);
  is('retries_total{task="0"}', 2);
  is('products', 2);
  is('http_requests_total{route="/ctr/latest",status="200"}', 2);
  is('http_requests_total{route="/ctr/:product_id",status="200"}', 1);
  is('http_requests_total{route="/ctr/:product_id",status="404"}', 1);
  is('http_requests_total{route="(none)",status="404"}', 1);
  is('http_requests_total{route="(none)",status="400"}', 1);
  is('http_requests_total{route="(none)",status="405"}', 1);
  is('http_requests_total{route="/docs",status="200"}', 1);
  is('http_request_duration_seconds_count{route="/ctr/latest"}', 2);
  is('http_request_duration_seconds_bucket{route="/ctr/latest",le="+Inf"}', 2);
  for (const [name, value] of series) {
    assert.ok(name.startsWith(METRIC_PREFIX), name);
    assert.ok(Number.isFinite(value), name);
    assert.doesNotMatch(name, /secret|nobody/);
  }
  for (const name of METRIC_NAMES)
    assert.match(answer.payload, new RegExp(`^# TYPE ${METRIC_PREFIX}${name} `, 'm'));
  // Looked at twice, nothing is counted twice.
  const again = seriesOf((await app.inject('/metrics')).payload);
  assert.equal(again.get('clickrate_events_total{task="0",verdict="counted"}'), 5);
});

test('metrics do not wait for a store that hangs', async (t) => {
  const { app, reader } = await served(t);
  reader.keptTotals = () => new Promise(() => {});
  const beganMs = performance.now();
  const { payload } = await app.inject('/metrics');
  assert.ok(performance.now() - beganMs < 3_000);
  assert.ok(seriesOf(payload).has('clickrate_ready'));
});

test('metrics come without the store, and before the first claim', async (t) => {
  const { app, reader } = await served(t, () => [healthOf({ live: null, commitAgeMs: null })]);
  reader.failure = new ClickrateError('store_unavailable', 'no answer');
  const series = seriesOf((await app.inject('/metrics')).payload);
  assert.equal(series.get('clickrate_task_ready{task="0"}'), 1);
  assert.equal(series.has('clickrate_watermark_seconds{task="0"}'), false);
});

test('a store that does not answer is told in a sentence, without a stack', async (t) => {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  const reader = new FakeReader();
  reader.failure = new ClickrateError('store_unavailable', 'no answer');
  const app = await createServer(partsWith(reader, { log }).parts);
  t.after(() => app.close());
  assert.equal((await app.inject('/v1/ledger')).statusCode, 503);
  assert.ok(lines.length >= 2, String(lines));
  for (const line of lines) {
    assert.match(JSON.parse(line).msg, /no answer/);
    assert.doesNotMatch(line, /stack/);
  }
});

test('of requests refused for one trouble the first is told, then how many more', () => {
  const told: unknown[] = [];
  const due: (() => void)[] = [];
  const after = (_ms: number, call: () => void) => {
    due.push(call);
    return () => void due.splice(due.indexOf(call), 1);
  };
  const warn = (fields: object, message: string) => void told.push(fields, message);
  const refused = new Refused({ after }, { ...silentLog, warn });
  const next = () => due.shift()!();
  const full = (n: number) => refused.add(new ClickrateError('store_full', `no room ${n}`), { n });
  for (let n = 0; n < 1_000; n++) full(n);
  refused.add(new ClickrateError('store_unavailable', 'no answer'), {});
  assert.deepEqual(told.splice(0), [{ n: 0 }, 'no room 0', {}, 'no answer']);
  next();
  assert.deepEqual(told.splice(0), [{ requests: 999 }, 'more were refused; the last: no room 999']);
  // That of the other trouble, and one more of the first in which there was nothing.
  next();
  next();
  assert.deepEqual([told, due], [[], []]);
  full(1_000);
  full(1_001);
  refused.stop();
  full(1_002);
  assert.deepEqual(
    told.filter((_, i) => i % 2 === 0),
    [{ n: 1_000 }, { requests: 1 }, { n: 1_002 }],
  );
  assert.deepEqual(due, []);
});

test('a server tells a trouble of its requests once, and the rest when it stops', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  const full = new ClickrateError('store_full', 'the disk is full');
  const push = () => Promise.reject(full);
  const app = await createServer(partsWith(new FakeReader(), { log, push }).parts);
  const payload = JSON.stringify({ product_id: 'a', timestamp: START, event_type: 'click' });
  const headers = { 'content-type': 'application/json' };
  for (let i = 0; i < 5; i++) {
    const answer = await app.inject({ method: 'POST', url: '/v1/events', headers, payload });
    assert.equal(answer.statusCode, 503);
  }
  assert.equal(lines.length, 1);
  await app.close();
  assert.deepEqual([lines.length, JSON.parse(lines[1]!).requests], [2, 4]);
});

/** What a server logs at a level while `urls` are asked. */
async function logged(level: string, urls: string[], slowMs?: number): Promise<string[]> {
  const lines: string[] = [];
  const log = pino({ level }, { write: (line: string) => void lines.push(line) });
  const reader = new FakeReader();
  const { parts } = partsWith(reader, { log });
  const limits = { ...parts.limits, slowMs: slowMs ?? parts.limits.slowMs };
  const app = await createServer({ ...parts, limits });
  reader.failure = new TypeError('a bug');
  for (const url of urls) await app.inject(url);
  await app.close();
  return lines.map((line) => JSON.parse(line).msg);
}

test('requests are logged at debug, slow ones at info, faults always', async () => {
  assert.deepEqual(await logged('info', ['/ctr/latest', '/nowhere']), []);
  assert.deepEqual(await logged('debug', ['/ctr/latest']), ['answered']);
  assert.deepEqual(await logged('info', ['/ctr/latest'], 0), ['slow answer']);
  assert.deepEqual(await logged('error', ['/v1/ledger']), ['a request failed']);
});
