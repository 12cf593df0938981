/**
 * What the HTTP server costs: requests, and ingested events, for each CPU second of the server's
 * process. Load comes from a child process over raw sockets, with keep-alive and pipelining.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { createServer } from '../src/api/server.ts';
import { systemClock } from '../src/clock.ts';
import { LIMITS, SETTINGS } from '../src/config.ts';
import { createJudge } from '../src/decode/unusable.ts';
import type { RecordSlices } from '../src/event.ts';
import { Journal } from '../src/sources/journal.ts';
import { openDatabase } from '../src/sqlite.ts';
import type { Loaded, ResultReader, Row } from '../src/stores/store.ts';
import type { Load } from './http-load.ts';
import { grouped } from './report.ts';

const START = 1_760_000_000_000;

export type HttpSample = { name: string; perCpuSecond: number; perSecond: number };

/** A store that holds `products` products and never changes. */
function stillReader(products: number): ResultReader {
  const rows: Row[] = [];
  for (let i = 1; i <= products; i++) {
    const previous = { start: START - 10_000, impressions: 10_000 + i, clicks: 4_000 };
    const latest = { start: START, impressions: 10_000, clicks: 4_000 + (i % 4_000) };
    rows.push({ product: `product_${i}`, latest, previous });
  }
  const loaded: Loaded = { incarnation: 'bench', number: 1, windowMs: 10_000, rows };
  return {
    load: async () => loaded,
    follow: () => () => {},
    history: async () => [],
    historyHeld: async () => ({ levels: [], skipped: 0 }),
    statuses: async () => new Map(),
    rejected: async () => [],
    keptTotals: async () => ({ events: 0, bytes: 0, pruned: 0 }),
  };
}

type Push = (records: RecordSlices) => Promise<{ offset: number; arrivalMs: number }>;

async function serve(products: number, push?: Push) {
  const app = await createServer({
    reader: stillReader(products),
    settings: SETTINGS,
    limits: LIMITS,
    clock: systemClock,
    health: () => [],
    log: pino({ level: 'silent' }),
    version: 'bench',
    ...(push === undefined ? {} : { push, judge: judgeNow }),
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  return { app, port: (app.server.address() as AddressInfo).port };
}

const judgeRecords = createJudge(SETTINGS);
const judgeNow = (records: RecordSlices) => judgeRecords(records, systemClock.wallMs());

/** Answers counted by the load generator so far. */
async function answered(child: ChildProcess): Promise<number> {
  child.send('count');
  const [count] = await once(child, 'message');
  return count as number;
}

/** How long the code that is measured runs before, so that it has been compiled. */
const WARM_UP_MS = 1_500;

/** Answers a CPU second of this process, after a warm-up. */
async function measure(name: string, load: Load, events: number, ms: number): Promise<HttpSample> {
  const child = fork(fileURLToPath(new URL('./http-load.ts', import.meta.url)), {
    stdio: 'inherit',
  });
  try {
    child.send(load);
    await sleep(WARM_UP_MS);
    const before = await answered(child);
    const cpuBefore = process.cpuUsage();
    const beganMs = performance.now();
    await sleep(ms);
    const count = ((await answered(child)) - before) * events;
    const { user, system } = process.cpuUsage(cpuBefore);
    const seconds = (performance.now() - beganMs) / 1000;
    const perCpuSecond = Math.round(count / ((user + system) / 1e6));
    return { name, perCpuSecond, perSecond: Math.round(count / seconds) };
  } finally {
    const exited = once(child, 'exit');
    child.send('end');
    await exited;
  }
}

async function reads(products: number, ms: number): Promise<HttpSample[]> {
  const { app, port } = await serve(products);
  const samples: HttpSample[] = [];
  try {
    const { headers } = await app.inject({ url: '/ctr/latest', method: 'HEAD' });
    const get = `GET /ctr/latest HTTP/1.1\r\nHost: localhost\r\n`;
    const pipelined = products > 1_000 ? 1 : 16;
    const load: Load = { port, connections: 8, pipelined, request: `${get}\r\n` };
    const name = `/ctr/latest, ${products} products`;
    samples.push(await measure(name, load, 1, ms));
    load.request = `${get}If-None-Match: ${headers.etag}\r\n\r\n`;
    load.pipelined = 16;
    samples.push(await measure(`${name}, unchanged (304)`, load, 1, ms));
  } finally {
    await app.close();
  }
  return samples;
}

/** NDJSON batches into the real journal; acknowledged at once, as if the engine had counted. */
async function ingest(eventsABatch: number, ms: number): Promise<HttpSample> {
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-bench-'));
  const db = openDatabase(join(directory, 'journal.db'));
  const limits = { ...LIMITS, journalBytes: Number.MAX_SAFE_INTEGER };
  const journal = new Journal(db, { limits, clock: systemClock });
  const { app, port } = await serve(5, (records) => journal.append(records));
  try {
    const lines: string[] = [];
    const now = Date.now();
    for (let i = 0; i < eventsABatch; i++) {
      const type = i % 3 === 0 ? 'click' : 'impression';
      lines.push(
        `{"product_id": "product_${1 + (i % 5)}", "timestamp": ${now + (i % 1_000)}, ` +
          `"event_type": "${type}"}`,
      );
    }
    const body = `${lines.join('\n')}\n`;
    const request =
      'POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    const load: Load = { port, connections: 4, pipelined: 1, request };
    const name = `POST /v1/events, ${eventsABatch} events a batch`;
    return await measure(name, load, eventsABatch, ms);
  } finally {
    await app.close();
    await journal.close();
    db.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** All samples; `ms` is how long each is measured. */
export async function benchHttp(ms = 1_500): Promise<HttpSample[]> {
  const samples: HttpSample[] = [];
  for (const products of [5, 1_000, 100_000]) samples.push(...(await reads(products, ms)));
  for (const events of [1_000, 10_000]) samples.push(await ingest(events, ms));
  return samples;
}

if (import.meta.main) {
  for (const { name, perCpuSecond, perSecond } of await benchHttp()) {
    const figures = `${grouped(perCpuSecond)} a CPU second`;
    process.stdout.write(`${name}: ${figures} (${grouped(perSecond)} a second)\n`);
  }
}
