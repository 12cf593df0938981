/** The dictionary of a task's products: the bytes of a product id ↔ a dense id. Open addressing. */
import { MOST_PRODUCTS } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import { viewOf } from '../text-bytes.ts';
import { BLOCK_SHIFT, SLOT_MASK } from './columns.ts';
import { hashOf } from './keys.ts';
import { NearProducts, UNKNOWN } from './near.ts';
import { type PartEntry, readPart, writePart } from './products-part.ts';
import { run } from './run.ts';
import { KEY_AT, SLOT_SHIFT, Slots } from './slots.ts';

const SMALLEST = 1024;
/** So many products' cache lines stay near the processor by themselves. */
const NEAR_PRODUCTS = 8_192;
const encoder = new TextEncoder();

export class Products {
  readonly #maxProducts: number;
  /** Of the hash of product ids. */
  readonly seed: number;
  /** Dense id + 1; 0 marks a free place. */
  #table = new Uint32Array(SMALLEST);
  #mask = SMALLEST - 1;
  readonly #slots = new Slots();
  readonly #near = new NearProducts();
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
   * Dense ids of rows `[first, end)` of the run, into its column of products; `UNKNOWN` where there
   * is none yet: nothing is added. Returns whether every product is known.
   */
  lookUp(first: number, end: number): boolean {
    return this.#near.lookUp(first, end, this.size) === 0 || this.#lookUpFar(first, end);
  }

  /**
   * Rows whose product is not near. With many products their cache lines are touched first, all at
   * once, so that they are not waited for one after the other.
   */
  #lookUpFar(first: number, end: number): boolean {
    const { bytes, view, productStart, productEnd, productHash, product } = run;
    const table = this.#table;
    const slots = this.#slots.words;
    const mask = this.#mask;
    const slotView = this.#slots.view;
    if (this.size > NEAR_PRODUCTS) {
      let touched = 0;
      for (let row = first; row < end; row++)
        touched ^= slots[(Math.max(1, table[productHash[row] & mask]) - 1) << SLOT_SHIFT];
      this.touched = touched;
    }
    let known = true;
    const { isOn } = this.#near;
    for (let row = first; row < end; row++) {
      if (isOn && product[row] !== UNKNOWN) continue;
      const start = productStart[row];
      const stop = productEnd[row];
      const length = (stop - start) | 0;
      const hash = productHash[row];
      // Mostly it is in the first place, and of eight to sixteen bytes.
      let place = hash & mask;
      let entry = table[place];
      const last = (length - 8) | 0;
      if (length >= 8 && length <= 16) {
        const head = view.getFloat64(start, true);
        const tail = view.getFloat64((start + last) | 0, true);
        for (; entry !== 0; place = (place + 1) & mask, entry = table[place]) {
          const slot = ((entry - 1) << SLOT_SHIFT) | 0;
          const key = ((slot << 2) + KEY_AT) | 0;
          if (
            slots[slot + 1] === length &&
            slotView.getFloat64(key, true) === head &&
            slotView.getFloat64((key + last) | 0, true) === tail
          )
            break;
        }
      } else entry = table[this.#placeOf(bytes, view, start, stop, hash)];
      product[row] = entry - 1;
      if (entry === 0) known = false;
      else if (isOn) this.#near.put(row, entry - 1);
    }
    return known;
  }

  /** Where the table holds the product id, or the free place where it would be put. */
  #placeOf(bytes: Uint8Array, view: DataView, start: number, end: number, hash: number): number {
    const table = this.#table;
    let at = hash & this.#mask;
    for (let entry = table[at]; entry !== 0; entry = table[at]) {
      if (this.#slots.holds(entry - 1, bytes, view, start, end, hash)) return at;
      at = (at + 1) & this.#mask;
    }
    return at;
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
    return id < this.capacity && this.#slots.lengthOf(id) !== 0;
  }

  name(id: number): string {
    return this.#slots.nameOf(id);
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
    this.#unlink(this.#placeOfKey(this.#slots.keyOf(id)));
    this.#near.drop(id, this.#slots.hashOf(id));
    this.#slots.clear(id);
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
      entries.push({ slot: id & SLOT_MASK, key: this.#slots.keyOf(id) });
    }
    return entries.length === 0 ? null : writePart(entries);
  }

  /**
   * Takes a part written by `encode`, perhaps of blocks of another size, which is then written
   * anew; throws `checkpoint_damaged`.
   */
  restore(block: number, bytes: Uint8Array, shift = BLOCK_SHIFT): void {
    const damaged = () =>
      new ClickrateError('checkpoint_damaged', `checkpoint part products/${block} is damaged`);
    const entries = readPart(bytes);
    // The limit may be another now: then there are no new ones until enough have left.
    if (entries === null || block >= MOST_PRODUCTS >>> shift) throw damaged();
    for (const { slot, key } of entries) {
      const id = (block << shift) + slot;
      const hash = hashOf(this.seed, key, viewOf(key), 0, key.length);
      if (slot >= 1 << shift || this.has(id) || this.#table[this.#placeOfKey(key)] !== 0)
        throw damaged();
      this.#freeKnown = false;
      this.#insert(id, key, 0, key.length, hash);
      if (shift !== BLOCK_SHIFT) this.#changed.add(id >>> BLOCK_SHIFT);
    }
  }

  #findFree(): void {
    this.#free = [];
    for (let id = this.capacity - 1; id >= 0; id--) if (!this.has(id)) this.#free.push(id);
    this.#freeKnown = true;
  }

  #insert(id: number, bytes: Uint8Array, start: number, end: number, hash: number): void {
    if (id >= this.capacity) this.capacity = id + 1;
    this.#slots.put(id, bytes, start, end, hash);
    this.size++;
    if (this.size * 4 > this.#table.length) this.#growTable();
    else this.#link(id);
  }

  /** Puts an id that is not there yet into the table. */
  #link(id: number): void {
    let at = this.#slots.hashOf(id) & this.#mask;
    while (this.#table[at] !== 0) at = (at + 1) & this.#mask;
    this.#table[at] = id + 1;
  }

  /** Frees a place, moving later ones of its run back so that no gap breaks a search. */
  #unlink(place: number): void {
    let gap = place;
    for (let at = (gap + 1) & this.#mask; this.#table[at] !== 0; at = (at + 1) & this.#mask) {
      const home = this.#slots.hashOf(this.#table[at] - 1) & this.#mask;
      if (((at - home) & this.#mask) < ((at - gap) & this.#mask)) continue;
      this.#table[gap] = this.#table[at];
      gap = at;
    }
    this.#table[gap] = 0;
  }

  #growTable(): void {
    this.#table = new Uint32Array(this.#table.length * 2);
    this.#mask = this.#table.length - 1;
    for (let id = 0; id < this.capacity; id++) if (this.#slots.lengthOf(id) !== 0) this.#link(id);
  }
}
