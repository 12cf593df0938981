/** Damaged names of products: the checkpoint's dictionary knows those that a task owns. */
import type { DatabaseSync } from 'node:sqlite';
import { readPart } from '../decode/products-part.ts';
import { PRODUCT_PARTS } from '../part-names.ts';
import { type RowValue, rowSum } from '../seal.ts';
import { renewIncarnation } from '../sqlite.ts';
import type { Damage } from '../sqlite-check.ts';
import { CELL_PRODUCTS } from '../stores/sqlite/cells.ts';
import { Rows } from '../stores/sqlite/rows.ts';
import { counted, NOTHING, type Step } from './steps.ts';

/** Product → task, as the checkpoints have it. */
function owned(db: DatabaseSync): Map<string, string> {
  const found = new Map<string, string>();
  // A product id may begin with a byte order mark.
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  const parts = db
    .prepare("SELECT task, bytes FROM parts WHERE name LIKE ? || '%'")
    .all(PRODUCT_PARTS.prefix);
  for (const { task, bytes } of parts)
    for (const { key } of readPart(bytes as Uint8Array) ?? [])
      found.set(utf8.decode(key), String(task));
  return found;
}

type Puts = (no: number | bigint, product: string, task: string) => void;

/** Puts a sound row; a product without a task waits for its next event, its history kept. */
function putting(db: DatabaseSync): Puts {
  const put = db.prepare('INSERT INTO products VALUES (?1, ?2, ?3, row_sum(?1, ?2, ?3))');
  const depart = db.prepare('INSERT OR IGNORE INTO departed (no) VALUES (?)');
  const live = new Set(
    db.prepare('SELECT task FROM tasks WHERE status IS NOT NULL').all().map(taskOf),
  );
  const rows = new Rows(db);
  return (no, product, task) => {
    const owner = live.has(task) ? task : '';
    put.run(no, product, owner);
    if (owner !== '') return;
    depart.run(no);
    rows.clear(Number(no));
    rows.write();
  };
}

const taskOf = ({ task }: Record<string, unknown>): string => String(task);

/**
 * Every product of a checkpoint has a row afterwards. Under its own number only where the damaged
 * row's checksum says so: any other may be the number of another product's history.
 */
export function mendProducts(db: DatabaseSync, damage: readonly Damage[]): Step[] {
  const names = owned(db);
  const tasks = ['', ...db.prepare('SELECT task FROM tasks').all().map(taskOf)];
  const rows = damage.map(({ key }) => take(db, key[0]));
  const put = putting(db);
  const has = db.prepare('SELECT 1 FROM products WHERE product = ?');
  const unknown: Taken[] = [];
  for (const row of rows) {
    const task = tasks.find((one) => rowSum(row.no, row.product, one) === row.crc);
    if (task !== undefined) put(row.no, row.product as string, task);
    else unknown.push(row);
  }
  const lostNames: string[] = [];
  for (const [product, task] of names) {
    if (has.get(product) !== undefined) continue;
    const at = unknown.findIndex(({ no, crc }) => rowSum(no, product, task) === crc);
    if (at < 0) lostNames.push(product);
    else put(unknown.splice(at, 1)[0].no, product, task);
  }
  const count = Math.max(unknown.length, lostNames.length);
  if (damage.length === 0 && count === 0) return [];
  if (count > 0) renewIncarnation(db);
  let no = unusedNumber(db);
  for (const product of lostNames) put(no++, product, names.get(product)!);
  db.prepare(
    'UPDATE meta SET value = max(value, ?1), crc = row_sum(name, max(value, ?1)) ' +
      "WHERE name = 'next_no'",
  ).run(no);
  db.exec('DELETE FROM departed WHERE no NOT IN (SELECT no FROM products)');
  const more = damage.length > 1 ? ` and ${damage.length - 1} more` : '';
  return [
    {
      what: (damage[0]?.what ?? 'the list of products') + more,
      does: 'the names are taken from the checkpoint',
      lost: count === 0 ? NOTHING : `latest, previous and history of ${counted(count, 'product')}`,
    },
  ];
}

type Taken = { no: number; product: RowValue; crc: number };

/** A damaged row, which is gone afterwards. */
function take(db: DatabaseSync, key: RowValue): Taken {
  const find = db.prepare('SELECT no, product, crc FROM products WHERE no IS ?');
  // A damaged number may be too large for a number of JavaScript.
  find.setReadBigInts(true);
  const { no, product, crc } = find.get(key) as Record<string, RowValue>;
  db.prepare('DELETE FROM products WHERE no IS ?').run(key);
  return { no: Number(no), product, crc: Number(crc) };
}

/** Above every number that has a row or is in a bucket with history. */
export function unusedNumber(db: DatabaseSync): number {
  const { no } = db
    .prepare(
      `SELECT max(coalesce((SELECT max(no) FROM products), 0),
${CELL_PRODUCTS} * coalesce((SELECT max(bucket) FROM cells) + 1, 0)) + 1 AS no`,
    )
    .get() as { no: number };
  return no;
}
