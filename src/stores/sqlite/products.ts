/**
 * Who owns which product, and the number each is packed under, which it keeps when it leaves and
 * comes back. All owned products are in memory, so that publishing looks nothing up on disk.
 * Changes of a commit are staged: they count for the rest of that commit, and for good only once
 * it is on disk (`settle`) — or never (`discard`).
 */
import type { DatabaseSync } from 'node:sqlite';
import { getMeta, setMeta } from '../../sqlite.ts';

type Owned = { no: number; task: string };
type ProductRow = { no: number; product: string; task: string };

function statements(db: DatabaseSync) {
  return {
    all: db.prepare("SELECT no, product, task FROM products WHERE task <> '' ORDER BY no"),
    insert: db.prepare('INSERT INTO products VALUES (?1, ?2, ?3, row_sum(?1, ?2, ?3))'),
    find: db.prepare('SELECT no FROM products WHERE product = ?'),
    own: db.prepare('UPDATE products SET task = ?1, crc = row_sum(no, product, ?1) WHERE no = ?2'),
    depart: db.prepare('INSERT INTO departed (no) VALUES (?)'),
    comeBack: db.prepare('DELETE FROM departed WHERE no = ?'),
    departed: db.prepare('SELECT count(*) AS count FROM departed'),
    longest: db.prepare('SELECT no FROM departed ORDER BY turn LIMIT ?'),
    delete: db.prepare('DELETE FROM products WHERE no = ?'),
  };
}

export class Products {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof statements>;
  readonly #owned = new Map<string, Owned>();
  /** Null: removed by the commit under way. */
  readonly #staged = new Map<string, Owned | null>();

  /** Products that left and are remembered for their history, and how many may be. */
  #departed: number;
  /** How many they are with the commit under way. */
  #stagedDeparted: number;
  readonly #maxDeparted: number;

  constructor(db: DatabaseSync, maxDeparted: number) {
    this.#db = db;
    this.#maxDeparted = maxDeparted;
    this.#sql = statements(db);
    for (const { no, product, task } of this.#sql.all.iterate() as Iterable<ProductRow>)
      this.#owned.set(product, { no, task });
    this.#departed = this.#countDeparted();
    this.#stagedDeparted = this.#departed;
  }

  #countDeparted(): number {
    return (this.#sql.departed.get() as { count: number }).count;
  }

  #find(product: string): Owned | null | undefined {
    if (this.#staged.size === 0) return this.#owned.get(product);
    const staged = this.#staged.get(product);
    return staged === undefined ? this.#owned.get(product) : staged;
  }

  /** The number of a product that `task` owns, or null. */
  ownedBy(task: string, product: string): number | null {
    const found = this.#find(product);
    return found?.task === task ? found.no : null;
  }

  /** Gives products to `task` unless another task owns them. */
  claim(task: string, products: readonly string[]): void {
    if (products.length === 0) return;
    const first = Number(getMeta(this.#db, 'next_no'));
    let next = first;
    for (const product of products) {
      if (this.#find(product)) continue;
      const before = this.numberOf(product);
      if (before === null) this.#sql.insert.run(next, product, task);
      else {
        this.#sql.own.run(task, before);
        this.#stagedDeparted -= Number(this.#sql.comeBack.run(before).changes);
      }
      this.#staged.set(product, { no: before ?? next++, task });
    }
    if (next > first) setMeta(this.#db, 'next_no', next);
  }

  /** Takes away those of `products` that `task` owns; answers them with their numbers. */
  remove(task: string, products: readonly string[]): Map<string, number> {
    const removed = new Map<string, number>();
    for (const product of products) {
      const no = this.ownedBy(task, product);
      if (no === null) continue;
      this.#sql.own.run('', no);
      this.#sql.depart.run(no);
      this.#stagedDeparted++;
      this.#staged.set(product, null);
      removed.set(product, no);
    }
    if (this.#stagedDeparted > this.#maxDeparted) this.#forget();
    return removed;
  }

  /** Those that left first are forgotten, their history with them. */
  #forget(): void {
    const tooMany = this.#stagedDeparted - this.#maxDeparted;
    for (const { no } of this.#sql.longest.all(tooMany) as { no: number }[]) {
      this.#sql.comeBack.run(no);
      this.#sql.delete.run(no);
      this.#stagedDeparted--;
    }
  }

  /** The number of a product, whoever owns it, or null. */
  numberOf(product: string): number | null {
    return (this.#sql.find.get(product) as { no: number } | undefined)?.no ?? null;
  }

  /** The numbers of those products that have one, each once. */
  numbersOf(products: readonly string[]): number[] {
    const numbers = [...new Set(products)].map((product) => this.numberOf(product));
    return numbers.filter((no) => no !== null);
  }

  /** Every owned product, by rising number. */
  all(): Iterable<ProductRow> {
    return this.#sql.all.iterate() as Iterable<ProductRow>;
  }

  /** Cannot fail: what is in the file would no longer be known here. */
  settle(): void {
    this.#departed = this.#stagedDeparted;
    for (const [product, owned] of this.#staged) {
      if (owned === null) this.#owned.delete(product);
      else this.#owned.set(product, owned);
    }
    this.#staged.clear();
  }

  discard(): void {
    this.#stagedDeparted = this.#departed;
    this.#staged.clear();
  }
}
