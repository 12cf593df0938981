/**
 * The owner's table of published windows: per product the latest and the previous window with
 * their counts, which is where the write rule is applied. Stores write what it says, blindly.
 */
import { BLOCK_PRODUCTS } from '../decode/columns.ts';
import type { Counts } from '../result.ts';

/**
 * Who owns a product's row. `ELSEWHERE`: another task does, and this one writes nothing, nor while
 * it has `ASKED_AGAIN`.
 */
export const UNCLAIMED = 0;
export const CLAIM_SENT = 1;
export const OWNED = 2;
export const ELSEWHERE = 3;
export const ASKED_AGAIN = 4;

/** The table of one block of products; a start of NaN means "no such window". */
export class PublishedBlock {
  readonly latestStart = new Float64Array(BLOCK_PRODUCTS).fill(Number.NaN);
  readonly latestCounts = new Uint32Array(BLOCK_PRODUCTS * 2);
  readonly previousStart = new Float64Array(BLOCK_PRODUCTS).fill(Number.NaN);
  readonly previousCounts = new Uint32Array(BLOCK_PRODUCTS * 2);
  /** End of the product's newest window, published or not; NaN: the slot is free. */
  readonly lastEnd = new Float64Array(BLOCK_PRODUCTS).fill(Number.NaN);
  readonly claim = new Uint8Array(BLOCK_PRODUCTS);
  /** No product of the block has a `lastEnd` below this. */
  oldestEnd = Infinity;

  /** The product is known to have been seen at `time`. */
  seen(slot: number, time: number): void {
    const last = this.lastEnd[slot];
    if (Number.isNaN(last) || time > last) this.lastEnd[slot] = time;
    if (this.lastEnd[slot] < this.oldestEnd) this.oldestEnd = this.lastEnd[slot];
  }

  /**
   * The write rule: a newer window becomes latest and the former latest previous; the same window
   * takes its new counts; a window between the two becomes previous; an older one changes neither.
   */
  publish(slot: number, start: number, impressions: number, clicks: number): void {
    const latest = this.latestStart[slot];
    if (start === latest) set(this.latestCounts, slot, impressions, clicks);
    else if (Number.isNaN(latest) || start > latest) {
      this.previousStart[slot] = latest;
      set(this.previousCounts, slot, this.latestCounts[2 * slot], this.latestCounts[2 * slot + 1]);
      this.latestStart[slot] = start;
      set(this.latestCounts, slot, impressions, clicks);
    } else if (!(start < this.previousStart[slot])) {
      this.previousStart[slot] = start;
      set(this.previousCounts, slot, impressions, clicks);
    }
  }

  /** Whether the window at `start` is one of the two. */
  holds(slot: number, start: number): boolean {
    return this.latestStart[slot] === start || this.previousStart[slot] === start;
  }

  /** The product is gone; its slot may be another's. */
  clear(slot: number): void {
    this.latestStart[slot] = Number.NaN;
    this.previousStart[slot] = Number.NaN;
    this.lastEnd[slot] = Number.NaN;
    set(this.latestCounts, slot, 0, 0);
    set(this.previousCounts, slot, 0, 0);
    this.claim[slot] = UNCLAIMED;
  }

  latest(slot: number): Counts {
    return counts(this.latestStart[slot], this.latestCounts, slot);
  }

  previous(slot: number): Counts | null {
    const start = this.previousStart[slot];
    return Number.isNaN(start) ? null : counts(start, this.previousCounts, slot);
  }
}

function set(columns: Uint32Array, slot: number, impressions: number, clicks: number): void {
  columns[2 * slot] = impressions;
  columns[2 * slot + 1] = clicks;
}

function counts(start: number, columns: Uint32Array, slot: number): Counts {
  return { start, impressions: columns[2 * slot], clicks: columns[2 * slot + 1] };
}
