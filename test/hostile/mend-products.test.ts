/** What is made of damaged names of products, and of names that are missing, each for itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writePart } from '../../src/decode/products-part.ts';
import { PRODUCT_PARTS } from '../../src/part-names.ts';
import { mendProducts } from '../../src/repair/mend-products.ts';
import { getMeta, openDatabase } from '../../src/sqlite.ts';
import { brokenRows } from '../../src/sqlite-check.ts';
import { SqliteStore } from '../../src/stores/sqlite/store.ts';
import { commitOf, resultIn } from '../stores/commits.ts';

/** A store in which task 0 owns a, b and c, numbers 1 to 3, and a task of former times d. */
async function fourProducts() {
  const db = openDatabase(':memory:');
  const store = new SqliteStore(db);
  const commit = async (task: string, products: readonly string[]) => {
    const entries = products.map((name, slot) => ({ slot, key: Buffer.from(name) }));
    const parts = [{ name: PRODUCT_PARTS.name(0), bytes: writePart(entries) }];
    const results = products.map((product) => resultIn(product, 1, 7));
    const fence = await store.claim(task, task);
    await store.commit(commitOf(task, fence, 1, { parts, results, claims: [...products] }));
  };
  await commit('0', ['a', 'b', 'c']);
  await commit('1', ['d']);
  const incarnation = getMeta(db, 'incarnation');
  /** Changes rows without their checksums, and mends them. */
  const mended = (sql: string) => {
    db.exec(sql);
    const damage = brokenRows(db, 100).filter(({ table }) => table === 'products');
    const steps = mendProducts(db, damage);
    assert.deepEqual(brokenRows(db, 100), []);
    const rows = db.prepare('SELECT no, product, task FROM products ORDER BY no').all();
    return {
      said: steps.map(({ what, lost }) => `${what}: ${lost}`),
      rows: rows.map(({ no, product, task }) => [no, product, task].join(' ')),
      next: getMeta(db, 'next_no'),
      isRenewed: getMeta(db, 'incarnation') !== incarnation,
    };
  };
  return { db, mended };
}

const ALL = ['1 a 0', '2 b 0', '3 c 0', '4 d 1'];
const LOST = 'latest, previous and history of';
/** Numbers of a bucket that has history are never given again. */
const NEXT = 1_025;

/** What is changed, what is said, the rows then, the next number; whether clients load anew. */
const CASES: [sql: string, said: string[], rows: string[], next: number, isRenewed: boolean][] = [
  ['SELECT 1', [], ALL, 5, false],
  [
    "UPDATE products SET product = 'x' WHERE no = 2",
    ['product number 2: nothing'],
    ALL,
    NEXT,
    false,
  ],
  [
    "UPDATE products SET product = 'x' || no WHERE no IN (1, 3)",
    ['product number 1 and 1 more: nothing'],
    ALL,
    NEXT,
    false,
  ],
  ["UPDATE products SET task = '7' WHERE no = 4", ['product number 4: nothing'], ALL, NEXT, false],
  [
    'DELETE FROM products WHERE no = 2',
    [`the list of products: ${LOST} 1 product`],
    ['1 a 0', '3 c 0', '4 d 1', `${NEXT} b 0`],
    NEXT + 1,
    true,
  ],
  [
    'DELETE FROM products WHERE no = 2; UPDATE products SET crc = crc + 1 WHERE no = 4',
    [`product number 4: ${LOST} 2 products`],
    ['1 a 0', '3 c 0', `${NEXT} b 0`, `${NEXT + 1} d 1`],
    NEXT + 2,
    true,
  ],
  [
    "UPDATE products SET product = 'x', task = '7', crc = crc + 1 WHERE no = 1",
    [`product number 1: ${LOST} 1 product`],
    ['2 b 0', '3 c 0', '4 d 1', `${NEXT} a 0`],
    NEXT + 1,
    true,
  ],
  [
    "INSERT INTO products VALUES (9, 'y', '0', 5)",
    [`product number 9: ${LOST} 1 product`],
    ALL,
    NEXT,
    true,
  ],
];

for (const [sql, said, rows, next, isRenewed] of CASES)
  test(`names and numbers of products after: ${sql}`, async () => {
    const { mended } = await fourProducts();
    assert.deepEqual(mended(sql), { said, rows, next, isRenewed });
  });

test('a later next number stays', async () => {
  const { db, mended } = await fourProducts();
  db.exec("UPDATE meta SET value = 5000, crc = row_sum(name, 5000) WHERE name = 'next_no'");
  assert.equal(mended("UPDATE products SET product = 'x' WHERE no = 2").next, 5_000);
});

test('a name without an owner is found again, and leaves; its number is not kept for it twice', async () => {
  const { db, mended } = await fourProducts();
  db.exec("UPDATE products SET task = '', crc = row_sum(no, product, '') WHERE no = 4");
  db.exec("DELETE FROM parts WHERE task = '1'; DELETE FROM tasks WHERE task = '1'");
  const { said, rows } = mended("UPDATE products SET task = '0' WHERE no = 4");
  assert.deepEqual(said, ['product number 4: nothing']);
  assert.deepEqual(rows, ['1 a 0', '2 b 0', '3 c 0', '4 d ']);
  const departed = () =>
    db
      .prepare('SELECT no FROM departed')
      .all()
      .map(({ no }) => no);
  assert.deepEqual(departed(), [4]);
  mended('UPDATE products SET crc = crc + 1 WHERE no = 4');
  assert.deepEqual(departed(), []);
});
