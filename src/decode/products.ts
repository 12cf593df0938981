/**
 * The dictionary of a task's products: the bytes of a product id ↔ a dense id. Open addressing
 * over typed arrays; keys lie in one buffer, in pieces used again when a product is removed.
 */
import { ClickrateError } from '../errors.ts';
import { BLOCK_PRODUCTS, BLOCK_SHIFT } from './columns.ts';
import { hashOf, isEqual, viewOf } from './keys.ts';
import { type PartEntry, readPart, writePart } from './products-part.ts';

const SMALLEST = 1024;
// A product id may begin with U+FEFF, which a decoder drops unless it is told not to.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

export class Products {
  readonly #maxProducts: number;
  readonly #seed: number;
  /** Dense id + 1; 0 marks a free place. */
  #table = new Uint32Array(SMALLEST);
  #mask = SMALLEST - 1;
  /** By dense id. A length of 0 marks a free id: no product id is empty. */
  #hashes = new Uint32Array(SMALLEST);
  #starts = new Uint32Array(SMALLEST);
  #lengths = new Uint16Array(SMALLEST);
  #keys = new Uint8Array(SMALLEST * 16);
  #keysView = viewOf(this.#keys);
  #keysUsed = 0;
  /** Bytes of removed keys, reclaimed when they are half of the buffer. */
  #keysFreed = 0;
  #free: number[] = [];
  /** False after a restore, until a free id is needed. */
  #freeKnown = true;
  #changed = new Set<number>();
  #new: number[] = [];
  /** Living products. */
  size = 0;
  /** Highest dense id ever used, + 1. */
  capacity = 0;

  /** @param options `seed`: 32 bits that clients do not know */
  constructor(options: { maxProducts: number; seed?: number }) {
    this.#maxProducts = options.maxProducts;
    this.#seed = options.seed ?? 0;
  }

  /**
   * Dense id of the product id in `bytes[start, end)`, given now if it is new; -1 when full.
   * `view` is over the same bytes; a caller with many look-ups has it at hand.
   */
  lookup(bytes: Uint8Array, start: number, end: number, view = viewOf(bytes)): number {
    const hash = hashOf(this.#seed, bytes, view, start, end);
    const length = end - start;
    let at = hash & this.#mask;
    for (let id = this.#table[at]; id !== 0; id = this.#table[at]) {
      if (this.#hashes[id - 1] === hash && this.#lengths[id - 1] === length) {
        const key = this.#starts[id - 1];
        if (isEqual(this.#keys, this.#keysView, key, bytes, view, start, length)) return id - 1;
      }
      at = (at + 1) & this.#mask;
    }
    return this.#add(bytes, start, end, hash);
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
    return id < this.capacity && this.#lengths[id] !== 0;
  }

  name(id: number): string {
    const start = this.#starts[id];
    return decoder.decode(this.#keys.subarray(start, start + this.#lengths[id]));
  }

  /** Dense id of a product id, or -1. */
  idOf(name: string): number {
    const bytes = encoder.encode(name);
    const at = this.#find(bytes, hashOf(this.#seed, bytes, viewOf(bytes), 0, bytes.length));
    return this.#table[at] - 1;
  }

  /** Forgets a product; its dense id may be another's from now on. */
  remove(id: number): void {
    if (!this.has(id)) return;
    const start = this.#starts[id];
    const key = this.#keys.subarray(start, start + this.#lengths[id]);
    this.#unlink(this.#find(key, this.#hashes[id]));
    this.#keysFreed += this.#lengths[id];
    this.#lengths[id] = 0;
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
      const start = this.#starts[id];
      const key = this.#keys.subarray(start, start + this.#lengths[id]);
      entries.push({ slot: id & (BLOCK_PRODUCTS - 1), key });
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
      const hash = hashOf(this.#seed, key, viewOf(key), 0, key.length);
      if (this.has(id) || this.#table[this.#find(key, hash)] !== 0) throw damaged();
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
    while (id >= this.#hashes.length) this.#growIds();
    if (id >= this.capacity) this.capacity = id + 1;
    this.#hashes[id] = hash;
    this.#lengths[id] = end - start;
    this.#starts[id] = this.#store(bytes, start, end);
    this.size++;
    if (this.size * 2 > this.#table.length) this.#growTable();
    else this.#link(id);
  }

  #store(bytes: Uint8Array, start: number, end: number): number {
    if (this.#keysUsed + end - start > this.#keys.length) this.#makeRoom(end - start);
    const at = this.#keysUsed;
    this.#keys.set(bytes.subarray(start, end), at);
    this.#keysUsed += end - start;
    return at;
  }

  /** Moves the living keys together, into a larger buffer if too few were freed. */
  #makeRoom(needed: number): void {
    const living = this.#keysUsed - this.#keysFreed;
    let size = this.#keys.length;
    while (size < (living + needed) * 2) size *= 2;
    const keys = new Uint8Array(size);
    let used = 0;
    for (let id = 0; id < this.capacity; id++) {
      const length = this.#lengths[id];
      // The key being stored has its length already, but no place yet: it is stored next.
      if (length === 0 || this.#table[this.#placeOf(id)] !== id + 1) continue;
      keys.set(this.#keys.subarray(this.#starts[id], this.#starts[id] + length), used);
      this.#starts[id] = used;
      used += length;
    }
    this.#keys = keys;
    this.#keysView = viewOf(keys);
    this.#keysUsed = used;
    this.#keysFreed = 0;
  }

  /** Where the table holds `id`, or a free place when it does not. */
  #placeOf(id: number): number {
    let at = this.#hashes[id] & this.#mask;
    while (this.#table[at] !== 0 && this.#table[at] !== id + 1) at = (at + 1) & this.#mask;
    return at;
  }

  #find(key: Uint8Array, hash: number): number {
    let at = hash & this.#mask;
    for (; this.#table[at] !== 0; at = (at + 1) & this.#mask) {
      const id = this.#table[at] - 1;
      if (this.#hashes[id] !== hash || this.#lengths[id] !== key.length) continue;
      const start = this.#starts[id];
      let n = 0;
      while (n < key.length && this.#keys[start + n] === key[n]) n++;
      if (n === key.length) break;
    }
    return at;
  }

  #link(id: number): void {
    this.#table[this.#placeOf(id)] = id + 1;
  }

  /** Frees a place, moving later ones of its run back so that no gap breaks a search. */
  #unlink(place: number): void {
    let gap = place;
    for (let at = (gap + 1) & this.#mask; this.#table[at] !== 0; at = (at + 1) & this.#mask) {
      const home = this.#hashes[this.#table[at] - 1] & this.#mask;
      if (((at - home) & this.#mask) < ((at - gap) & this.#mask)) continue;
      this.#table[gap] = this.#table[at];
      gap = at;
    }
    this.#table[gap] = 0;
  }

  #growTable(): void {
    this.#table = new Uint32Array(this.#table.length * 2);
    this.#mask = this.#table.length - 1;
    for (let id = 0; id < this.capacity; id++) if (this.#lengths[id] !== 0) this.#link(id);
  }

  #growIds(): void {
    const size = this.#hashes.length * 2;
    const grown = <T extends Uint32Array | Uint16Array>(larger: T, old: T): T => {
      larger.set(old);
      return larger;
    };
    this.#hashes = grown(new Uint32Array(size), this.#hashes);
    this.#starts = grown(new Uint32Array(size), this.#starts);
    this.#lengths = grown(new Uint16Array(size), this.#lengths);
  }
}
