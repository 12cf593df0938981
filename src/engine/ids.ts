/** A hash set of 128-bit ids in typed arrays: open addressing, no object an id. */

const SMALLEST = 1024;

export class IdTable {
  #keys = new Uint32Array(SMALLEST * 4);
  #taken = new Uint8Array(SMALLEST);
  #mask = SMALLEST - 1;
  size = 0;

  has(a: number, b: number, c: number, d: number): boolean {
    return this.#taken[this.#find(a, b, c, d)] !== 0;
  }

  add(a: number, b: number, c: number, d: number): void {
    if (this.size * 3 >= this.#taken.length * 2) this.#grow();
    const at = this.#find(a, b, c, d);
    if (this.#taken[at] === 0) this.size++;
    this.#put(at, a, b, c, d);
  }

  /** Removes an id, moving later ones of its run back so that no gap breaks a search. */
  delete(a: number, b: number, c: number, d: number): void {
    let gap = this.#find(a, b, c, d);
    if (this.#taken[gap] === 0) return;
    this.size--;
    const keys = this.#keys;
    for (let at = (gap + 1) & this.#mask; this.#taken[at] !== 0; at = (at + 1) & this.#mask) {
      const home = keys[4 * at] & this.#mask;
      if (((at - home) & this.#mask) < ((at - gap) & this.#mask)) continue;
      keys.copyWithin(4 * gap, 4 * at, 4 * at + 4);
      gap = at;
    }
    this.#taken[gap] = 0;
  }

  #find(a: number, b: number, c: number, d: number): number {
    const keys = this.#keys;
    let at = a & this.#mask;
    while (this.#taken[at] !== 0) {
      const k = 4 * at;
      if (keys[k] === a && keys[k + 1] === b && keys[k + 2] === c && keys[k + 3] === d) break;
      at = (at + 1) & this.#mask;
    }
    return at;
  }

  #put(at: number, a: number, b: number, c: number, d: number): void {
    const k = 4 * at;
    this.#keys[k] = a;
    this.#keys[k + 1] = b;
    this.#keys[k + 2] = c;
    this.#keys[k + 3] = d;
    this.#taken[at] = 1;
  }

  #grow(): void {
    const keys = this.#keys;
    const taken = this.#taken;
    this.#keys = new Uint32Array(keys.length * 2);
    this.#taken = new Uint8Array(taken.length * 2);
    this.#mask = this.#taken.length - 1;
    for (let at = 0; at < taken.length; at++) {
      if (taken[at] === 0) continue;
      const k = 4 * at;
      const home = this.#find(keys[k], keys[k + 1], keys[k + 2], keys[k + 3]);
      this.#put(home, keys[k], keys[k + 1], keys[k + 2], keys[k + 3]);
    }
  }
}
