/** A small client of server-sent events that a test holds by the hand, and a server to listen to. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from '../../src/api/server.ts';
import type { ResultReader } from '../../src/stores/store.ts';
import { partsWith } from './fake-reader.ts';

// biome-ignore lint/suspicious/noExplicitAny: data is whatever the server sent
export type Event = { event: string; id: string; data: any };

export type Client = {
  status: number;
  headers: IncomingMessage['headers'];
  events: Event[];
  comments: string[];
  /** The id that a client would come back with. */
  lastId(): string;
  /** Resolves with the first event that fits, those before included; rejects after 30 s. */
  until(fits: (event: Event) => boolean): Promise<Event>;
  pause(): void;
  resume(): void;
  closed: Promise<void>;
  close(): void;
};

/** Its data are parsed when a test looks at them: of a large snapshot seldom. */
function eventOf(event: string, id: string, text: string): Event {
  let data: unknown;
  return {
    event,
    id,
    get data() {
      data ??= JSON.parse(text);
      return data;
    },
  };
}

/** Feeds lines to a list of events, as the standard says. */
function parser(events: Event[], comments: string[], onEvent: () => void) {
  let rest = '';
  let lastId = '';
  let event = '';
  let data: string[] = [];
  const line = (text: string) => {
    if (text === '') {
      if (data.length > 0) {
        events.push(eventOf(event, lastId, data.join('\n')));
        onEvent();
      }
      event = '';
      data = [];
    } else if (text.startsWith(':')) comments.push(text.slice(1).trim());
    else if (text.startsWith('event: ')) event = text.slice(7);
    else if (text.startsWith('id: ')) lastId = text.slice(4);
    else if (text.startsWith('data: ')) data.push(text.slice(6));
  };
  const feed = (chunk: string) => {
    const [end, ...lines] = chunk.split('\n');
    // A long line is put together once, not looked through with each chunk.
    rest += end;
    for (const next of lines) {
      line(rest);
      rest = next;
    }
  };
  return { feed, lastId: () => lastId };
}

export async function connect(url: string, lastId?: string): Promise<Client> {
  const events: Event[] = [];
  const comments: string[] = [];
  const waiting = new Set<() => void>();
  const { feed, lastId: idOf } = parser(events, comments, () => {
    for (const check of waiting) check();
  });
  const headers = lastId === undefined ? {} : { 'last-event-id': lastId };
  const sent: ClientRequest = request(url, { headers, agent: false });
  sent.end();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.on('response', resolve).on('error', reject);
  });
  response.setEncoding('utf8').on('data', feed);
  response.on('error', () => {});
  const closed = new Promise<void>((resolve) => response.on('close', () => resolve()));
  const until = (fits: (event: Event) => boolean) =>
    new Promise<Event>((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(check);
        reject(new Error(`no such event; had ${JSON.stringify(events).slice(0, 500)}`));
      }, 30_000);
      const check = () => {
        const found = events.find(fits);
        if (found === undefined) return;
        clearTimeout(timer);
        waiting.delete(check);
        resolve(found);
      };
      waiting.add(check);
      check();
    });
  return {
    status: response.statusCode!,
    headers: response.headers,
    events,
    comments,
    closed,
    until,
    lastId: idOf,
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    close: () => sent.destroy(),
  };
}

type Hooks = { after(fn: () => unknown): void };

/** A server that listens, and clients of its stream that end with the test. */
export async function streaming(
  t: Hooks,
  reader: ResultReader,
  overrides: Parameters<typeof partsWith>[1] = {},
) {
  const app = await createServer(partsWith(reader, overrides).parts);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const clients: Client[] = [];
  t.after(async () => {
    for (const client of clients) client.close();
    await app.close();
  });
  const join = async (query = '', lastId?: string) => {
    const client = await connect(`${url}/v1/stream${query}`, lastId);
    clients.push(client);
    return client;
  };
  return { app, url, join };
}
