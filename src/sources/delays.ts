/** Records that are sent later: a binary heap by time, first in first out among equals. */
export class DelayQueue {
  readonly #times: number[] = [];
  readonly #turns: number[] = [];
  readonly #records: Uint8Array[] = [];
  #turn = 0;

  get size(): number {
    return this.#times.length;
  }

  put(atMs: number, record: Uint8Array): void {
    let at = this.#times.length;
    this.#times.push(atMs);
    this.#turns.push(this.#turn++);
    this.#records.push(record);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!this.#isBefore(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** The next record due before `beforeMs`, or null. */
  take(beforeMs: number): Uint8Array | null {
    if (this.#times.length === 0 || this.#times[0] >= beforeMs) return null;
    const record = this.#records[0];
    this.#swap(0, this.#times.length - 1);
    this.#times.pop();
    this.#turns.pop();
    this.#records.pop();
    this.#sink();
    return record;
  }

  #sink(): void {
    const size = this.#times.length;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < size && this.#isBefore(child, least)) least = child;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const before = this.#times[a] - this.#times[b];
    return before < 0 || (before === 0 && this.#turns[a] < this.#turns[b]);
  }

  #swap(a: number, b: number): void {
    for (const column of [this.#times, this.#turns, this.#records] as unknown[][])
      [column[a], column[b]] = [column[b], column[a]];
  }
}
