/** Who owns which product in SQLite, also when reading fails at the worst moment. */
import assert from 'node:assert/strict';
import type { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openDatabase, transaction } from '../../src/sqlite.ts';
import { Products } from '../../src/stores/sqlite/products.ts';

/** `db`, but once `fails()` every statement of it throws. */
function failing(db: DatabaseSync, fails: () => boolean): DatabaseSync {
  const guarded = <T extends object>(object: T): T =>
    new Proxy(object, {
      get(target, name) {
        const value = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...values: unknown[]) => {
          if (fails()) throw new Error('the disk cannot be read');
          const answer = Reflect.apply(value, target, values);
          return name === 'prepare' ? guarded(answer) : answer;
        };
      },
    });
  return guarded(db);
}

test('what a commit wrote is known afterwards, whatever the disk does then', (t) => {
  const db = openDatabase(':memory:');
  t.after(() => db.close());
  let fails = false;
  const products = new Products(
    failing(db, () => fails),
    10,
  );
  transaction(db, () => products.claim('a', ['x', 'y']));
  fails = true;
  products.settle();
  assert.deepEqual([products.ownedBy('a', 'x'), products.ownedBy('a', 'y')], [1, 2]);
});

test('how many left is known without counting, also when a commit did not go through', (t) => {
  const db = openDatabase(':memory:');
  t.after(() => db.close());
  const products = new Products(db, 3);
  const names = Array.from({ length: 8 }, (_, n) => `p${n}`);
  const commit = (body: () => void) => {
    transaction(db, body);
    products.settle();
  };
  commit(() => products.claim('a', names));
  const undone = () =>
    transaction(db, () => {
      products.remove('a', names);
      throw new Error('no room');
    });
  assert.throws(undone, /no room/);
  products.discard();
  for (const name of names.slice(0, 4)) commit(() => void products.remove('a', [name]));
  // The first that left was forgotten; the next comes back, and takes its place with it.
  commit(() => products.claim('a', ['p1']));
  for (const name of names.slice(4, 6)) commit(() => void products.remove('a', [name]));
  const left = db.prepare('SELECT no FROM departed ORDER BY turn').all();
  assert.deepEqual(
    left.map(({ no }) => no),
    [4, 5, 6],
  );
  const known = db.prepare('SELECT count(*) AS n FROM products').get()?.n;
  assert.equal(known, 3 + 3);
});
