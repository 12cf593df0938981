/** A data directory that was used, in a quick form: built, copied, opened again, and what it says. */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openData } from '../../src/cli/data.ts';
import { LIMITS, settingsWith } from '../../src/config.ts';
import { MINUTE, QUARTER, WINDOW } from '../../src/history.ts';
import { silentLog } from '../../src/log.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { Journal } from '../../src/sources/journal.ts';
import { SUMMED, teachSums } from '../../src/sqlite-check.ts';
import { SqliteStore } from '../../src/stores/sqlite/store.ts';
import { temporary } from '../support/processes.ts';
import { Random } from '../support/random.ts';
import { recordsOf } from '../support/records.ts';
import { SimClock } from '../support/sim-clock.ts';

export const BASE = Date.UTC(2019, 10, 24);
export const FILES = ['clickrate.db', 'clickrate.db-wal', 'lock.db'] as const;
export const SETTINGS_HERE = settingsWith({ windowMs: 1_000, watermarkDelayMs: 500 });
const limits = { ...LIMITS, commitMinMs: 1 };

type Engine = {
  journal: Journal;
  store: SqliteStore;
  pipeline: Pipeline;
  /** Reads the journal to its end; `isLast` closes every window too. */
  run(isLast: boolean): Promise<void>;
  end(): Promise<void>;
};

export async function engineOn(directory: string): Promise<Engine> {
  const clock = new SimClock(BASE + 60_000);
  const { lock, db } = openData(directory, silentLog);
  const journal = new Journal(db, { limits, clock, futureMs: SETTINGS_HERE.futureMs });
  const store = new SqliteStore(db, { clock, limits });
  let tokens = 0;
  const pipeline = new Pipeline({
    task: '0',
    source: journal,
    store,
    clock,
    limits,
    log: silentLog,
    settings: SETTINGS_HERE,
    newToken: () => `${tokens++}`,
    newIdKey: () => '0123456789abcdef'.repeat(2),
    stillOurs: async () => true,
  });
  const end = async () => {
    await journal.close();
    await store.close();
    if (db.isOpen) db.close();
    lock.release();
  };
  const run = async (isLast: boolean) => {
    await pipeline.start();
    const read = () => pipeline.health().live?.partitions[0].position ?? 0;
    while (read() < journal.nextOffset) await pipeline.step();
    await (isLast ? pipeline.close() : pipeline.flush());
  };
  return { journal, store, pipeline, run, end };
}

const PRODUCTS = 40;
const productOf = (n: number) => `product-${n}`;

/** Events of every kind of verdict, those of a piece in no order. */
export function events(random: Random, piece: number, count: number): string[] {
  return Array.from({ length: count }, (_, n) => {
    const late = random.chance(0.02) ? 30_000 : 0;
    const event = {
      product_id: productOf(random.int(0, PRODUCTS - 1)),
      timestamp: BASE + piece * 2_000 + random.int(0, 2_000) - late,
      event_type: random.chance(0.2) ? 'click' : 'impression',
      event_id: `id-${piece}-${random.chance(0.05) ? 0 : n}`,
    };
    return random.chance(0.02) ? 'broken' : JSON.stringify(event);
  });
}

/**
 * Uses `directory`, then copies its files as a crash would leave them to `crashed`. The last pieces
 * are in the journal and not counted yet.
 */
export async function use(directory: string, crashed: string, seed: number): Promise<void> {
  const random = new Random(seed);
  const engine = await engineOn(directory);
  const add = (piece: number) => engine.journal.append(recordsOf(events(random, piece, 150), 0));
  for (let piece = 0; piece < 8; piece++) await add(piece);
  await engine.run(false);
  for (let piece = 8; piece < 12; piece++) await add(piece);
  copy(directory, crashed);
  await engine.end();
}

/** A directory of a process that was stopped in order. */
export async function used(t: Parameters<typeof temporary>[0]): Promise<string> {
  const base = temporary(t);
  await use(join(base, 'stopped'), join(base, 'crashed'), 1);
  return join(base, 'stopped');
}

/** Changes the file behind everybody's back. */
export function change(directory: string, sql: string): void {
  const db = new DatabaseSync(join(directory, 'clickrate.db'), { defensive: false });
  db.exec(sql);
  db.close();
}

/** Changes the file as a fault of the program would: every checksum and number is right. */
export function plant(directory: string, sql: string): void {
  const db = new DatabaseSync(join(directory, 'clickrate.db'));
  teachSums(db);
  db.exec(sql);
  for (const [table, { columns }] of Object.entries(SUMMED))
    db.exec(`UPDATE ${table} SET crc = row_sum(${columns.join(', ')})`);
  db.exec('DELETE FROM cell_counts');
  db.exec('INSERT INTO cell_counts SELECT level, sum(count) FROM cells GROUP BY level');
  db.close();
}

export function copy(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of FILES)
    if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name));
}

/** Starts, counts what is in the journal, closes all windows: everything a reader can see. */
export async function outcomeOf(directory: string) {
  const engine = await engineOn(directory);
  try {
    await engine.run(true);
    const { rows, windowMs } = await engine.store.load();
    const levels = [WINDOW, MINUTE, QUARTER, '1d UTC'];
    const span = { levels, fromMs: -Infinity, toMs: Infinity };
    const history = [];
    for (let n = 0; n < PRODUCTS; n++)
      history.push(await engine.store.history({ ...span, products: [productOf(n)] }));
    const ledgers = [...(await engine.store.statuses()).values()].map(({ ledger }) => ledger);
    return { windowMs, rows, history, ledgers };
  } finally {
    await engine.end();
  }
}

/** The one value that `sql` asks of the file for. */
export function ask(directory: string, sql: string): unknown {
  const db = new DatabaseSync(join(directory, 'clickrate.db'), { readOnly: true });
  const value = Object.values(db.prepare(sql).get()!)[0];
  db.close();
  return value;
}
