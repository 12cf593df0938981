/**
 * The dictionary of a task's products: the bytes of a product id ↔ a dense id. Open addressing;
 * what a look-up compares lies in one cache line a product: hash, length, and a key that is short.
 */
import { ClickrateError } from '../errors.ts';
import { BLOCK_PRODUCTS, BLOCK_SHIFT } from './columns.ts';
import { hashOf, isEqual, viewOf } from './keys.ts';
import { type PartEntry, readPart, writePart } from './products-part.ts';
import { run } from './run.ts';

const SMALLEST = 1024;
/** So many products' cache lines stay near the processor by themselves. */
const NEAR_PRODUCTS = 8_192;
/** What `lookUp` says of a product id that has no dense id yet. */
export const UNKNOWN = 0xffff_ffff;
/** Of a product: a cache line of words (hash, length, key), and how many bytes of key fit in. */
const SLOT_SHIFT = 4;
const SLOT_BYTES = 4 << SLOT_SHIFT;
const KEY_AT = 8;
const INLINE_BYTES = SLOT_BYTES - KEY_AT;
// A product id may begin with U+FEFF, which a decoder drops unless it is told not to.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

export class Products {
  readonly #maxProducts: number;
  /** Of the hash of product ids. */
  readonly seed: number;
  /** Dense id + 1; 0 marks a free place. */
  #table = new Uint32Array(SMALLEST);
  #mask = SMALLEST - 1;
  /** By dense id. A length of 0 marks a free id: no product id is empty. */
  #slots = new Int32Array(SMALLEST << SLOT_SHIFT);
  #slotBytes = new Uint8Array(this.#slots.buffer);
  #slotView = new DataView(this.#slots.buffer);
  /** Keys that are too long for a slot, by dense id. */
  readonly #longKeys = new Map<number, Uint8Array>();
  #free: number[] = [];
  /** False after a restore, until a free id is needed. */
  #freeKnown = true;
  #changed = new Set<number>();
  #new: number[] = [];
  /** Keeps the compiler from leaving out loads that only bring cache lines near. */
  touched = 0;
  /** Living products. */
  size = 0;
  /** Highest dense id ever used, + 1. */
  capacity = 0;

  /** @param options `seed`: 32 bits that clients do not know */
  constructor(options: { maxProducts: number; seed?: number }) {
    this.#maxProducts = options.maxProducts;
    this.seed = options.seed ?? 0;
  }

  /**
   * Dense id of the product id in `bytes[start, end)`, given now if it is new; -1 when full.
   * `view` is over the same bytes, `hash` is their `hashOf`.
   */
  find(bytes: Uint8Array, view: DataView, start: number, end: number, hash: number): number {
    const id = this.#table[this.#placeOf(bytes, view, start, end, hash)] - 1;
    return id < 0 ? this.#add(bytes, start, end, hash) : id;
  }

  /**
   * Dense ids of the product ids of the run's first `rows` rows, into `out` from `at` on; `UNKNOWN`
   * where there is none yet: nothing is added. With many products their cache lines are touched
   * first, all at once, so that they are not waited for one after the other.
   */
  lookUp(rows: number, out: Uint32Array, at: number): void {
    const { bytes, view, productStart, productEnd, productHash } = run;
    const table = this.#table;
    const slots = this.#slots;
    const mask = this.#mask;
    const slotView = this.#slotView;
    if (this.size > NEAR_PRODUCTS) {
      let touched = 0;
      for (let row = 0; row < rows; row++)
        touched ^= slots[(Math.max(1, table[productHash[row] & mask]) - 1) << SLOT_SHIFT];
      this.touched = touched;
    }
    for (let row = 0; row < rows; row++) {
      const start = productStart[row];
      const end = productEnd[row];
      const length = (end - start) | 0;
      const hash = productHash[row];
      // Mostly it is in the first place, and of eight to sixteen bytes.
      const entry = table[hash & mask];
      const slot = ((entry - 1) << SLOT_SHIFT) | 0;
      const key = ((slot << 2) + KEY_AT) | 0;
      const last = (length - 8) | 0;
      out[at + row] =
        entry !== 0 &&
        slots[slot] === hash &&
        slots[slot + 1] === length &&
        length >= 8 &&
        length <= 16 &&
        slotView.getFloat64(key, true) === view.getFloat64(start, true) &&
        slotView.getFloat64((key + last) | 0, true) === view.getFloat64((start + last) | 0, true)
          ? entry - 1
          : table[this.#placeOf(bytes, view, start, end, hash)] - 1;
    }
  }

  /** Where the table holds the product id, or the free place where it would be put. */
  #placeOf(bytes: Uint8Array, view: DataView, start: number, end: number, hash: number): number {
    const table = this.#table;
    const slots = this.#slots;
    const length = end - start;
    let at = hash & this.#mask;
    for (let entry = table[at]; entry !== 0; entry = table[at]) {
      const slot = (entry - 1) << SLOT_SHIFT;
      if (
        slots[slot] === hash &&
        slots[slot + 1] === length &&
        (length <= INLINE_BYTES
          ? isEqual(this.#slotBytes, this.#slotView, slot * 4 + KEY_AT, bytes, view, start, length)
          : this.#isLongKey(entry - 1, bytes, start, end))
      )
        return at;
      at = (at + 1) & this.#mask;
    }
    return at;
  }

  #isLongKey(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    const key = this.#longKeys.get(id) as Uint8Array;
    return Buffer.compare(key, bytes.subarray(start, end)) === 0;
  }

  #add(bytes: Uint8Array, start: number, end: number, hash: number): number {
    if (this.size >= this.#maxProducts) return -1;
    if (!this.#freeKnown) this.#findFree();
    const id = this.#free.pop() ?? this.capacity;
    this.#insert(id, bytes, start, end, hash);
    this.#changed.add(id >>> BLOCK_SHIFT);
    this.#new.push(id);
    return id;
  }

  has(id: number): boolean {
    return id < this.capacity && this.#lengthOf(id) !== 0;
  }

  #lengthOf(id: number): number {
    return this.#slots[(id << SLOT_SHIFT) + 1];
  }

  /** The bytes of a living product's id. */
  #keyOf(id: number): Uint8Array {
    const length = this.#lengthOf(id);
    if (length > INLINE_BYTES) return this.#longKeys.get(id) as Uint8Array;
    const start = id * SLOT_BYTES + KEY_AT;
    return this.#slotBytes.subarray(start, start + length);
  }

  name(id: number): string {
    return decoder.decode(this.#keyOf(id));
  }

  /** Dense id of a product id, or -1. */
  idOf(name: string): number {
    return this.#table[this.#placeOfKey(encoder.encode(name))] - 1;
  }

  #placeOfKey(key: Uint8Array): number {
    const view = viewOf(key);
    return this.#placeOf(key, view, 0, key.length, hashOf(this.seed, key, view, 0, key.length));
  }

  /** Forgets a product; its dense id may be another's from now on. */
  remove(id: number): void {
    if (!this.has(id)) return;
    this.#unlink(this.#placeOfKey(this.#keyOf(id)));
    this.#slots[(id << SLOT_SHIFT) + 1] = 0;
    this.#longKeys.delete(id);
    this.size--;
    if (this.#freeKnown) this.#free.push(id);
    this.#changed.add(id >>> BLOCK_SHIFT);
  }

  /** Blocks whose products changed since the last call. */
  takeChanged(): number[] {
    const changed = [...this.#changed].sort((a, b) => a - b);
    this.#changed.clear();
    return changed;
  }

  /** Dense ids given since the last call, as far as they still are. */
  takeNew(): number[] {
    if (this.#new.length === 0) return [];
    const taken = this.#new.filter((id) => this.has(id));
    this.#new = [];
    return taken;
  }

  /** The checkpoint part of a block; null when no product of it lives. */
  encode(block: number): Uint8Array | null {
    const entries: PartEntry[] = [];
    const last = Math.min(this.capacity, (block + 1) << BLOCK_SHIFT);
    for (let id = block << BLOCK_SHIFT; id < last; id++) {
      if (!this.has(id)) continue;
      entries.push({ slot: id & (BLOCK_PRODUCTS - 1), key: this.#keyOf(id) });
    }
    return entries.length === 0 ? null : writePart(entries);
  }

  /** Takes a part written by `encode`; throws `checkpoint_damaged`. */
  restore(block: number, bytes: Uint8Array): void {
    const damaged = () =>
      new ClickrateError('checkpoint_damaged', `checkpoint part products/${block} is damaged`);
    const entries = readPart(bytes);
    if (entries === null || block > this.#maxProducts >>> BLOCK_SHIFT) throw damaged();
    for (const { slot, key } of entries) {
      const id = (block << BLOCK_SHIFT) + slot;
      const hash = hashOf(this.seed, key, viewOf(key), 0, key.length);
      if (this.has(id) || this.#table[this.#placeOfKey(key)] !== 0) throw damaged();
      this.#freeKnown = false;
      this.#insert(id, key, 0, key.length, hash);
    }
  }

  #findFree(): void {
    this.#free = [];
    for (let id = this.capacity - 1; id >= 0; id--) if (!this.has(id)) this.#free.push(id);
    this.#freeKnown = true;
  }

  #insert(id: number, bytes: Uint8Array, start: number, end: number, hash: number): void {
    while (id << SLOT_SHIFT >= this.#slots.length) this.#growSlots();
    if (id >= this.capacity) this.capacity = id + 1;
    const slot = id << SLOT_SHIFT;
    this.#slots[slot] = hash;
    this.#slots[slot + 1] = end - start;
    if (end - start > INLINE_BYTES)
      this.#longKeys.set(id, new Uint8Array(bytes.subarray(start, end)));
    else this.#slotBytes.set(bytes.subarray(start, end), slot * 4 + KEY_AT);
    this.size++;
    if (this.size * 2 > this.#table.length) this.#growTable();
    else this.#link(id);
  }

  #growSlots(): void {
    const larger = new Int32Array(this.#slots.length * 2);
    larger.set(this.#slots);
    this.#slots = larger;
    this.#slotBytes = new Uint8Array(larger.buffer);
    this.#slotView = new DataView(larger.buffer);
  }

  /** Puts an id that is not there yet into the table. */
  #link(id: number): void {
    let at = this.#slots[id << SLOT_SHIFT] & this.#mask;
    while (this.#table[at] !== 0) at = (at + 1) & this.#mask;
    this.#table[at] = id + 1;
  }

  /** Frees a place, moving later ones of its run back so that no gap breaks a search. */
  #unlink(place: number): void {
    let gap = place;
    for (let at = (gap + 1) & this.#mask; this.#table[at] !== 0; at = (at + 1) & this.#mask) {
      const home = this.#slots[(this.#table[at] - 1) << SLOT_SHIFT] & this.#mask;
      if (((at - home) & this.#mask) < ((at - gap) & this.#mask)) continue;
      this.#table[gap] = this.#table[at];
      gap = at;
    }
    this.#table[gap] = 0;
  }

  #growTable(): void {
    this.#table = new Uint32Array(this.#table.length * 2);
    this.#mask = this.#table.length - 1;
    for (let id = 0; id < this.capacity; id++) if (this.#lengthOf(id) !== 0) this.#link(id);
  }
}
