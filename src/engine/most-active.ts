/** The largest few of many, without sorting them all: a heap with the least of them on top. */
type Item = [events: number, product: number, window: number];

export class MostActive {
  readonly #limit: number;
  readonly #heap: Item[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  offer(events: number, product: number, window: number): void {
    const heap = this.#heap;
    if (heap.length < this.#limit) {
      heap.push([events, product, window]);
      this.#up(heap.length - 1);
    } else if (this.#limit > 0 && events > heap[0][0]) {
      heap[0] = [events, product, window];
      this.#down();
    }
  }

  /** Product and window of each, most events first. */
  inOrder(): [product: number, window: number][] {
    const sorted = [...this.#heap].sort((a, b) => b[0] - a[0] || a[1] - b[1] || a[2] - b[2]);
    return sorted.map(([, product, window]) => [product, window]);
  }

  #up(from: number): void {
    const heap = this.#heap;
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (heap[parent][0] <= heap[at][0]) return;
      [heap[parent], heap[at]] = [heap[at], heap[parent]];
      at = parent;
    }
  }

  #down(): void {
    const heap = this.#heap;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < heap.length && heap[child][0] < heap[least][0]) least = child;
      if (least === at) return;
      [heap[least], heap[at]] = [heap[at], heap[least]];
      at = least;
    }
  }
}
