/** Damaged names of products: the checkpoint's dictionary knows those that a task owns. */
import type { DatabaseSync } from 'node:sqlite';
import { readPart } from '../decode/products-part.ts';
import { rowSum } from '../seal.ts';
import type { Damage } from '../sqlite-check.ts';
import { counted, NOTHING, type Step } from './steps.ts';

type ProductRow = { no: number; product: string; task: string };

/** Product → task, as the checkpoints have it. */
function owned(db: DatabaseSync): Map<string, string> {
  const found = new Map<string, string>();
  const utf8 = new TextDecoder();
  const parts = db.prepare("SELECT task, bytes FROM parts WHERE name LIKE 'products/%'").all();
  for (const { task, bytes } of parts)
    for (const { key } of readPart(bytes as Uint8Array) ?? [])
      found.set(utf8.decode(key), String(task));
  return found;
}

/** Every product of a checkpoint has a row afterwards, under its own number where that is known. */
export function mendProducts(db: DatabaseSync, damage: readonly Damage[]): Step[] {
  const names = owned(db);
  const put = (no: number, product: string, task: string) =>
    db
      .prepare('INSERT OR REPLACE INTO products VALUES (?, ?, ?, ?)')
      .run(no, product, task, rowSum(no, product, task));
  const numbers: number[] = [];
  for (const { key } of damage) {
    const row = db.prepare('SELECT no, product, task FROM products WHERE no IS ?').get(key[0]);
    const { no, product } = row as ProductRow;
    db.prepare('DELETE FROM products WHERE no IS ?').run(key[0]);
    const task = names.get(product);
    // Only its task was damaged.
    if (task !== undefined) put(no, product, task);
    else numbers.push(no);
  }
  const has = db.prepare('SELECT 1 FROM products WHERE product = ?');
  const missing = [...names].filter(([product]) => has.get(product) === undefined);
  const isClear = missing.length === 1 && numbers.length === 1;
  const next = db.prepare('SELECT max(no) AS no FROM products').get()?.no;
  let no = Math.max(Number(next ?? 0), ...numbers) + 1;
  for (const [product, task] of missing) put(isClear ? numbers[0] : no++, product, task);
  db.prepare(
    'UPDATE meta SET value = max(value, ?1), crc = row_sum(name, max(value, ?1)) ' +
      "WHERE name = 'next_no'",
  ).run(no);
  if (!isClear) db.exec('DELETE FROM departed WHERE no NOT IN (SELECT no FROM products)');
  const isLossless = isClear || (numbers.length === 0 && missing.length === 0);
  if (damage.length === 0 && missing.length === 0) return [];
  const what = damage[0]?.what ?? 'the list of products';
  const more = damage.length > 1 ? ` and ${damage.length - 1} more` : '';
  return [
    {
      what: what + more,
      does: 'the names are taken from the checkpoint',
      lost: isLossless
        ? NOTHING
        : `the history of ${counted(Math.max(missing.length, numbers.length), 'product')}`,
    },
  ];
}
