/** A backup of Redis taken while an engine writes, put into another Redis: counts go on exactly. */

import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { LIMITS, settingsWith } from '../../src/config.ts';
import { silentLog } from '../../src/log.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { Journal } from '../../src/sources/journal.ts';
import type { Source } from '../../src/sources/source.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { RedisStore } from '../../src/stores/redis/store.ts';
import { windowsOf } from '../stores/commits.ts';
import { eventually, temporary } from '../support/processes.ts';
import { recordsOf } from '../support/records.ts';
import { startRedis, withoutRedis } from '../support/redis-server.ts';
import { event } from './engine.ts';

const BASE = Date.UTC(2019, 10, 24);
const limits = { ...LIMITS, commitMinMs: 50 };

/** A log that forgets nothing, as Kafka's does not: a restored checkpoint reads again. */
function longMemory(journal: Journal): Source {
  return {
    partitions: journal.partitions,
    open: (positions) => journal.open(positions),
    read: (wanted, waitMs) => journal.read(wanted, waitMs),
    probe: (wanted) => journal.probe(wanted),
    acknowledge: async () => {},
    close: () => journal.close(),
  };
}

function engineOn(journal: Journal, store: RedisStore) {
  const pipeline = new Pipeline({
    task: '0',
    source: longMemory(journal),
    store,
    clock: systemClock,
    limits,
    settings: settingsWith({ windowMs: 1_000, watermarkDelayMs: 0 }),
    log: silentLog,
    newToken: randomUUID,
    stillOurs: async () => true,
    newIdKey: () => randomBytes(16).toString('hex'),
  });
  const abort = new AbortController();
  const finished = pipeline.run(abort.signal);
  return async () => {
    abort.abort();
    await finished;
  };
}

const piece = (from: number) =>
  recordsOf(
    Array.from({ length: 500 }, (_, n) =>
      event(`p${(from + n) % 3}`, BASE + (from + n) * 10, { event_id: `id${from + n}` }),
    ),
    0,
  );

async function received(store: RedisStore, count: number): Promise<void> {
  const look = async () => (await store.statuses()).get('0')?.ledger.received === count;
  await eventually(look);
}

async function outcome(store: RedisStore) {
  // The last window may be open or closed by silence.
  const products = ['p0', 'p1', 'p2'];
  const histories = await Promise.all(products.map((p) => windowsOf(store, p, 0, BASE + 9_000)));
  const status = (await store.statuses()).get('0');
  return { histories, ledger: status?.ledger };
}

test('Redis copied with --rdb while it is written', { skip: withoutRedis() }, async (t) => {
  const [one, other] = [await startRedis(t, { aof: 'always' }), await startRedis(t)];
  const database = openDatabase(join(temporary(t), 'log.db'));
  t.after(() => database.close());
  const journal = () => new Journal(database, { limits, clock: systemClock });
  const storeAt = (url: string) => {
    const store = new RedisStore({ url, password: '', limits, log: silentLog });
    t.after(() => store.close());
    return store;
  };
  const log = journal();
  const before = storeAt(one.url);
  const first = engineOn(log, before);
  t.after(first);
  await log.append(piece(0));
  await received(before, 500);
  // As in docs/backup.md.
  const copy = join(one.directory, 'copy.rdb');
  one.cli('--rdb', copy);
  await log.append(piece(500));
  await received(before, 1_000);
  await first();
  const expected = await outcome(before);
  assert.equal(expected.histories.flat().length, 27);

  await other.stop();
  copyFileSync(copy, join(other.directory, 'dump.rdb'));
  await other.restart();
  const after = storeAt(other.url);
  await received(after, 500);
  const second = engineOn(journal(), after);
  t.after(second);
  await received(after, 1_000);
  await second();
  assert.deepEqual(await outcome(after), expected);
});
