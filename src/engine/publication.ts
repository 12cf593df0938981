/** What a commit publishes: each product once, with its windows in their order. */
import type { Counts } from '../result.ts';

export class Publication {
  readonly products: number[] = [];
  readonly cells: Counts[][] = [];
  /** Where each product stands; known from the second window on, as one alone has each once. */
  #places: Map<number, number> | null = null;

  beginWindow(): void {
    if (this.products.length === 0 || this.#places !== null) return;
    this.#places = new Map(this.products.map((product, place) => [product, place]));
  }

  add(product: number, counts: Counts): void {
    const place = this.#places?.get(product);
    if (place !== undefined) {
      this.cells[place].push(counts);
      return;
    }
    this.#places?.set(product, this.products.length);
    this.products.push(product);
    this.cells.push([counts]);
  }
}
