/** The earliest time as a first event: counted, told, folded, and there after a restart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Child, eventually, outputOf, startNode, temporary } from '../support/processes.ts';

const EARLIEST_MS = -(2 ** 52);
const WINDOW_MS = 500;

async function up(data: string) {
  const flags = { '--port': '0', '--data': data, '--window-ms': String(WINDOW_MS) };
  const more = { '--watermark-delay-ms': '100', '--allowed-lateness-ms': '200' };
  const args = ['run', ...Object.entries({ ...flags, ...more }).flat()];
  const child = startNode('src/cli/main.ts', args);
  const [, url] = await outputOf(child, /open (http:\/\/[\d.:]+)/);
  return { child, url };
}

async function post(url: string, product_id: string, timestamp: number): Promise<void> {
  const body = JSON.stringify({ product_id, timestamp, event_type: 'impression' });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/v1/events`, { method: 'POST', headers, body });
  assert.equal(answer.status, 202);
}

const seen = (url: string, product: string) =>
  eventually(async () => (await fetch(`${url}/v1/products/${product}`)).status === 200);

/** The windows of the product with the early event, by day: fold has made one of it. */
async function days(url: string) {
  const span = `from=${-(2 ** 53) + 2}&to=0&step=1d`;
  const at = `${url}/v1/products/early/history?${span}`;
  const { windows } = (await (await fetch(at)).json()) as { windows: { impressions: number }[] };
  const csv = await (await fetch(`${at}&format=csv`)).text();
  return { impressions: windows.map(({ impressions }) => impressions), csv };
}

async function mustBeWell({ child, url }: { child: Child; url: string }): Promise<void> {
  assert.equal((await fetch(`${url}/readyz`)).status, 200, child.output());
  const { impressions, csv } = await days(url);
  assert.deepEqual(impressions, [1]);
  assert.match(csv, /\r\nearly,-140744-[^,]+,-140744-[^,]+,-4503599\d+,-4503599\d+,1,0,/);
}

test('a first event of the earliest time stops nothing', async (t) => {
  const data = temporary(t);
  const first = await up(data);
  t.after(() => first.child.kill('SIGKILL'));
  await post(first.url, 'early', EARLIEST_MS);
  await post(first.url, 'now', EARLIEST_MS);
  await post(first.url, 'now', Date.now());
  await seen(first.url, 'now');
  // One product with both: their difference is in the checkpoint.
  await post(first.url, 'later', Date.now());
  await seen(first.url, 'later');
  await mustBeWell(first);
  assert.equal(await first.child.kill('SIGTERM'), 0, first.child.output());
  const second = await up(data);
  t.after(() => second.child.kill('SIGKILL'));
  await post(second.url, 'again', Date.now());
  await seen(second.url, 'again');
  await mustBeWell(second);
  assert.equal(await second.child.kill('SIGTERM'), 0, second.child.output());
});
