/** Damaged rows of a database that can be read: mended where what they held is known elsewhere. */
import type { DatabaseSync } from 'node:sqlite';
import { openStatus, rowSum } from '../seal.ts';
import { getMeta, renewIncarnation, setMeta, transaction } from '../sqlite.ts';
import { brokenRows, type Damage } from '../sqlite-check.ts';
import type { Status } from '../status.ts';
import { ROW_PRODUCTS, Rows } from '../stores/sqlite/rows.ts';
import { mendHead, mendJournal } from './mend-journal.ts';
import { mendProducts, unusedNumber } from './mend-products.ts';
import { counted, NOTHING, type Step } from './steps.ts';

const ALL = 1_000_000;

/** `torn`: tables of which rows may be missing. What it has done leaves nothing damaged. */
export function mendRows(db: DatabaseSync, torn: ReadonlySet<string>): Step[] {
  return transaction(db, () => {
    const damage = brokenRows(db, ALL);
    const of = (table: string) => damage.filter((one) => one.table === table);
    const lost = new Set([...of('tasks'), ...of('parts')].map(({ key }) => String(key[0])));
    if (torn.has('parts') || torn.has('tasks')) for (const task of namesOf(db)) lost.add(task);
    const rows = of('rows').map((one) => dropRow(db, one));
    const checkpoints = [...lost].flatMap((task) => dropCheckpoint(db, task, damage));
    const statuses = statusesOf(db);
    return [
      ...checkpoints,
      ...mendHead(db, of('journal_head'), statuses),
      ...mendJournal(db, of('journal'), statuses),
      ...rows,
      ...of('cells').map((one) => dropCells(db, one)),
      ...countAgain(db, of('cell_counts')),
      ...mendProducts(db, of('products')),
      ...mendMeta(db, of('meta'), statuses),
    ];
  });
}

/** Every task that a sound row names: its own row may be missing. */
function namesOf(db: DatabaseSync): string[] {
  const rows = db.prepare(
    `SELECT task FROM tasks UNION SELECT task FROM products
WHERE task <> '' AND crc IS row_sum(no, product, task)`,
  );
  return rows.all().map(({ task }) => String(task));
}

function statusesOf(db: DatabaseSync): Map<string, Status> {
  const rows = db.prepare('SELECT task, status FROM tasks WHERE status IS NOT NULL').all();
  return new Map(
    rows.map(({ task, status }) => [
      String(task),
      openStatus('the file', String(task), String(status)),
    ]),
  );
}

/**
 * The task begins again with the oldest event of the journal. What it published stays in history;
 * latest and previous go, for the new beginning would set them back.
 */
function dropCheckpoint(db: DatabaseSync, task: string, damage: readonly Damage[]): Step[] {
  const words = damage
    .filter(({ table, key }) => (table === 'tasks' || table === 'parts') && key[0] === task)
    .map(({ what }) => what);
  const what = [...new Set(words)].join(', ') || `the checkpoint of task ${task} is not whole`;
  const products = release(db, task);
  for (const table of ['parts', 'comebacks'])
    db.prepare(`DELETE FROM ${table} WHERE task = ?`).run(task);
  const row = db.prepare('SELECT number FROM tasks WHERE task = ?').get(task);
  const number = Math.max(0, Math.trunc(Number(row?.number ?? 0)) || 0);
  db.prepare('UPDATE tasks SET number = ?, status = NULL, parts = 0, crc = ? WHERE task = ?').run(
    number,
    rowSum(task, number, null, 0),
    task,
  );
  renewIncarnation(db);
  const first = db.prepare('SELECT min(first) AS first FROM journal').get()?.first;
  const isWhole = first === 0;
  const does = isWhole
    ? `task ${task} counts all events again: the journal still has the first`
    : `task ${task} begins again at ${first === null ? 'the next event' : `offset ${first}`}, ` +
      'behind a publish floor';
  const gone =
    `latest and previous of ${counted(products, 'product')} until their next window; ` +
    'the windows that were open; the ledger begins anew';
  return [{ what, does, lost: isWhole ? NOTHING : gone }];
}

/**
 * Takes the products of `task` from it; how many. They keep their numbers, for their history. Those
 * of other tasks stay: no task claims again what its checkpoint says it owns.
 */
function release(db: DatabaseSync, task: string): number {
  const sound = 'FROM products WHERE task = ? AND crc IS row_sum(no, product, task)';
  const owned = db.prepare(`SELECT no ${sound}`).all(task);
  const rows = new Rows(db);
  for (const { no } of owned) rows.clear(Number(no));
  rows.write();
  db.prepare(`INSERT OR IGNORE INTO departed (no) SELECT no ${sound}`).run(task);
  db.prepare(
    `UPDATE products SET task = '', crc = row_sum(no, product, '')
WHERE no IN (SELECT no ${sound})`,
  ).run(task);
  return owned.length;
}

function dropRow(db: DatabaseSync, { key, what }: Damage): Step {
  const bucket = Number(key[0]);
  const { n } = db
    .prepare(`SELECT count(*) AS n FROM products WHERE task <> '' AND no / ${ROW_PRODUCTS} = ?`)
    .get(bucket) as { n: number };
  db.prepare('DELETE FROM rows WHERE bucket = ?').run(key[0]);
  renewIncarnation(db);
  const lost = `latest and previous of ${counted(n, 'product')} until their next window`;
  return { what, does: 'they are left out', lost };
}

function dropCells(db: DatabaseSync, { key, what }: Damage): Step {
  const where = 'WHERE level IS ?1 AND bucket IS ?2 AND start IS ?3';
  const row = db.prepare(`SELECT count FROM cells ${where}`).get(...key);
  db.prepare(`DELETE FROM cells ${where}`).run(...key);
  const count = Number(row?.count ?? 0);
  return { what, does: 'it is left out of history', lost: `${counted(count, 'cell')} of history` };
}

/** Also where rows are gone: limits hold for what is there. */
function countAgain(db: DatabaseSync, damage: readonly Damage[]): Step[] {
  db.exec(`DELETE FROM cell_counts;
INSERT INTO cell_counts SELECT level, sum(count) FROM cells GROUP BY level;
UPDATE kept_totals SET (events, bytes) = (SELECT count(*), total(length(bytes)) FROM kept)`);
  return damage.map(({ what }) => ({ what, does: 'they are counted again', lost: NOTHING }));
}

/** Settings can be told from what is there. */
function mendMeta(
  db: DatabaseSync,
  damage: readonly Damage[],
  statuses: ReadonlyMap<string, Status>,
): Step[] {
  for (const { key } of damage) db.prepare('DELETE FROM meta WHERE name IS ?').run(key[0]);
  const set = (name: string, value: string | number | undefined | null) => {
    if (value !== undefined && value !== null && getMeta(db, name) === null)
      setMeta(db, name, value);
  };
  const isNew = ['incarnation', 'change'].some((name) => getMeta(db, name) === null);
  if (isNew) renewIncarnation(db);
  set('change', 0);
  const numbers = db
    .prepare(
      `SELECT (SELECT min(start) FROM cells WHERE level = 'window') AS oldest,
      (SELECT max(start) + 60000 FROM cells WHERE level = '1m') AS folded`,
    )
    .get();
  set('next_no', unusedNumber(db));
  set('window_ms', [...statuses.values()][0]?.settings.windowMs);
  if (numbers?.folded !== null)
    set('history_folded_to', (numbers?.oldest ?? numbers?.folded) as number);
  return damage.map(({ what }) => ({ what, does: 'it is found again', lost: NOTHING }));
}
