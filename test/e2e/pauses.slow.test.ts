/** Old data in pieces, with pauses in which silence closes the windows; and disks that fail. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { lockDirectory } from '../../src/cli/lock.ts';
import { eventsAt, historyOf, post, sorted, tally } from '../support/client.ts';
import { eventually, outputOf, startNode, temporary } from '../support/processes.ts';

const PRODUCTS = ['product1', 'product2', 'product3', 'product4', 'product5'];
const DEFAULTS = { windowMs: 10_000 };

async function up(t: Parameters<typeof temporary>[0], data: string, job: object = {}) {
  const child = startNode('test/support/embedded-child.ts', [JSON.stringify({ data, ...job })]);
  t.after(() => child.kill());
  const [, url] = await outputOf(child, /"url":"([^"]+)"/);
  return { child, url };
}

test('old data posted in two halves with a pause between loses nothing', async (t) => {
  const { url } = await up(t, temporary(t));
  const base = Date.UTC(2019, 10, 24);
  const half = (from: number) =>
    Array.from({ length: 60 }, (_, n) => eventsAt(base + (from + n) * 1_000, 20, 'x')).flat();
  assert.equal(await post(url, half(0)), true);
  // Silence closes the last window of the first half: 1 s idle, then 3 + 5 s and the window's rest.
  await eventually(async () => {
    const found = await historyOf(url, PRODUCTS);
    return sorted(found).length === 5 * 6;
  });
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  assert.equal(await post(url, half(60)), true);
  const expected = tally([...half(0), ...half(60)], DEFAULTS.windowMs);
  await eventually(async () => {
    assert.deepEqual(sorted(await historyOf(url, PRODUCTS)), sorted(expected));
    return true;
  });
  const response = await fetch(`${url}/v1/ledger`);
  const ledger = (await response.json()) as { total: { verdicts: Record<string, number> } };
  assert.equal(ledger.total.verdicts.counted, 2_400);
  assert.equal(ledger.total.verdicts.too_late, 0);
});

function smallDisk(directory: string, bytes: number): string | null {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', directory], {
      stdio: 'pipe',
    });
    return null;
  } catch (error) {
    return `a small file system cannot be mounted here: ${(error as Error).message.split('\n')[0]}`;
  }
}

test('a disk that may only be read is told as one, not as a file to be deleted', (t) => {
  const disk = mkdtempSync(join(tmpdir(), 'clickrate-disk-'));
  const refused = smallDisk(disk, 1_000_000);
  t.after(() => {
    if (refused === null) execFileSync('umount', ['-l', disk]);
    rmSync(disk, { recursive: true, force: true });
  });
  if (refused !== null) return t.skip(refused);
  lockDirectory(disk).release();
  execFileSync('mount', ['-o', 'remount,ro', disk]);
  const message = new RegExp(`cannot use ${disk} as the data directory: EROFS: read-only file sys`);
  assert.throws(() => lockDirectory(disk), { code: 'config_invalid', message });
});

test('a full disk answers 503, tears nothing, and recovers', async (t) => {
  const disk = mkdtempSync(join(tmpdir(), 'clickrate-disk-'));
  const refused = smallDisk(disk, 6_000_000);
  t.after(() => {
    if (refused === null) execFileSync('umount', ['-l', disk]);
    rmSync(disk, { recursive: true, force: true });
  });
  if (refused !== null) return t.skip(refused);
  const data = join(disk, 'data');
  const settings = { windowMs: 1_000, allowedLatenessMs: 60_000, idMemoryMs: 60_000 };
  const { child, url } = await up(t, data, { settings });
  const filler = join(disk, 'filler');
  const sent = [eventsAt(Date.now(), 500, 'before')];
  assert.equal(await post(url, sent[0]), true);
  try {
    writeFileSync(filler, Buffer.alloc(6_000_000));
  } catch {
    // As full as it gets.
  }
  const waiting = eventsAt(Date.now(), 2_000, 'full');
  const refusals = await eventually(async () => ((await post(url, waiting)) ? null : 1));
  assert.equal(refusals, 1);
  const answer = await fetch(`${url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: waiting.map((event) => JSON.stringify(event)).join('\n'),
  });
  assert.equal(answer.status, 503);
  assert.ok(answer.headers.get('retry-after'));
  assert.match(answer.headers.get('content-type') ?? '', /problem\+json/);
  rmSync(filler);
  await eventually(async () => (await post(url, waiting)) || null, 20_000, 500);
  sent.push(waiting);
  const expected = tally(sent.flat(), 1_000);
  await eventually(async () => {
    assert.deepEqual(sorted(await historyOf(url, PRODUCTS)), sorted(expected));
    return true;
  });
  assert.equal(await child.kill('SIGTERM'), 0, child.output());
});
