/** The Redis store under test, on a database of a server that several harnesses share. */
import assert from 'node:assert/strict';
import { RESP_TYPES, RedisClient } from '@redis/client';
import { RedisStore } from '../../src/stores/redis/store.ts';
import { eventually } from '../support/processes.ts';
import { Harness, type HarnessOptions } from './harness.ts';

type Snapshot = { key: string; dump: Buffer }[];

/** Databases of one server that are free for the next harness. */
export class Databases {
  readonly url: string;
  readonly #free = Array.from({ length: 16 }, (_, n) => n);

  constructor(url: string) {
    this.url = url;
  }

  take(): number {
    const database = this.#free.pop();
    assert.ok(database !== undefined, 'more harnesses at once than databases');
    return database;
  }

  give(database: number): void {
    this.#free.push(database);
  }
}

export class RedisHarness extends Harness {
  declare store: RedisStore;
  readonly url: string;
  readonly #databases: Databases;
  readonly #database: number;
  readonly #raw: Promise<ReturnType<typeof rawClient>>;

  constructor(options: HarnessOptions, databases: Databases) {
    super(options);
    this.#databases = databases;
    this.#database = databases.take();
    this.url = `${databases.url}/${this.#database}`;
    const raw = rawClient(this.url);
    this.#raw = raw.connect().then(() => raw);
    this.#raw.catch(() => {});
    this.#open();
  }

  #open(): void {
    this.use(new RedisStore({ ...this.storeOptions, url: this.url, timeoutMs: 20_000 }));
  }

  /** A command beside the store. */
  async command<T>(...args: string[]): Promise<T> {
    return (await this.#raw).sendCommand<T>(args);
  }

  override async settled(): Promise<void> {
    await this.folded();
    const change = Number(await this.command<string | null>('HGET', 'ctr:store', 'change'));
    await eventually(async () => this.store.following()?.number === change, 10_000, 1);
  }

  override async folded(): Promise<void> {
    await this.store.folded();
  }

  async snapshot(): Promise<Snapshot> {
    await this.folded();
    const raw = await this.#raw;
    const keys = await raw.sendCommand<string[]>(['KEYS', '*']);
    const bytes = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };
    return Promise.all(
      keys.map(async (key) => ({ key, dump: await raw.sendCommand<Buffer>(['DUMP', key], bytes) })),
    );
  }

  /** As a failover to a replica that lacked the last writes. */
  async rollback(snapshot: unknown): Promise<void> {
    await this.settled();
    await this.store.close();
    const raw = await this.#raw;
    await raw.sendCommand(['FLUSHDB']);
    for (const { key, dump } of snapshot as Snapshot)
      await raw.sendCommand(['RESTORE', key, '0', dump]);
    this.#open();
  }

  async reopen(changed: Partial<HarnessOptions> = {}): Promise<void> {
    await this.settled();
    await this.store.close();
    Object.assign(this.options, changed);
    this.#open();
  }

  async close(): Promise<void> {
    await this.store.close();
    const raw = await this.#raw;
    await raw.sendCommand(['FLUSHDB']);
    raw.destroy();
    this.#databases.give(this.#database);
  }
}

/** Made once: it puts hundreds of commands on a class. */
const create = RedisClient.factory({ RESP: 2 });

function rawClient(url: string) {
  const options = { url, RESP: 2 } as const;
  const client = create(options);
  client.on('error', () => {});
  return client;
}
