/** The stores that `bench/store.ts` measures, and what only one of them can tell of itself. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from '@redis/client';
import { openDatabase } from '../src/sqlite.ts';
import { RedisStore } from '../src/stores/redis/store.ts';
import { PUT_BACK } from '../src/stores/redis/transaction.ts';
import { SqliteStore } from '../src/stores/sqlite/store.ts';
import type { Store } from '../src/stores/store.ts';
import { startRedis } from '../test/support/redis-server.ts';
import type { Pings } from './pings.ts';

export type StoreSample = {
  name: string;
  value: number;
  unit: 'ms' | 'CPU ms' | 'bytes';
  /** What it is the median of. */
  samples?: readonly number[];
};

export type World = {
  store: Store;
  /** Called before what is measured, and after it with the cells of history written. */
  begin(): Promise<void>;
  more(cells: number): Promise<StoreSample[]>;
  close(): Promise<void>;
};

export async function sqlite(): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-bench-'));
  const db = openDatabase(join(directory, 'clickrate.db'));
  const bytesOf = (sql: string) => Number(db.prepare(sql).get()?.bytes);
  return {
    store: new SqliteStore(db),
    begin: async () => {},
    more: async (cells) => {
      const packed = bytesOf('SELECT sum(length(cells)) AS bytes FROM cells');
      const pages = bytesOf(
        "SELECT sum(pgsize) AS bytes FROM dbstat WHERE name LIKE 'cells%' " +
          "OR name LIKE 'sqlite_autoindex_cells%'",
      );
      return [
        { name: 'a cell of history, packed', value: packed / cells, unit: 'bytes' },
        { name: 'a cell of history, in the file', value: pages / cells, unit: 'bytes' },
      ];
    },
    close: async () => {
      db.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/**
 * Redis rewrites its append-only file whenever that has doubled. Closings one right behind another
 * would have it do so most of the time, one each ten seconds do not.
 */
const NO_REWRITE = ['--auto-aof-rewrite-percentage', '0'];

type Logged = [id: number, at: number, micros: number, args: string[], client: string];

/**
 * Commands of a transaction stand in the log one by one, from MULTI to what puts back; Redis does
 * all of them at once. What scripts call stands there as well, by no client.
 */
function longestCommitMs(log: readonly Logged[]): number {
  let longest = 0;
  let sum: number | null = null;
  // The last is the first.
  for (const [, , micros, [name, text = ''], client] of log.toReversed()) {
    if (client === '?:0') continue;
    if (name === 'MULTI') sum = 0;
    else if (sum !== null) sum += micros;
    if (name.startsWith('EVAL')) longest = Math.max(longest, sum ?? micros);
    if (PUT_BACK.startsWith(text.slice(0, 100))) sum = null;
  }
  return longest / 1_000;
}

/** A real server with AOF each second; a second process asks it all the time. */
export async function redis(): Promise<World> {
  const closers: (() => unknown)[] = [];
  const server = await startRedis(
    { after: (fn) => closers.push(fn) },
    { aof: 'everysec', args: NO_REWRITE },
  );
  const store = new RedisStore({ url: server.url });
  const client = await createClient({ url: server.url, RESP: 2 }).connect();
  const command = <T>(...args: string[]) => client.sendCommand<T>(args);
  const pinger = fork(fileURLToPath(new URL('./pings.ts', import.meta.url)));
  return {
    store,
    begin: async () => {
      await command('CONFIG', 'SET', 'slowlog-log-slower-than', '0');
      await command('CONFIG', 'SET', 'slowlog-max-len', '10000');
      await command('SLOWLOG', 'RESET');
      const isAsking = once(pinger, 'message');
      pinger.send(server.url);
      await isAsking;
    },
    more: async () => {
      const answer = once(pinger, 'message');
      pinger.send('end');
      const [pings] = (await answer) as [Pings];
      const log = await command<Logged[]>('SLOWLOG', 'GET', '10000');
      return [
        { name: 'a commit in Redis, the longest', value: longestCommitMs(log), unit: 'ms' },
        { name: 'PING meanwhile, 99 % within', value: pings.p99Ms, unit: 'ms' },
        { name: 'PING meanwhile, the longest', value: pings.maxMs, unit: 'ms' },
      ];
    },
    close: async () => {
      pinger.kill();
      await client.close();
      await store.close();
      for (const fn of closers.reverse()) await fn();
    },
  };
}
