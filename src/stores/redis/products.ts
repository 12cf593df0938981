/**
 * The numbers of the products that a task owns, as its owner knows them. Under the fence nobody
 * else gives, takes or numbers products of the task, so what was once read stays true until the
 * task is claimed again; the owner forgets what it removes.
 */
import type { Commit } from '../store.ts';
import type { Connection } from './connection.ts';
import { KEYS } from './keys.ts';

/** Products asked for in one call: a third of a millisecond of Redis. */
const ASKED_PRODUCTS = 1_000;

type Known = { token: string; numbers: Map<string, number> };

export class Products {
  readonly #tasks = new Map<string, Known>();

  /**
   * The numbers of the products in the results of a commit, in their order; null unless all are
   * known, and stay so whatever the commits before it do.
   */
  known({ task, token, removals, claims, results }: Commit): number[] | null {
    const known = this.#tasks.get(task);
    if (known?.token !== token || removals.length > 0 || claims.length > 0) return null;
    const found: number[] = [];
    for (const { product } of results) {
      const number = known.numbers.get(product);
      if (number === undefined) return null;
      found.push(number);
    }
    return found;
  }

  /**
   * The numbers of the products in the results of a commit, in their order; undefined where the
   * task does not own one. Null when the results have products that the commit itself changes
   * hands of: their numbers are not known before it.
   */
  async numbersOf(
    connection: Connection,
    { task, token, removals, results }: Commit,
    changed: ReadonlySet<string>,
  ): Promise<(number | undefined)[] | null> {
    let known = this.#tasks.get(task);
    if (known?.token !== token) {
      known = { token, numbers: new Map() };
      this.#tasks.set(task, known);
    }
    const { numbers } = known;
    for (const product of removals) numbers.delete(product);
    if (changed.size > 0 && results.some(({ product }) => changed.has(product))) return null;
    const found = results.map(({ product }) => numbers.get(product));
    const missing: string[] = [];
    for (let i = 0; i < found.length; i++)
      if (found[i] === undefined) missing.push(results[i].product);
    if (missing.length === 0) return found;
    for (let from = 0; from < missing.length; from += ASKED_PRODUCTS) {
      const asked = missing.slice(from, from + ASKED_PRODUCTS);
      const claims = await connection.send<(string | null)[]>(['HMGET', KEYS.products, ...asked]);
      for (const [i, claim] of claims.entries()) {
        const space = claim?.indexOf(' ') ?? -1;
        if (claim?.slice(space + 1) === task) numbers.set(asked[i], Number(claim.slice(0, space)));
      }
    }
    return results.map(({ product }) => numbers.get(product));
  }
}

/** The numbers of those products that have one, each once. */
export async function numbersOf(
  connection: Connection,
  products: readonly string[],
): Promise<number[]> {
  const asked = [...new Set(products)];
  if (asked.length === 0) return [];
  const claims = await connection.send<(string | null)[]>(['HMGET', KEYS.products, ...asked]);
  return claims.filter((claim) => claim !== null).map((claim) => Number.parseInt(claim, 10));
}
