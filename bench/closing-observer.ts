/**
 * The process that watches closings for `bench/latency.ts`: the stream of changes in Redis and the
 * live stream of the API, both waited for, nothing polled. What comes is kept as it is with its
 * time and read at the end, so that reading does not delay the next.
 */
import { connect } from 'node:net';
import { createClient } from '@redis/client';

export type Watch = { redis: string; port: number };
/** By `task start`: when the last product of that closing was there, epoch milliseconds. */
export type Sightings = Record<string, number>;
export type Observed = { redis: Sightings; stream: Sightings; cpuSeconds: number };

type Seen = { atMs: number; text: string };
type ChangeEntry = [id: string, fields: string[]];

const BLOCK_MS = 500;
const inRedis: Seen[] = [];
const inStream: { atMs: number; bytes: Buffer }[] = [];
let isOver = false;
let watching: Promise<void>;
let watch: Watch;

function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

async function watchRedis(url: string): Promise<void> {
  const client = await createClient({ url, RESP: 2 }).connect();
  let after = '$';
  while (!isOver) {
    const answer = await client.sendCommand<[[string, ChangeEntry[]]] | null>([
      ...['XREAD', 'BLOCK', String(BLOCK_MS), 'STREAMS', 'ctr:changes', after],
    ]);
    const atMs = nowMs();
    for (const [id, fields] of answer?.[0][1] ?? []) {
      after = id;
      inRedis.push({ atMs, text: fields[fields.indexOf('r') + 1] });
    }
  }
  await client.close();
}

function watchStream(port: number): void {
  const socket = connect(port, '127.0.0.1');
  socket.write('GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n');
  socket.on('data', (bytes) => inStream.push({ atMs: nowMs(), bytes }));
  socket.on('error', () => {});
}

/** The events of the stream, each with the time its last byte came. */
function streamEvents(): Seen[] {
  const events: Seen[] = [];
  let text = '';
  for (const { atMs, bytes } of inStream) {
    text += bytes.toString('latin1');
    const parts = text.split('\n\n');
    text = parts.pop() as string;
    for (const part of parts)
      if (part.startsWith('event: change\n'))
        events.push({ atMs, text: part.slice(part.indexOf('\ndata: ') + 7) });
  }
  return events;
}

type StreamRow = { product_id: string; latest: { window_start: number } | null };

async function observed(): Promise<Observed> {
  const client = await createClient({ url: watch.redis, RESP: 2 }).connect();
  const owners = Object.entries(await client.hGetAll('ctr:products'));
  await client.close();
  const tasks = new Map(owners.map(([product, owner]) => [product, owner.split(' ')[1]]));
  const closings = () => {
    const firstMs = new Map<string, number>();
    const last: Sightings = {};
    const note = (product: string, start: number, atMs: number) => {
      const key = `${product} ${start}`;
      // What comes again is a revision, or the row of a product without events in a window.
      if (firstMs.has(key)) return;
      firstMs.set(key, atMs);
      const closing = `${tasks.get(product)} ${start}`;
      last[closing] = Math.max(last[closing] ?? 0, atMs);
    };
    return { last, note };
  };
  const redis = closings();
  for (const { atMs, text } of inRedis)
    for (const [product, start] of JSON.parse(text) as [string, number][])
      redis.note(product, start, atMs);
  const stream = closings();
  for (const { atMs, text } of streamEvents())
    for (const { product_id, latest } of (JSON.parse(text) as { rows: StreamRow[] }).rows)
      if (latest !== null) stream.note(product_id, latest.window_start, atMs);
  const { user, system } = process.cpuUsage();
  return { redis: redis.last, stream: stream.last, cpuSeconds: (user + system) / 1e6 };
}

process.on('message', async (message: Watch | 'end') => {
  if (message !== 'end') {
    watch = message;
    watching = watchRedis(message.redis);
    watchStream(message.port);
    return;
  }
  isOver = true;
  await watching;
  process.send!(await observed(), () => process.exit());
});
