/**
 * SIGKILL at every step and at random moments, under load, with clients that keep what was
 * acknowledged.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ClientEvent,
  eventsAt,
  historyOf,
  post,
  sorted,
  tally,
  Watch,
} from '../support/client.ts';
import { type Child, eventually, outputOf, startNode, temporary } from '../support/processes.ts';

const SETTINGS = {
  windowMs: 500,
  watermarkDelayMs: 200,
  allowedLatenessMs: 60_000,
  idleAfterMs: 200,
  idMemoryMs: 60_000,
};
const PRODUCTS = ['product1', 'product2', 'product3', 'product4', 'product5'];

async function up(data: string, killAt?: { step: number; count: number }) {
  const job = { data, settings: SETTINGS, killAt };
  const child = startNode('test/support/embedded-child.ts', [JSON.stringify(job)]);
  try {
    const [, url] = await outputOf(child, /"url":"([^"]+)"/);
    return { child, url };
  } catch (error) {
    // Killed before it said its URL: that is one of the moments to survive.
    if (killAt !== undefined) return { child, url: null };
    throw error;
  }
}

/** Sends batches until the child is dead or `batches` were acknowledged. */
async function load(
  url: string,
  child: Child,
  sent: ClientEvent[][],
  watch: Watch,
  batches: number,
) {
  let dead = false;
  void child.ended.then(() => {
    dead = true;
  });
  for (let n = 0; n < batches && !dead; n++) {
    const batch = sent.at(-1) ?? [];
    // A batch without an answer is sent again, to this process or the next: its ids make it safe.
    const acknowledged = await post(url, batch);
    if (acknowledged) sent.push(eventsAt(Date.now(), 20, String(sent.length)));
    await watch.look(url);
  }
}

async function check(data: string, sent: ClientEvent[][], watch: Watch): Promise<void> {
  const { child, url } = await up(data);
  assert.ok(url);
  assert.equal(await post(url, sent.at(-1) ?? []), true);
  const expected = tally(sent.flat(), SETTINGS.windowMs);
  await eventually(async () => {
    await watch.look(url);
    const found = await historyOf(url, PRODUCTS);
    assert.deepEqual(sorted(found), sorted(expected));
    return true;
  });
  assert.deepEqual(watch.faults, []);
  assert.equal(await child.kill('SIGTERM'), 0, child.output());
}

for (const step of [1, 2, 3, 4, 5, 6]) {
  test(`SIGKILL at step ${step}, again and again, loses and doubles nothing`, async (t) => {
    const data = temporary(t);
    const sent = [eventsAt(Date.now(), 20, 'first')];
    const watch = new Watch();
    for (const count of [1, 2, 5, 9]) {
      const { child, url } = await up(data, { step, count });
      t.after(() => child.kill());
      if (url !== null) await load(url, child, sent, watch, 400);
      assert.equal(await child.kill(), 'SIGKILL');
    }
    await check(data, sent, watch);
  });
}

test('SIGKILL at random moments under load loses and doubles nothing', async (t) => {
  const data = temporary(t);
  const sent = [eventsAt(Date.now(), 20, 'first')];
  const watch = new Watch();
  // A busy machine takes few batches before it is killed.
  for (let round = 0; round < 8 || sent.length <= 20; round++) {
    const { child, url } = await up(data);
    t.after(() => child.kill());
    assert.ok(url);
    const timer = setTimeout(() => void child.kill(), Math.random() * 900);
    await load(url, child, sent, watch, 10_000);
    clearTimeout(timer);
    await child.ended;
  }
  await check(data, sent, watch);
});

test('without ids every acknowledged event is counted, and none twice', async (t) => {
  const data = temporary(t);
  const acknowledged: ClientEvent[] = [];
  const unanswered: ClientEvent[] = [];
  for (let round = 0; round < 4; round++) {
    const { child, url } = await up(data);
    t.after(() => child.kill());
    assert.ok(url);
    const timer = setTimeout(() => void child.kill(), 150 + Math.random() * 500);
    for (let n = 0; child.process.exitCode === null && child.process.signalCode === null; n++) {
      const batch = eventsAt(Date.now(), 10, `${round}/${n}`).map(({ event_id, ...rest }) => rest);
      if (await post(url, batch)) acknowledged.push(...batch);
      else unanswered.push(...batch);
    }
    clearTimeout(timer);
  }
  const { child, url } = await up(data);
  assert.ok(url);
  const least = tally(acknowledged, SETTINGS.windowMs);
  const most = tally([...acknowledged, ...unanswered], SETTINGS.windowMs);
  await eventually(async () => {
    const found = await historyOf(url, PRODUCTS);
    for (const [key, cell] of least) {
      const at = found.get(key);
      assert.ok(
        at !== undefined && at.impressions >= cell.impressions && at.clicks >= cell.clicks,
        key,
      );
    }
    for (const [key, cell] of found) {
      const at = most.get(key);
      assert.ok(
        at !== undefined && at.impressions >= cell.impressions && at.clicks >= cell.clicks,
        key,
      );
    }
    return true;
  });
  assert.equal(await child.kill('SIGTERM'), 0);
});
