/**
 * Open windows and their counts, by blocks of products. A block of one window is `Cells`; being
 * fired, and which products have counts not yet published, is state of the cells, so that a closing
 * can be spread over commits and a crash between two goes on where it stopped.
 */
import { BLOCK_SHIFT, SLOT_MASK } from '../decode/columns.ts';
import { windowStart } from '../result.ts';

const SMALLEST_SLOTS = 32;

export type Cells = {
  /** Impressions of slot s at 2s, clicks at 2s + 1; as long as the highest slot needs. */
  counts: Uint32Array;
  /** The block's counts of this window were published once. */
  fired: boolean;
  /** Slots with counts not yet published; kept once the window's time has come. */
  unpublished: Set<number>;
};

export type Window = { start: number; end: number; cells: (Cells | undefined)[] };

export class Windows {
  readonly #windowMs: number;
  readonly #open = new Map<number, Window>();
  /** Cells (slots) allocated in all open windows. */
  openCells = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  get size(): number {
    return this.#open.size;
  }

  /** The open windows, oldest first. */
  inOrder(): Window[] {
    return [...this.#open.values()].sort((a, b) => a.start - b.start);
  }

  values(): Iterable<Window> {
    return this.#open.values();
  }

  /** The window that holds time `ts`, if it is open. */
  find(ts: number): Window | undefined {
    return this.#open.get(windowStart(ts, this.#windowMs));
  }

  /** The window that holds time `ts`, opened if need be. */
  at(ts: number): Window {
    const start = windowStart(ts, this.#windowMs);
    let window = this.#open.get(start);
    if (window === undefined) {
      window = { start, end: start + this.#windowMs, cells: [] };
      this.#open.set(start, window);
    }
    return window;
  }

  /** The cells of `product`'s block in `window`, with room for the product. */
  cellsFor(window: Window, product: number): Cells {
    const block = product >>> BLOCK_SHIFT;
    const slot = product & SLOT_MASK;
    let cells = window.cells[block];
    if (cells === undefined) {
      cells = { counts: new Uint32Array(0), fired: false, unpublished: new Set() };
      window.cells[block] = cells;
    }
    if (slot * 2 >= cells.counts.length) this.#grow(cells, slot);
    return cells;
  }

  #grow(cells: Cells, slot: number): void {
    let slots = Math.max(SMALLEST_SLOTS, cells.counts.length / 2);
    while (slots <= slot) slots *= 2;
    this.openCells += slots - cells.counts.length / 2;
    const counts = new Uint32Array(slots * 2);
    counts.set(cells.counts);
    cells.counts = counts;
  }

  /** Closes a window that was opened but got no cells. */
  drop(window: Window): void {
    if (window.cells.every((c) => c === undefined)) this.#open.delete(window.start);
  }

  /** Forgets the cells of one block; a window without cells is closed. */
  free(window: Window, block: number): void {
    const cells = window.cells[block];
    if (cells === undefined) return;
    this.openCells -= cells.counts.length / 2;
    window.cells[block] = undefined;
    this.drop(window);
  }
}

/** Whether a slot has any count. */
export function hasCounts(cells: Cells, slot: number): boolean {
  const at = slot * 2;
  return at < cells.counts.length && (cells.counts[at] > 0 || cells.counts[at + 1] > 0);
}
