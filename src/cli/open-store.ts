/** The store that the options name. */
import type { Limits, Options } from '../config.ts';
import type { Log } from '../log.ts';
import { RedisStore } from '../stores/redis/store.ts';
import { SqliteStore } from '../stores/sqlite/store.ts';
import type { Store, Writer } from '../stores/store.ts';
import { mustNotBeReplayed, openData } from './data.ts';

export type StoreOptions = Pick<Options, 'store' | 'data' | 'redis' | 'redisPassword' | 'timeZone'>;

export type StoreChoice = {
  options: StoreOptions;
  limits: Limits;
  writer: Writer;
  takeOver: boolean;
  log: Log;
};

/** Opens it; whoever asked closes it. Throws `directory_locked`, `source_foreign`. */
export function openStore({ options, ...settings }: StoreChoice): Store {
  if (options.store === 'sqlite') return openSqlite(options, settings);
  const { redis: url, redisPassword: password, timeZone } = options;
  const limits = limitsOf(options, settings.limits);
  return new RedisStore({ url, password, timeZone, ...settings, limits });
}

/** The limits of the store that the options name: the memory of Redis is dear. */
export function limitsOf({ store }: Pick<Options, 'store'>, limits: Limits): Limits {
  if (store !== 'redis') return limits;
  const keptTotalBytes = Math.min(limits.keptTotalBytes, limits.keptRedisBytes);
  return { ...limits, keptTotalBytes };
}

function openSqlite(
  { data, timeZone }: Pick<Options, 'data' | 'timeZone'>,
  settings: Omit<StoreChoice, 'options'>,
): Store {
  using closers = new DisposableStack();
  const { lock, db } = openData(data, settings.log);
  closers.defer(() => lock.release());
  closers.defer(() => db.close());
  const store = new SqliteStore(db, { ...settings, timeZone });
  mustNotBeReplayed(store, data);
  const opened = closers.move();
  const close = store.close.bind(store);
  store.close = async () => {
    await close();
    opened.dispose();
  };
  return store;
}
