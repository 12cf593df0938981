/** What the running process costs: time to the first answer, and resident memory. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { outputOf, startNode } from '../test/support/processes.ts';
import { MAIN, median, sleep } from './measure.ts';

const STARTS = 5;
const PRODUCTS = 100_000;
const BATCH = 5_000;
const WINDOWS = 3;

function temporary(): string {
  return mkdtempSync(join(tmpdir(), 'clickrate-bench-'));
}

async function up(data: string) {
  const child = startNode(MAIN, ['run', '--port', '0', '--data', data]);
  const [, url] = await outputOf(child, /open (http:\/\/[\d.:]+)/);
  return { child, url };
}

/** From launch to the first answer of `/ctr/latest`; the median of some starts. */
export async function benchStart(): Promise<{ firstAnswerMs: number }> {
  const times: number[] = [];
  for (let n = 0; n < STARTS; n++) {
    const data = temporary();
    const beganMs = performance.now();
    const { child, url } = await up(data);
    await (await fetch(`${url}/ctr/latest`)).arrayBuffer();
    times.push(performance.now() - beganMs);
    await child.kill('SIGTERM');
    rmSync(data, { recursive: true });
  }
  return { firstAnswerMs: median(times) };
}

/** Resident memory after three windows of 100 000 products were counted, closed and served. */
export async function benchMemory(): Promise<{ residentMb: number; products: number }> {
  const data = temporary();
  const { child, url } = await up(data);
  try {
    const base = Date.UTC(2024, 0, 1);
    for (let window = 0; window < WINDOWS; window++)
      for (let first = 0; first < PRODUCTS; first += BATCH)
        await post(url, base + window * 10_000, first);
    await post(url, base + 60_000, 0);
    const last = base + (WINDOWS - 1) * 10_000;
    while (!(await areAt(url, last))) await sleep(200);
    const status = readFileSync(`/proc/${child.process.pid}/status`, 'utf8');
    const residentMb = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024;
    return { residentMb, products: PRODUCTS };
  } finally {
    await child.kill('SIGTERM');
    rmSync(data, { recursive: true });
  }
}

/** Whether every product's row in `/ctr/latest` is of the window that starts then, or later. */
async function areAt(url: string, start: number): Promise<boolean> {
  type Latest = Record<string, { window_start: number }>;
  const rows = Object.values((await (await fetch(`${url}/ctr/latest`)).json()) as Latest);
  return rows.length >= PRODUCTS && rows.every(({ window_start }) => window_start >= start);
}

async function post(url: string, timestamp: number, first: number): Promise<void> {
  const lines: string[] = [];
  for (let n = first; n < first + BATCH; n++)
    lines.push(
      `{"product_id":"product${n}","timestamp":${timestamp + (n % 10_000)},` +
        '"event_type":"impression"}',
    );
  const body = lines.join('\n');
  const headers = { 'content-type': 'application/x-ndjson' };
  const response = await fetch(`${url}/v1/events`, { method: 'POST', headers, body });
  if (response.status !== 202) throw new Error(`ingest answered ${response.status}`);
  await response.arrayBuffer();
}
