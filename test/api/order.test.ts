/** Products in an order, page by page: made again only where it can be another. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { compareIds, Orders } from '../../src/api/order.ts';
import { Rows } from '../../src/api/rows.ts';
import { Random } from '../support/random.ts';

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

  test('without a window, or a rate, they come below every number', () => {
    const orders = new Orders();
    const rows = rowsOf([]);
    const latest = (impressions: number, clicks: number) => ({ start: 0, impressions, clicks });
    rows.set({ product: 'unseen', latest: latest(0, 3), previous: null });
    rows.set({ product: 'cold', latest: latest(9, 0), previous: null });
    rows.set({ product: 'one', latest: latest(9, 1), previous: null });
    for (const sort of ['ctr', 'ctr_low'])
      assert.deepEqual(names(orders, rows, sort), ['unseen', 'cold', 'one']);
  });

  test('page by page by counts is all of them sorted, among many equal ones too', () => {
    const random = new Random(7);
    const counts = new Map(Array.from({ length: 500 }, (_, n) => [`p${n}`, random.int(0, 20)]));
    const rows = rowsOf([]);
    for (const [product, impressions] of counts) put(rows, product, impressions);
    const sorted = [...counts]
      .sort(([a, m], [b, n]) => m - n || compareIds(a, b))
      .map(([product]) => product);
    const orders = new Orders();
    for (const limit of [1, 7, 250, 500, 1_000])
      for (const [sort, all] of [
        ['impressions', sorted],
        ['-impressions', sorted.toReversed()],
      ] as const) {
        const read: (string | undefined)[] = [];
        let next: string | null | undefined;
        while (next !== null) {
          const page = orders.page(rows, sort, next, limit);
          read.push(...page.slots.map((slot) => rows.productAt(slot)));
          next = page.next;
        }
        assert.deepEqual(read, all, `${sort} ${limit}`);
      }
  });

  test('a page is chosen once for all who ask, until something changes', () => {
    const orders = new Orders();
    const rows = rowsOf(['b', 'a']);
    const page = (sort: string) => orders.page(rows, sort, undefined, 1);
    page('-ctr');
    rows.looks = 0;
    page('-ctr');
    assert.equal(rows.looks, 0);
    put(rows, 'a', 9);
    page('-ctr');
    page('ctr');
    assert.equal(rows.looks, 2);
  });
});
