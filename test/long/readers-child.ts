/**
 * A process with many readers of the stream on raw sockets. One that is cut off comes back after a
 * second and resumes after what it had last; some may never read at all.
 */
import { connect, type Socket } from 'node:net';

export type Come = { port: number; readers: number; stuck: number };
export type Heard = {
  open: number;
  events: number;
  /** Changes that did not follow the one before and came in no snapshot. */
  backwards: number;
  /** Milliseconds since the reader that heard nothing for longest heard something. */
  quietMs: number;
  /** How many have heard nothing for ten seconds, and what the quietest heard first. */
  quiet: number;
  began: string;
};

const ID = /\nid: (\w[\w-]*)-(\d+)\n/g;
const AGAIN_MS = 1_000;
const AT_ONCE = 25;

type Reader = {
  socket: Socket | null;
  id: string;
  number: number;
  heardMs: number;
  stuck: boolean;
  /** What came first over its connection. */
  began: string;
};

let wanted = true;
let readers: Reader[] = [];
let events = 0;
let backwards = 0;
let port = 0;

function open(reader: Reader): void {
  if (!wanted) return;
  const socket = connect(port, '127.0.0.1');
  reader.socket = socket;
  reader.heardMs = performance.now();
  reader.began = '';
  const last = reader.id === '' ? '' : `Last-Event-ID: ${reader.id}-${reader.number}\r\n`;
  socket.write(`GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n${last}\r\n`);
  socket.on('error', () => {});
  socket.on('close', () => {
    reader.socket = null;
    setTimeout(() => open(reader), AGAIN_MS);
  });
  if (reader.stuck) socket.pause();
  else socket.on('data', (data) => hear(reader, data.toString('latin1')));
}

/** An id that is cut in two by the end of a packet is not seen; the next one is. */
function hear(reader: Reader, text: string): void {
  reader.heardMs = performance.now();
  if (reader.began === '') reader.began = text.slice(0, 200);
  for (const [, id, digits] of text.matchAll(ID)) {
    const number = Number(digits);
    if (reader.id === id && number < reader.number) backwards++;
    reader.id = id;
    reader.number = number;
    events++;
  }
}

function come(message: Come): void {
  wanted = true;
  port = message.port;
  const make = (n: number): Reader => {
    return { socket: null, id: '', number: 0, heardMs: 0, stuck: n < message.stuck, began: '' };
  };
  readers = Array.from({ length: message.readers }, (_, n) => make(n));
  const waiting = [...readers];
  const timer = setInterval(() => {
    for (const reader of waiting.splice(0, AT_ONCE)) open(reader);
    if (waiting.length === 0) clearInterval(timer);
  }, 10);
}

function leave(): void {
  wanted = false;
  for (const { socket } of readers) socket?.destroy();
  readers = [];
}

function report(): Heard {
  const reading = readers.filter(({ stuck }) => !stuck);
  const since = ({ heardMs }: Reader) => performance.now() - heardMs;
  const [quietest] = reading.sort((a, b) => since(b) - since(a));
  const quietMs = quietest === undefined ? 0 : since(quietest);
  const quiet = reading.filter((reader) => since(reader) > 10_000).length;
  const isOpen = ({ socket }: Reader) => socket !== null && !socket.connecting;
  return {
    open: readers.filter(isOpen).length,
    events,
    backwards,
    quietMs,
    quiet,
    began: quietest?.began ?? '',
  };
}

process.on('message', (message: Come | 'leave' | 'report') => {
  if (message === 'leave') leave();
  else if (message === 'report') process.send!(report());
  else come(message);
});
process.on('disconnect', () => process.exit());
