/**
 * What the dictionary compares of a product, in one cache line: the hash of its product id, its
 * length, and its bytes where they fit in.
 */
import { BLOCK_PRODUCTS } from './columns.ts';
import { isEqual } from './keys.ts';

/** Words of a slot as a power of two; bytes of a slot; where the product id is in it. */
export const SLOT_SHIFT = 4;
const SLOT_BYTES = 4 << SLOT_SHIFT;
export const KEY_AT = 8;
const INLINE_BYTES = SLOT_BYTES - KEY_AT;

export class Slots {
  /** By dense id. A length of 0 marks a free id: no product id is empty. */
  words = new Int32Array(BLOCK_PRODUCTS << SLOT_SHIFT);
  view = new DataView(this.words.buffer);
  #bytes = Buffer.from(this.words.buffer);
  /** Product ids that are too long for a slot, by dense id. */
  readonly #long = new Map<number, Uint8Array>();
  /** The same as texts, as far as asked for: each closing asks for those it had before. */
  #names: (string | undefined)[] = new Array(BLOCK_PRODUCTS);

  lengthOf(id: number): number {
    return this.words[(id << SLOT_SHIFT) + 1];
  }

  hashOf(id: number): number {
    return this.words[id << SLOT_SHIFT];
  }

  /** The bytes of a living product's id. */
  keyOf(id: number): Uint8Array {
    const length = this.lengthOf(id);
    if (length > INLINE_BYTES) return this.#long.get(id) as Uint8Array;
    const start = id * SLOT_BYTES + KEY_AT;
    return this.#bytes.subarray(start, start + length);
  }

  /** The same as text: always the same string, which a Map finds sooner than an equal one. */
  nameOf(id: number): string {
    const known = this.#names[id];
    if (known !== undefined) return known;
    const name = this.#read(id);
    this.#names[id] = name;
    return name;
  }

  #read(id: number): string {
    const length = this.lengthOf(id);
    if (length > INLINE_BYTES) return Buffer.from(this.#long.get(id) as Uint8Array).toString();
    const start = id * SLOT_BYTES + KEY_AT;
    return this.#bytes.toString('utf8', start, start + length);
  }

  /** Whether it holds the product id in `bytes[start, end)`; `view` is over the same bytes. */
  holds(
    id: number,
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    hash: number,
  ): boolean {
    const slot = id << SLOT_SHIFT;
    const length = end - start;
    if (this.words[slot] !== hash || this.words[slot + 1] !== length) return false;
    if (length <= INLINE_BYTES)
      return isEqual(this.#bytes, this.view, slot * 4 + KEY_AT, bytes, view, start, length);
    return Buffer.compare(this.#long.get(id) as Uint8Array, bytes.subarray(start, end)) === 0;
  }

  put(id: number, bytes: Uint8Array, start: number, end: number, hash: number): void {
    if (id << SLOT_SHIFT >= this.words.length) this.#growFor(id);
    const slot = id << SLOT_SHIFT;
    const key = bytes.subarray(start, end);
    this.words[slot] = hash;
    this.words[slot + 1] = key.length;
    this.#names[id] = undefined;
    if (key.length > INLINE_BYTES) this.#long.set(id, new Uint8Array(key));
    else this.#bytes.set(key, slot * 4 + KEY_AT);
  }

  clear(id: number): void {
    this.words[(id << SLOT_SHIFT) + 1] = 0;
    this.#long.delete(id);
    this.#names[id] = undefined;
  }

  #growFor(id: number): void {
    let slots = this.#names.length * 2;
    while (id >= slots) slots *= 2;
    const larger = new Int32Array(slots << SLOT_SHIFT);
    larger.set(this.words);
    this.words = larger;
    this.view = new DataView(larger.buffer);
    this.#bytes = Buffer.from(larger.buffer);
    // Of the full length from the start: one that grows by single ids is a hash table.
    const names = this.#names;
    this.#names = new Array(slots);
    for (let id = 0; id < names.length; id++) this.#names[id] = names[id];
  }
}
