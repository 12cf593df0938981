/** Products in an order, page by page: made again only where it can be another. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Orders } from '../../src/api/order.ts';
import { Rows } from '../../src/api/rows.ts';

/** Counts how often all products are looked at. */
class LookedAt extends Rows {
  looks = 0;
  override productAt(slot: number): string | undefined {
    if (slot === 0) this.looks++;
    return super.productAt(slot);
  }
}

function rowsOf(products: readonly string[]): LookedAt {
  const rows = new LookedAt(10_000);
  for (const product of products) put(rows, product, 1);
  return rows;
}

function put(rows: Rows, product: string, impressions: number): void {
  rows.set({ product, latest: { start: 0, impressions, clicks: 0 }, previous: null });
}

function names(orders: Orders, rows: Rows, sort: string): (string | undefined)[] {
  return orders.page(rows, sort, undefined, 10).slots.map((slot) => rows.productAt(slot));
}

suite('the order of products', () => {
  test('by name stays as it is while counts change', () => {
    const orders = new Orders();
    const rows = rowsOf(['b', 'a']);
    assert.deepEqual(names(orders, rows, 'product_id'), ['a', 'b']);
    rows.looks = 0;
    put(rows, 'a', 9);
    orders.page(rows, '-product_id', undefined, 10);
    assert.equal(rows.looks, 0);
  });

  test('by name has who comes, and has not who leaves', () => {
    const orders = new Orders();
    const rows = rowsOf(['b', 'd']);
    names(orders, rows, 'product_id');
    put(rows, 'c', 1);
    assert.deepEqual(names(orders, rows, 'product_id'), ['b', 'c', 'd']);
    rows.remove('b');
    assert.deepEqual(names(orders, rows, 'product_id'), ['c', 'd']);
    // In the place of the one that left.
    put(rows, 'a', 1);
    assert.deepEqual(names(orders, rows, 'product_id'), ['a', 'c', 'd']);
  });

  test('by counts follows them', () => {
    const orders = new Orders();
    const rows = rowsOf(['b', 'a']);
    names(orders, rows, '-impressions');
    put(rows, 'a', 9);
    assert.deepEqual(names(orders, rows, '-impressions'), ['a', 'b']);
  });
});
