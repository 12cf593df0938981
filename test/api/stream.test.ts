/** The live stream over real sockets: snapshot, changes, resume, reset, filter, slow readers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/clock.ts';
import { LIMITS } from '../../src/config.ts';
import { counts, FakeReader, healthOf, ledgerOf, row, START, statusOf } from './fake-reader.ts';
import { connect, type Event, streaming } from './sse.ts';

const isChange = (number: number) => (event: Event) =>
  event.event === 'change' && event.data.number === number;
type Row = { latest: { impressions: number } };
const idsOf = (rows: { product_id: string }[]) => rows.map(({ product_id }) => product_id);

const WIDE_ROWS = 20;
const WIDE = 'w'.repeat(2_000);
/** Few rows that are much text. */
const wideRows = (impressions: number) =>
  Array.from({ length: WIDE_ROWS }, (_, k) =>
    row(`${WIDE}${k}`, counts(START, impressions, Math.min(impressions, k % 2))),
  );

function twoProducts(): FakeReader {
  const reader = new FakeReader();
  reader.publish([row('a', counts(START, 400, 100), counts(START - 10_000, 400, 200))]);
  reader.publish([row('b', counts(START, 10, 5))]);
  return reader;
}

test('a snapshot first, then each change as it is published, removals too', async (t) => {
  const reader = twoProducts();
  const { join } = await streaming(t, reader);
  const client = await join();
  assert.equal(client.status, 200);
  assert.equal(client.headers['content-type'], 'text/event-stream; charset=utf-8');
  assert.equal(client.headers['cache-control'], 'no-store');
  assert.equal(client.headers['x-accel-buffering'], 'no');
  const snapshot = await client.until(({ event }) => event === 'snapshot');
  assert.equal(client.events[0], snapshot);
  assert.equal(snapshot.id, 'one-2');
  assert.equal(snapshot.data.incarnation, 'one');
  assert.equal(snapshot.data.number, 2);
  assert.equal(snapshot.data.window_ms, 10_000);
  assert.deepEqual(idsOf(snapshot.data.rows), ['a', 'b']);
  const [a, b] = snapshot.data.rows;
  assert.equal(a.latest.ctr, 0.25);
  assert.equal(a.latest.few, false);
  assert.ok(a.p_value < 1e-10);
  assert.equal(b.previous, null);
  assert.equal(b.p_value, null);

  reader.publish([row('a', counts(START + 10_000, 4, 1), counts(START, 400, 100))], ['b']);
  const change = await client.until(isChange(3));
  assert.equal(change.id, 'one-3');
  assert.deepEqual(change.data.removed, ['b']);
  assert.equal(change.data.rows[0].latest.window_start, START + 10_000);
  assert.equal(change.data.freshness.window_start, START + 10_000);
  assert.ok(change.data.freshness.age_ms < 10_000);
});

test('who comes first hears status and open windows at once, not at the next look', async (t) => {
  const limits = { ...LIMITS, statusMs: 3_600_000 };
  const { join } = await streaming(t, twoProducts(), { limits, open: () => [] });
  const client = await join();
  await client.until(({ event }) => event === 'open');
  await client.until(({ event }) => event === 'status');
});

test('a reader that comes back goes on exactly where it was', async (t) => {
  const reader = twoProducts();
  const { join } = await streaming(t, reader);
  const first = await join();
  await first.until(({ event }) => event === 'snapshot');
  first.close();
  await first.closed;
  for (let i = 1; i <= 50; i++) reader.publish([row('a', counts(START + i * 10_000, i, 0))]);
  const second = await join('', first.lastId());
  await second.until(isChange(52));
  const changes = second.events.filter(({ event }) => event === 'change');
  assert.deepEqual(
    changes.map(({ data }) => [data.number, data.rows[0].latest.impressions]),
    Array.from({ length: 50 }, (_, i) => [i + 3, i + 1]),
  );
  assert.equal(second.events.filter(({ event }) => /snapshot|reset/.test(event)).length, 0);
  // Nothing new: it waits.
  const third = await join('', second.lastId());
  reader.publish([row('c', counts(START, 1, 0))]);
  await third.until(isChange(53));
  assert.equal(third.events.filter(({ event }) => event !== 'status').length, 1);
});

test('what cannot be resumed is one reset with a new snapshot', async (t) => {
  const reader = twoProducts();
  const { join } = await streaming(t, reader, { limits: { ...LIMITS, streamChanges: 3 } });
  const ids = ['two-2', 'one-99', 'one-x', 'one', '-', 'one-1', 'one--1'];
  for (const id of ids) {
    const client = await join('', id);
    const first = await client.until(() => true);
    assert.equal(first.event, 'reset', id);
    assert.equal(first.id, 'one-2');
    assert.deepEqual(idsOf(first.data.rows), ['a', 'b']);
  }
  const keen = await join();
  for (let i = 0; i < 5; i++) {
    reader.publish([row('a', counts(START, i, 0))]);
    await keen.until(isChange(reader.number));
  }
  assert.equal((await (await join('', 'one-3')).until(() => true)).event, 'reset');
  assert.equal((await (await join('', 'one-4')).until(() => true)).data.number, 5);
});

// Its changes may have reached the number that the readers have.
for (const number of [0, 1])
  test(`a store that was loaded anew is one reset for those who listen: ${number}`, async (t) => {
    const reader = twoProducts();
    const { join } = await streaming(t, reader);
    const client = await join();
    await client.until(({ event }) => event === 'snapshot');
    reader.incarnation = 'two';
    reader.number = number;
    reader.rows.clear();
    reader.publish([row('c', counts(START, 1, 1))]);
    const reset = await client.until(({ event }) => event === 'reset');
    assert.equal(reset.id, `two-${number + 1}`);
    assert.deepEqual(idsOf(reset.data.rows), ['c']);
    reader.publish([row('d', counts(START, 1, 1))]);
    assert.equal((await client.until(isChange(number + 2))).id, `two-${number + 2}`);
  });

test('a filter shows its products alone, and keeps its place by heartbeats', async (t) => {
  const reader = twoProducts();
  const limits = { ...LIMITS, heartbeatMs: 30, streamChanges: 4 };
  const { join } = await streaming(t, reader, { limits });
  const client = await join('?product=b&product=ü%22');
  const snapshot = await client.until(({ event }) => event === 'snapshot');
  assert.deepEqual(idsOf(snapshot.data.rows), ['b']);
  reader.publish([row('a', counts(START, 7, 7))]);
  reader.publish([row('a', counts(START, 8, 8)), row('ü"', counts(START, 9, 8))]);
  reader.publish([], ['a', 'b']);
  const last = await client.until(isChange(5));
  assert.deepEqual(last.data.removed, ['b']);
  const changes = client.events.filter(({ event }) => event === 'change');
  assert.deepEqual(
    changes.map(({ data }) => [data.number, idsOf(data.rows)]),
    [
      [4, ['ü"']],
      [5, []],
    ],
  );
  // Changes of others leave the ring, and yet it can go on.
  for (let i = 0; i < 9; i++) {
    reader.publish([row('z', counts(START, i, 0))]);
    await sleep(10);
  }
  for (let tries = 0; client.lastId() !== 'one-14'; tries++) {
    assert.ok(tries < 200, client.lastId());
    await sleep(10);
  }
  assert.ok(client.comments.includes('heartbeat'), JSON.stringify(client.comments));
  const back = await join('?product=b', client.lastId());
  reader.publish([row('b', counts(START, 3, 1))]);
  assert.equal((await back.until(({ event }) => event !== 'status')).data.number, 15);
});

test('a reader that does not drain gets the newest state of each product, once', async (t) => {
  const reader = twoProducts();
  const { join } = await streaming(t, reader, { limits: { ...LIMITS, streamLagBytes: 1_000_000 } });
  const slow = await join();
  const keen = await join();
  await slow.until(({ event }) => event === 'snapshot');
  await keen.until(({ event }) => event === 'snapshot');
  slow.pause();
  // More than the buffers of both sides of a socket hold.
  for (let i = 1; i <= 400; i++) {
    reader.publish(wideRows(i), i === 400 ? ['b'] : []);
    if (i % 5 === 0) await keen.until(isChange(2 + i));
  }
  slow.resume();
  const last = await slow.until(isChange(402));
  const changes = slow.events.filter(({ event }) => event === 'change');
  assert.ok(changes.length < 400, `${changes.length} changes`);
  assert.deepEqual(last.data.removed, ['b']);
  // Played back it has what everybody has, and never went back.
  const state = new Map<string, number>();
  for (const { data } of changes)
    for (const { product_id, latest } of data.rows) {
      assert.ok(latest.impressions >= (state.get(product_id) ?? 0));
      state.set(product_id, latest.impressions);
    }
  assert.equal(state.size, WIDE_ROWS);
  assert.ok([...state.values()].every((impressions) => impressions === 400));
  const numbers = changes.map(({ data }) => data.number);
  assert.deepEqual(
    numbers,
    [...new Set(numbers)].sort((a, b) => a - b),
  );
  assert.equal(keen.events.filter(({ event }) => event === 'change').length, 400);
});

test('a reader that never drains is dropped, and costs the others nothing', async (t) => {
  const reader = twoProducts();
  const limits = { ...LIMITS, streamStallMs: 1_000, statusMs: 50 };
  const { app, join } = await streaming(t, reader, { limits });
  const stuck = await join();
  const keen = await join();
  await keen.until(({ event }) => event === 'snapshot');
  stuck.pause();
  const metricsOf = async () => (await app.inject('/metrics')).payload;
  const isDropped = async () => /^clickrate_stream_dropped_total 1$/m.test(await metricsOf());
  let i = 0;
  // As fast as can be until nothing more fits, then while it stalls.
  for (; i < 400 || !(await isDropped()); i++) {
    assert.ok(i < 1_000, 'it is not dropped');
    reader.publish(wideRows(i));
    await keen.until(isChange(reader.number));
    if (i >= 400) await sleep(10);
  }
  stuck.resume();
  await stuck.closed;
  const metrics = await metricsOf();
  assert.match(metrics, /^clickrate_stream_readers 1$/m);
  const numbers = keen.events.filter(({ event }) => event === 'change').map((e) => e.data.number);
  assert.deepEqual(
    numbers,
    Array.from({ length: i }, (_, k) => k + 3),
  );
});

test('a reader that had everything for long may stall as long as another', async (t) => {
  const reader = twoProducts();
  let passedMs = 0;
  const clock = { ...systemClock, monotonicMs: () => performance.now() + passedMs };
  const limits = { ...LIMITS, statusMs: 20, streamLagBytes: 1_000 };
  const { join } = await streaming(t, reader, { clock, limits });
  const client = await join();
  await client.until(({ event }) => event === 'snapshot');
  // Some looks before and after: it is not dropped for having had everything.
  await sleep(100);
  passedMs = 2 * limits.streamStallMs;
  await sleep(100);
  client.pause();
  const wide = 'w'.repeat(8_000);
  for (let i = 1; i <= 40; i++)
    reader.publish(Array.from({ length: 40 }, (_, k) => row(`${wide}${k}`, counts(START, i, 0))));
  await sleep(250);
  client.resume();
  await client.until(isChange(42));
});

test('of too many products that it missed a reader is told all anew, once', async (t) => {
  const reader = twoProducts();
  const { join } = await streaming(t, reader, { limits: { ...LIMITS, streamLagBytes: 1_000 } });
  const client = await join();
  await client.until(({ event }) => event === 'snapshot');
  for (let i = 1; i <= 3; i++)
    reader.publish(Array.from({ length: 1_100 }, (_, k) => row(`p${k}`, counts(START, i, 0))));
  const reset = await client.until(({ event, id }) => event === 'reset' && id === 'one-5');
  assert.equal(reset.data.rows.length, 1_102);
  assert.ok(reset.data.rows.slice(2).every((one: Row) => one.latest.impressions === 3));
  // Not the snapshot that others just had: from there it would have missed as much.
  assert.equal(client.events.filter(({ event }) => event === 'reset').length, 1);
});

test('status and open windows come when they are new, with the ledger', async (t) => {
  const reader = twoProducts();
  const ledger = ledgerOf({ counted: 5, too_late: 1 }, 6);
  reader.statusMap.set('0', statusOf(ledger));
  let clicks = 1;
  const { join } = await streaming(t, reader, {
    limits: { ...LIMITS, statusMs: 20 },
    health: () => [healthOf({ live: statusOf(ledger) })],
    open: () => [
      {
        windows: [{ start: START, impressions: 3, clicks }],
        products: [{ product: 'a', start: START, impressions: 3, clicks }],
      },
    ],
  });
  const client = await join();
  const status = await client.until(({ event }) => event === 'status');
  assert.equal(status.data.ledger.balanced, true);
  assert.equal(status.data.ledger.received, 6);
  assert.equal(status.data.tasks[0].partitions[0].name, 'events-0');
  assert.equal(status.data.freshness.watermark, START - 3_000);
  const open = await client.until(({ event }) => event === 'open');
  assert.equal(open.data.available, true);
  assert.equal(open.data.products[0].clicks, 1);
  clicks = 2;
  await client.until(({ event, data }) => event === 'open' && data.products[0].clicks === 2);
  // Only time goes by: no news.
  await sleep(150);
  assert.equal(client.events.filter(({ event }) => event === 'status').length, 1);
  assert.equal(client.events.filter(({ event }) => event === 'open').length, 2);
});

test('whoever joins in a quiet time is told ages of now, and a commit is news', async (t) => {
  let passedMs = 0;
  const clock = {
    ...systemClock,
    wallMs: () => START + passedMs,
    monotonicMs: () => performance.now() + passedMs,
  };
  const reader = twoProducts();
  let commits = 3;
  const limits = { ...LIMITS, statusMs: 20 };
  const health = () => [healthOf({ commits, commitAgeMs: passedMs })];
  const { join } = await streaming(t, reader, { clock, limits, health });
  const first = await join();
  await first.until(({ event }) => event === 'snapshot');
  reader.publish([row('a', counts(START + 10_000, 1, 1))]);
  await first.until(({ event, data }) => event === 'status' && data.freshness.age_ms !== null);
  await sleep(100);
  const before = first.events.length;
  passedMs = 60_000;
  const second = await join();
  const snapshot = await second.until(({ event }) => event === 'snapshot');
  const { data } = await second.until(({ event }) => event === 'status');
  assert.ok(snapshot.data.freshness.age_ms >= 60_000);
  assert.ok(data.freshness.age_ms >= snapshot.data.freshness.age_ms);
  assert.equal(data.tasks[0].lag_ms, 63_000);
  assert.equal(data.tasks[0].commit_age_ms, 60_000);
  await sleep(100);
  assert.equal(first.events.length, before);
  commits = 4;
  await first.until((event) => first.events.indexOf(event) >= before && event.event === 'status');
});

test('readers beyond the limit, too many products, and HEAD are answered at once', async (t) => {
  const reader = twoProducts();
  const limits = { ...LIMITS, streamReaders: 1, streamProducts: 2 };
  const { app, url, join } = await streaming(t, reader, { limits });
  const one = await join();
  const two = await fetch(`${url}/v1/stream`);
  assert.equal(two.status, 503);
  assert.equal(((await two.json()) as { code: string }).code, 'stream_full');
  const many = await app.inject('/v1/stream?product=a&product=b&product=c');
  assert.equal(many.statusCode, 400);
  one.close();
  const head = await fetch(`${url}/v1/stream`, { method: 'HEAD' });
  assert.equal(head.headers.get('content-length'), null, 'nobody knows how long a stream is');
  assert.equal(head.headers.get('content-type'), 'text/event-stream; charset=utf-8');
});

test('a client that leaves while its snapshot is made harms nobody', async (t) => {
  const reader = new FakeReader();
  reader.publish(Array.from({ length: 15_000 }, (_, i) => row(`p${i}`, counts(START, i, 0))));
  const { app, join, url } = await streaming(t, reader);
  const leaving = Array.from({ length: 20 }, () => connect(`${url}/v1/stream`));
  for (const client of await Promise.all(leaving)) client.close();
  const staying = await join();
  const snapshot = await staying.until(({ event }) => event === 'snapshot');
  assert.equal(snapshot.data.rows.length, 15_000);
  assert.match((await app.inject('/metrics')).payload, /^clickrate_stream_readers 1$/m);
});

test('closing the server ends every stream', async (t) => {
  const { app, url } = await streaming(t, twoProducts());
  const client = await connect(`${url}/v1/stream`);
  await client.until(({ event }) => event === 'snapshot');
  await app.close();
  await client.closed;
});
