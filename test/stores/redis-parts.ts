/** What the tests of faults of Redis share: an owner of a task, a view that follows, a proxy. */
import { createConnection, createServer, type Socket } from 'node:net';
import { RedisStore, type RedisStoreOptions } from '../../src/stores/redis/store.ts';
import type { Commit, Fence } from '../../src/stores/store.ts';
import { SimClock } from '../support/sim-clock.ts';
import { commitOf, START } from './commits.ts';

export type Ending = { after(fn: () => unknown): void };

/** No busy machine is this slow: only what has no answer at all fails. */
const PATIENT_MS = 30_000;

/** A store that is closed with its test. */
export function storeAt(t: Ending, url: string, options: Partial<RedisStoreOptions> = {}) {
  const store = new RedisStore({ url, timeoutMs: PATIENT_MS, ...options });
  t.after(() => store.close());
  return store;
}

/** The same with the time of the tests' kept events. */
export function simStoreAt(t: Ending, url: string) {
  return storeAt(t, url, { clock: new SimClock(START) });
}

/** Sends a task's commits, each until it has an answer, as the pipeline does. */
export class Sender {
  readonly store: RedisStore;
  readonly task: string;
  fence!: Fence;
  number = 0;
  /** Calls that failed and were made again. */
  retries = 0;
  /** Commits that turned out to be applied although their answer was lost. */
  duplicates = 0;

  constructor(store: RedisStore, task = 'a') {
    this.store = store;
    this.task = task;
  }

  async claim(): Promise<this> {
    this.fence = await this.store.claim(this.task, `token-${Math.random()}`);
    this.number = (await this.store.read(this.task)).number;
    return this;
  }

  build(content: Partial<Commit> = {}): Commit {
    return commitOf(this.task, this.fence, ++this.number, content);
  }

  async send(content: Partial<Commit> = {}): Promise<string> {
    return this.resend(this.build(content));
  }

  /** Until it is answered; gives up after 20 s. */
  async resend(commit: Commit): Promise<string> {
    const untilMs = performance.now() + 20_000;
    for (;;) {
      try {
        const { answer } = await this.store.commit(commit);
        if (answer === 'duplicate') this.duplicates++;
        return answer;
      } catch (error) {
        if ((error as { retry?: boolean }).retry !== true || performance.now() > untilMs)
          throw error;
        this.retries++;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}

/** A proxy before Redis that can swallow the next answer and cut the connection instead. */
export async function answerEater(t: Ending, port: number) {
  let armed: RegExp | null = null;
  let eaten = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const redis = createConnection(port, '127.0.0.1');
    let hungry = false;
    for (const socket of [client, redis]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    client.on('data', (data) => {
      hungry = armed?.test(data.toString('latin1')) ?? false;
      redis.write(data);
    });
    redis.on('data', (data) => {
      if (!hungry) return void client.write(data);
      armed = null;
      eaten++;
      client.destroy();
      redis.destroy();
    });
    client.on('close', () => redis.destroy());
    redis.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address() as { port: number };
  return {
    url: `redis://127.0.0.1:${address.port}`,
    /** The answer to the next request that matches never comes. */
    arm: (request: RegExp) => {
      armed = request;
    },
    eaten: () => eaten,
  };
}
