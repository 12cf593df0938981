/**
 * Events that are sent later: a binary heap by time, first in first out among equals. What waits
 * is kept in columns, a slot an event, so that nothing is allocated for one.
 */
export type Waiting = {
  kind: Uint8Array;
  product: Uint32Array;
  ts: Float64Array;
  user: Uint32Array;
  session: Uint32Array;
  /** Four words a slot. */
  id: Uint32Array;
  /** 1: sent before, this is its duplicate. */
  isCopy: Uint8Array;
};

const FIRST_ROOM = 256;

export class DelayQueue {
  /** Columns of the events that wait; valid until `put` is called. */
  waiting: Waiting = waitingWithRoom(FIRST_ROOM);
  #times = new Float64Array(FIRST_ROOM);
  #turns = new Float64Array(FIRST_ROOM);
  /** The heap: slots, the next event first. Behind `#size`: slots that are free. */
  #heap = slotsFrom(0, FIRST_ROOM, new Uint32Array(FIRST_ROOM));
  #size = 0;
  #turn = 0;

  get size(): number {
    return this.#size;
  }

  /** A slot whose event is due at `atMs`; the caller fills its columns. */
  put(atMs: number): number {
    if (this.#size === this.#heap.length) this.#enlarge();
    const heap = this.#heap;
    const times = this.#times;
    let at = this.#size++;
    const slot = heap[at];
    times[slot] = atMs;
    this.#turns[slot] = this.#turn++;
    // Among equals the newest is last, so it rises only above later ones.
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (times[heap[parent]] <= atMs) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = slot;
    return slot;
  }

  /** The slot of the next event due before `beforeMs`, or -1; the slot is free from then on. */
  take(beforeMs: number): number {
    if (this.#size === 0) return -1;
    const heap = this.#heap;
    const slot = heap[0];
    if (this.#times[slot] >= beforeMs) return -1;
    const last = heap[--this.#size];
    heap[this.#size] = slot;
    this.#sink(last);
    return slot;
  }

  /** Puts `slot` where the first was. */
  #sink(slot: number): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#isBefore(heap[child + 1], heap[child])) child++;
      if (!this.#isBefore(heap[child], slot)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = slot;
  }

  #isBefore(a: number, b: number): boolean {
    const before = this.#times[a] - this.#times[b];
    return before < 0 || (before === 0 && this.#turns[a] < this.#turns[b]);
  }

  #enlarge(): void {
    const room = this.#heap.length;
    const larger = waitingWithRoom(room * 2);
    for (const name of Object.keys(larger) as (keyof Waiting)[])
      larger[name].set(this.waiting[name]);
    this.waiting = larger;
    this.#times = doubled(this.#times);
    this.#turns = doubled(this.#turns);
    const heap = new Uint32Array(room * 2);
    heap.set(this.#heap);
    this.#heap = slotsFrom(room, room * 2, heap);
  }
}

function doubled(column: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(column.length * 2);
  larger.set(column);
  return larger;
}

/** Slots `from` to `to` are free. */
function slotsFrom(
  from: number,
  to: number,
  heap: Uint32Array<ArrayBuffer>,
): Uint32Array<ArrayBuffer> {
  for (let slot = from; slot < to; slot++) heap[slot] = slot;
  return heap;
}

function waitingWithRoom(room: number): Waiting {
  return {
    kind: new Uint8Array(room),
    product: new Uint32Array(room),
    ts: new Float64Array(room),
    user: new Uint32Array(room),
    session: new Uint32Array(room),
    id: new Uint32Array(room * 4),
    isCopy: new Uint8Array(room),
  };
}
