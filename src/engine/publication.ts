/** What a commit publishes: each product once, with its windows in their order. */
import type { Counts, ProductResult } from '../result.ts';
import type { PublishedBlock } from './published.ts';

/** Names of products by dense id. */
export type Names = { name(product: number): string };

export class Publication {
  readonly #names: Names;
  readonly results: ProductResult[] = [];
  /** By name; known from the second window on, as one alone has each product once. */
  #byName: Map<string, ProductResult> | null = null;

  constructor(names: Names) {
    this.#names = names;
  }

  beginWindow(): void {
    if (this.results.length === 0 || this.#byName !== null) return;
    this.#byName = new Map(this.results.map((result) => [result.product, result]));
  }

  /** Adds a window's counts, which the product's block has taken at `slot`. */
  add(id: number, counts: Counts, block: PublishedBlock, slot: number): void {
    const product = this.#names.name(id);
    // Mostly the latest window is the one published last: then one object says both.
    const latest = block.latestStart[slot] === counts.start ? counts : block.latest(slot);
    const previous = block.previous(slot);
    const before = this.#byName?.get(product);
    if (before !== undefined) {
      before.latest = latest;
      before.previous = previous;
      before.cells.push(counts);
      return;
    }
    const result = { product, latest, previous, cells: [counts] };
    this.#byName?.set(product, result);
    this.results.push(result);
  }
}
