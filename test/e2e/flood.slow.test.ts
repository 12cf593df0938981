/**
 * More than it can take, over HTTP, with readers of the stream that never read: what is too much is
 * told to wait, what was accepted is counted, memory stays bounded, and it is soon well again.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { startReaders } from '../long/readers.ts';
import { scrape } from '../operations/engine.ts';
import { eventually, outputOf, startNode, temporary } from '../support/processes.ts';

const EVENTS = 2_000;
const FLOOD_MS = 6_000;
/** Clients that send at once and again and again, whatever they are told. */
const CLIENTS = 60;
const STUCK_READERS = 200;
const RECOVERY_MS = 15_000;
/** Small, so that a flood of a test fills it. */
const LIMITS = { journalBytes: 1_048_576, bodiesBytes: 16_777_216 };
const RESIDENT_MB = 500;

const TYPE = { 'content-type': 'application/x-ndjson' };

type Tally = { accepted: number; offered: number; statuses: Map<number, number> };

/** One client after the other event; each event is sent once. */
async function client(url: string, name: string, untilMs: number, tally: Tally): Promise<void> {
  for (let n = 0; performance.now() < untilMs; n++) {
    const nowMs = Date.now();
    const event = (i: number) =>
      `{"product_id":"p${i % 200}","timestamp":${nowMs},"event_type":"impression",` +
      `"event_id":"${name}-${n}-${i}"}\n`;
    const body = Array.from({ length: EVENTS }, (_, i) => event(i)).join('');
    tally.offered += EVENTS;
    const answer = await fetch(`${url}/v1/events`, { method: 'POST', headers: TYPE, body }).catch(
      () => null,
    );
    const status = answer?.status ?? 0;
    tally.statuses.set(status, (tally.statuses.get(status) ?? 0) + 1);
    if (answer === null) continue;
    if (status === 202) tally.accepted += ((await answer.json()) as { accepted: number }).accepted;
    else {
      assert.ok([429, 503].includes(status), `${status}: ${await answer.text()}`);
      assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/);
    }
  }
}

async function flood(url: string, name: string, clients: number, ms: number): Promise<Tally> {
  const tally: Tally = { accepted: 0, offered: 0, statuses: new Map() };
  const untilMs = performance.now() + ms;
  const all = Array.from({ length: clients }, (_, n) => client(url, `${name}${n}`, untilMs, tally));
  await Promise.all(all);
  return tally;
}

test('a flood is told to wait, and nothing that was accepted is lost', async (t) => {
  const job = { data: temporary(t), limits: LIMITS, settings: { windowMs: 1_000 } };
  const child = startNode('test/support/embedded-child.ts', [JSON.stringify(job)]);
  t.after(() => child.kill());
  const [, url] = await outputOf(child, /"url":"(.*?)"/);
  const calm = await flood(url, 'calm', 1, 1);
  assert.deepEqual([...calm.statuses.keys()], [202]);
  const port = Number(new URL(url).port);
  startReaders(t, { port, readers: STUCK_READERS, stuck: STUCK_READERS }).come();

  const tally = await flood(url, 'flood', CLIENTS, FLOOD_MS);
  const endedMs = performance.now();
  const accepted = calm.accepted + tally.accepted;
  await eventually(async () => {
    assert.equal((await fetch(`${url}/readyz`)).status, 200);
    const series = await scrape(url);
    assert.equal(series.get('clickrate_lag_records{task="0",partition="journal-0"}'), 0);
    return true;
  }, RECOVERY_MS);
  const again = await eventually(async () => {
    const one = await flood(url, `again${performance.now()}`, 1, 1);
    return one.statuses.has(202) && one;
  }, RECOVERY_MS);
  const recoveryMs = performance.now() - endedMs;

  const counted = async () =>
    (await scrape(url)).get('clickrate_events_total{task="0",verdict="counted"}') ?? 0;
  await eventually(async () => (await counted()) === accepted + again.accepted);
  const status = readFileSync(`/proc/${child.process.pid}/status`, 'utf8');
  const peakMb = Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1_024;
  const refused = [...tally.statuses].map(([code, times]) => `${times} × ${code}`).join(', ');
  t.diagnostic(
    `offered ${tally.offered}, taken ${tally.accepted} (${refused}), well after ` +
      `${Math.round(recoveryMs)} ms, at most ${peakMb.toFixed(0)} MB`,
  );
  assert.ok(tally.offered > tally.accepted * 3, 'it was no flood');
  assert.ok(tally.statuses.has(429), 'nobody was told to wait');
  assert.ok(peakMb < RESIDENT_MB, `${peakMb} MB`);
  assert.ok(recoveryMs < RECOVERY_MS, `${recoveryMs} ms`);
});
