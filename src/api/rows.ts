/** What clients see of every product, in columns: a slot a product, reused when it leaves. */
import { type Counts, ctr } from '../result.ts';
import type { Row } from '../stores/store.ts';

/** Which of a product's two windows. */
export type Which = 'latest' | 'previous';

/** Numbers a slot: start, impressions, clicks of latest, then of previous; no start, no window. */
const WIDTH = 6;
const OFFSET: Record<Which, number> = { latest: 0, previous: 3 };

export class Rows {
  windowMs: number;
  readonly #slots = new Map<string, number>();
  #products: (string | undefined)[] = [];
  #free: number[] = [];
  #numbers = new Float64Array(64 * WIDTH);
  /** Where the next row is looked for first: products come in the same order each window. */
  #next = 0;
  /** Counts up whenever anything changed; and whenever a product came or left. */
  version = 0;
  members = 0;

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  /** Living products. */
  get size(): number {
    return this.#slots.size;
  }

  /** Slots ever used: all living products are below. */
  get end(): number {
    return this.#products.length;
  }

  slotOf(product: string): number | undefined {
    return this.#slots.get(product);
  }

  /** The product in a slot, or undefined when the slot is free. */
  productAt(slot: number): string | undefined {
    return this.#products[slot];
  }

  countsAt(slot: number, which: Which): Counts | null {
    const at = slot * WIDTH + OFFSET[which];
    const start = this.#numbers[at];
    if (Number.isNaN(start)) return null;
    return { start, impressions: this.#numbers[at + 1], clicks: this.#numbers[at + 2] };
  }

  /** Takes a row over; answers its slot. */
  set(row: Row): number {
    this.version++;
    const slot = this.#expected(row.product) ?? this.#take(row.product);
    this.#next = slot + 1;
    this.#write(slot, 'latest', row.latest);
    this.#write(slot, 'previous', row.previous);
    return slot;
  }

  /** Forgets a product; answers the slot it had, or undefined. */
  remove(product: string): number | undefined {
    const slot = this.#slots.get(product);
    if (slot === undefined) return undefined;
    this.version++;
    this.members++;
    this.#slots.delete(product);
    this.#products[slot] = undefined;
    this.#free.push(slot);
    return slot;
  }

  #expected(product: string): number | undefined {
    if (this.#products[this.#next] === product) return this.#next;
    return this.#slots.get(product);
  }

  #take(product: string): number {
    this.members++;
    const slot = this.#free.pop() ?? this.#products.length;
    this.#slots.set(product, slot);
    this.#products[slot] = product;
    if ((slot + 1) * WIDTH > this.#numbers.length) {
      const larger = new Float64Array(this.#numbers.length * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    return slot;
  }

  #write(slot: number, which: Which, counts: Counts | null): void {
    const at = slot * WIDTH + OFFSET[which];
    const numbers = this.#numbers;
    if (counts === null) {
      numbers[at] = Number.NaN;
      return;
    }
    numbers[at] = counts.start;
    numbers[at + 1] = counts.impressions;
    numbers[at + 2] = counts.clicks;
  }
}

/** The last members of a result: the same for all products of a window, so they are made once. */
export function spanText(start: number, windowMs: number): string {
  return `"window_start":${start},"window_end":${start + windowMs}`;
}

/**
 * A result in the original's form, as JSON text: a rate of 0 where there are no impressions. The
 * product id is already quoted. Built by hand: key order is part of the contract, and no product id
 * can collide with a property of an object.
 */
export function originalText(quoted: string, counts: Counts, span: string): string {
  const { impressions, clicks } = counts;
  const rate = ctr(impressions, clicks) ?? 0;
  return (
    `{"product_id":${quoted},"ctr":${rate},"impressions":${impressions},"clicks":${clicks},` +
    `${span}}`
  );
}
