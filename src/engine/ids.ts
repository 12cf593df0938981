/**
 * 128-bit ids, held once, in pages, and a table of where each is. Of an id the table holds the
 * first word too, so that looking for one that is not there touches one cache line.
 */

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
      if (places[2 * at] === first && this.#holds(places[2 * at + 1] - 1, id)) break;
    this.#at = at;
    return places[2 * at + 1] !== 0;
  }

  #holds(index: number, id: Int32Array): boolean {
    const page = this.#pages[index >>> PAGE_SHIFT];
    const k = (index & PAGE_MASK) << 2;
    return page[k + 1] === id[1] && page[k + 2] === id[2] && page[k + 3] === id[3];
  }

  /** Brings near where an id is looked for, so that many are waited for at once. */
  touch(first: number): number {
    return this.#places[2 * (first & this.#mask) + 1];
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
    if (this.size * FULL_NUMERATOR > (this.#mask + 1) * FULL_DENOMINATOR) this.#grow();
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
    let touched = 0;
    for (let n = 0; n < count; n++) touched ^= this.touch(words[4 * n]);
    this.touched = touched;
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
