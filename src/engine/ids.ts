/**
 * 128-bit ids, held once, in pages, and a table of where each is. Of an id the table holds the
 * first word too, so that looking for one that is not there touches one cache line.
 */
import type { EventBatch } from '../decode/columns.ts';
import { COUNTED, DUPLICATE } from '../event.ts';

const PAGE_SHIFT = 8;
/** Ids of a page. */
export const PAGE_IDS = 1 << PAGE_SHIFT;
const PAGE_MASK = PAGE_IDS - 1;
const SMALLEST = 1024;
/** The table is at most so full: three places in four. */
const FULL_NUMERATOR = 4;
const FULL_DENOMINATOR = 3;

export class IdTable {
  /** Four words an id. */
  readonly #pages: Int32Array[] = [];
  readonly #freePages: number[] = [];
  /** Two words a place: an id's first word, and where the id is, plus 1; 0 there: a free place. */
  #places = new Int32Array(2 * SMALLEST);
  #mask = SMALLEST - 1;
  /** The place where `find` ended. */
  #at = 0;
  /** First words of a page's ids, when it is freed. */
  readonly #firsts = new Int32Array(PAGE_IDS);
  size = 0;
  /** Keeps the compiler from leaving out loads that only bring cache lines near. */
  touched = 0;

  /** Whether the id of these four words is there; `add` then puts it where it was looked for. */
  find(id: Int32Array): boolean {
    const places = this.#places;
    const mask = this.#mask;
    const first = id[0];
    let at = first & mask;
    for (; places[2 * at + 1] !== 0; at = (at + 1) & mask)
      if (places[2 * at] === first && this.#holds(places[2 * at + 1] - 1, id[1], id[2], id[3]))
        break;
    this.#at = at;
    return places[2 * at + 1] !== 0;
  }

  #holds(index: number, second: number, third: number, fourth: number): boolean {
    const page = this.#pages[index >>> PAGE_SHIFT];
    const k = (index & PAGE_MASK) << 2;
    return page[k + 1] === second && page[k + 2] === third && page[k + 3] === fourth;
  }

  /**
   * Brings near where ids of these first words are looked for. The loop does nothing else, so that
   * many are waited for at once.
   */
  touch(firsts: Int32Array, count: number): void {
    const places = this.#places;
    const mask = this.#mask;
    let touched = 0;
    for (let n = 0; n < count; n++) touched ^= places[2 * (firsts[n] & mask) + 1];
    this.touched = touched;
  }

  /** Makes room for so many more ids. */
  reserve(count: number): void {
    while (this.#isTooFull(this.size + count)) this.#grow();
  }

  /**
   * Puts the ids of rows `[from, to)` that are not there, each once, at `index` of its pages and
   * behind it; returns the index behind the last. `firsts` holds their first words, the page has
   * places for all and room was made for them. Verdicts say which were there: `DUPLICATE`.
   * `find` and `add` once more, for many: shared functions make each a twentieth slower.
   */
  addNew(index: number, firsts: Int32Array, events: EventBatch, from: number, to: number): number {
    const places = this.#places;
    const mask = this.#mask;
    const page = this.#pages[index >>> PAGE_SHIFT];
    const { id, hasId, verdict } = events;
    let next = index;
    for (let i = from; i < to; i++) {
      verdict[i] = COUNTED;
      if (hasId[i] === 0) continue;
      const first = firsts[i - from];
      const [second, third, fourth] = [id[4 * i + 1] | 0, id[4 * i + 2] | 0, id[4 * i + 3] | 0];
      let at = first & mask;
      for (; places[2 * at + 1] !== 0; at = (at + 1) & mask)
        if (places[2 * at] === first && this.#holds(places[2 * at + 1] - 1, second, third, fourth))
          break;
      if (places[2 * at + 1] !== 0) {
        verdict[i] = DUPLICATE;
        continue;
      }
      const k = (next & PAGE_MASK) << 2;
      page[k] = first;
      page[k + 1] = second;
      page[k + 2] = third;
      page[k + 3] = fourth;
      places[2 * at] = first;
      places[2 * at + 1] = ++next;
    }
    this.size += next - index;
    return next;
  }

  /** Puts the id that `find` was last asked for, and did not find, at `index` of its pages. */
  add(index: number, id: Int32Array): void {
    const page = this.#pages[index >>> PAGE_SHIFT];
    const k = (index & PAGE_MASK) << 2;
    page[k] = id[0];
    page[k + 1] = id[1];
    page[k + 2] = id[2];
    page[k + 3] = id[3];
    this.#places[2 * this.#at] = id[0];
    this.#places[2 * this.#at + 1] = index + 1;
    this.size++;
    this.reserve(0);
  }

  /** A page of nobody's, by its number: index >>> PAGE_SHIFT. */
  takePage(): number {
    const free = this.#freePages.pop();
    if (free !== undefined) return free;
    this.#pages.push(new Int32Array(4 * PAGE_IDS));
    return this.#pages.length - 1;
  }

  /** The words of a page's first `count` ids. */
  words(page: number, count: number): Int32Array {
    return this.#pages[page].subarray(0, 4 * count);
  }

  /** Forgets a page's first `count` ids; the page is anybody's. */
  freePage(page: number, count: number): void {
    const words = this.#pages[page];
    const firsts = this.#firsts;
    for (let n = 0; n < count; n++) firsts[n] = words[4 * n];
    this.touch(firsts, count);
    for (let n = 0; n < count; n++) this.#delete(words[4 * n], page * PAGE_IDS + n + 1);
    this.#freePages.push(page);
    this.size -= count;
  }

  /** Frees a place, moving later ones of its run back so that no gap breaks a search. */
  #delete(a: number, entry: number): void {
    const places = this.#places;
    const mask = this.#mask;
    let gap = a & mask;
    while (places[2 * gap + 1] !== entry) gap = (gap + 1) & mask;
    for (let at = (gap + 1) & mask; places[2 * at + 1] !== 0; at = (at + 1) & mask) {
      const home = places[2 * at] & mask;
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      places[2 * gap] = places[2 * at];
      places[2 * gap + 1] = places[2 * at + 1];
      gap = at;
    }
    places[2 * gap + 1] = 0;
  }

  #isTooFull(size: number): boolean {
    return size * FULL_NUMERATOR > (this.#mask + 1) * FULL_DENOMINATOR;
  }

  #grow(): void {
    const old = this.#places;
    const mask = old.length - 1;
    const places = new Int32Array(old.length * 2);
    for (let from = 0; from < old.length; from += 2) {
      if (old[from + 1] === 0) continue;
      let at = old[from] & mask;
      while (places[2 * at + 1] !== 0) at = (at + 1) & mask;
      places[2 * at] = old[from];
      places[2 * at + 1] = old[from + 1];
    }
    this.#places = places;
    this.#mask = mask;
  }
}
