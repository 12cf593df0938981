/**
 * The child that listens to the stream: many raw sockets, some of which never read. It says when
 * all others have their snapshot.
 */
import { connect, type Socket } from 'node:net';

export type Listen = { port: number; readers: number; stuck: number };
/** What came since the last report: events by latency, in buckets of `BUCKET_MICROS`. */
export type Heard = {
  events: number;
  gaps: number;
  latencies: Uint32Array;
  last: number[];
  /** CPU seconds of this process so far: when it is the bottleneck it measures itself. */
  cpuSeconds: number;
};

export const BUCKET_MICROS = 50;
const BUCKETS = 200_000;

const EMPTY: Buffer = Buffer.alloc(0);
const SNAPSHOT = Buffer.from('event: snapshot\n');
const CHANGE = Buffer.from('event: change\n');
const NUMBER = Buffer.from('"number":');
/** The bench writes the time of publishing as the number of impressions. */
const TIME = Buffer.from('"impressions":');

let latencies = new Uint32Array(BUCKETS);
let events = 0;
let gaps = 0;
const readers: { socket: Socket; last: number; isReady: boolean }[] = [];

function nowMicros(): number {
  // Monotonic and the same for all processes of the machine.
  return Number(process.hrtime.bigint() / 1_000n);
}

function digitsAt(bytes: Buffer, at: number): number {
  let value = 0;
  for (let i = at; bytes[i] >= 0x30 && bytes[i] <= 0x39; i++) value = value * 10 + bytes[i] - 0x30;
  return value;
}

function open(port: number, isStuck: boolean): void {
  const socket = connect(port, '127.0.0.1');
  const reader = { socket, last: 0, isReady: false };
  socket.write('GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n');
  socket.on('error', () => {});
  if (isStuck) {
    socket.pause();
    return;
  }
  readers.push(reader);
  let tail: Buffer = EMPTY;
  socket.on('data', (data) => {
    const atMicros = nowMicros();
    const seen = tail.length === 0 ? data : Buffer.concat([tail, data]);
    const end = seen.lastIndexOf('\n\n') + 2;
    if (end < 2) {
      tail = seen;
      return;
    }
    if (!reader.isReady && seen.subarray(0, end).includes(SNAPSHOT)) {
      reader.isReady = true;
      if (readers.every(({ isReady }) => isReady)) process.send!('ready');
    }
    for (let at = seen.indexOf(CHANGE); at !== -1 && at < end; at = seen.indexOf(CHANGE, at + 9)) {
      const number = digitsAt(seen, seen.indexOf(NUMBER, at) + NUMBER.length);
      if (reader.last !== 0 && number !== reader.last + 1) gaps++;
      reader.last = number;
      const micros = atMicros - digitsAt(seen, seen.indexOf(TIME, at) + TIME.length);
      latencies[Math.min(BUCKETS - 1, Math.floor(micros / BUCKET_MICROS))]++;
      events++;
    }
    tail = end === seen.length ? EMPTY : Buffer.from(seen.subarray(end));
  });
}

process.on('message', (message: Listen | 'report' | 'end') => {
  if (message === 'end') process.exit();
  if (message === 'report') {
    const last = readers.map((reader) => reader.last);
    const { user, system } = process.cpuUsage();
    const cpuSeconds = (user + system) / 1e6;
    process.send!({ events, gaps, latencies, last, cpuSeconds } satisfies Heard);
    latencies = new Uint32Array(BUCKETS);
    events = 0;
    gaps = 0;
    return;
  }
  for (let i = 0; i < message.readers; i++) open(message.port, i < message.stuck);
});
