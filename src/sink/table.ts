/**
 * What the sink knows of the results: for each product its newest windows with the counts so far.
 * Folding a result in twice, or an older one after a newer one, changes nothing: a reader that
 * begins again too early does no harm. Products lie in blocks; a block is a part of the checkpoint.
 */
import type { Counts, ProductResult } from '../result.ts';
import { type Cell, floorOf, letGo, type Remembered } from './let-go.ts';

/** A result as the job writes it: counts of a window so far. */
export type WindowResult = { product: string } & Cell;

export type Entry = Remembered & {
  product: string;
  /** To be published, by start. */
  changed: Map<number, Counts>;
  isOwned: boolean;
};

/** What a checkpoint has of it. */
export type StoredEntry = Omit<Entry, 'stuck' | 'changed'>;

export type Block = {
  number: number;
  entries: Set<Entry>;
  /** Events in all windows that any product of the block ever had; and as last taken. */
  counted: number;
  told: number;
  /** Products whose rows have to go. */
  removals: string[];
};

/** What one commit says of the blocks that it carries. */
export type Taken = {
  blocks: Block[];
  results: ProductResult[];
  claims: string[];
  removals: string[];
};

export type TableOptions = {
  windowMs: number;
  /** So long after its end a window's counts may grow. */
  latenessMs: number;
  /** A product leaves when its newest window ended this long before the watermark. */
  expiryMs: number;
  /**
   * Windows of a product that are remembered of each partition: more than may still change. One
   * partition may be read far ahead of another.
   */
  keptWindows: number;
  blockProducts: number;
};

/** Blocks of one commit, so that its size has a bound. */
const BLOCKS_PER_COMMIT = 16;

export class Table {
  readonly #options: TableOptions;
  readonly #entries = new Map<string, { entry: Entry; block: Block }>();
  readonly #blocks: Block[] = [];
  /** Blocks with something to commit: those of the sweep under way, and those after it. */
  #sweep = new Set<Block>();
  #later = new Set<Block>();
  /** Products that have gone while their removal is not committed. */
  readonly #leaving = new Map<string, Block>();
  #checkedAt = -Infinity;
  /** Windows that wait to be published. */
  pending = 0;
  /** Events in the windows that were taken. */
  counted = 0;
  /** Largest watermark that products were held against. */
  watermark = -Infinity;

  constructor(options: TableOptions) {
    this.#options = options;
  }

  get products(): number {
    return this.#entries.size;
  }

  get isDirty(): boolean {
    return this.#sweep.size + this.#later.size > 0;
  }

  /** Takes in a result; false: it says nothing new. */
  fold({ product, start, impressions, clicks, from, toldS }: WindowResult): boolean {
    const { windowMs, expiryMs } = this.#options;
    // So long after its window a result can only be a repeat.
    const isOver = start + windowMs + expiryMs <= this.watermark;
    if (isOver || impressions + clicks <= 0) return false;
    const { entry, block } = this.#entries.get(product) ?? this.#add(product);
    if (start <= floorOf(entry, from)) return false;
    const counts = { start, impressions, clicks, from, toldS };
    let at = entry.cells.length;
    while (at > 0 && entry.cells[at - 1].start > start) at--;
    const before = at > 0 && entry.cells[at - 1].start === start ? entry.cells[at - 1] : null;
    const grown = impressions + clicks - (before === null ? 0 : before.impressions + before.clicks);
    if (grown <= 0) return false;
    if (before === null) entry.cells.splice(at, 0, counts);
    else entry.cells[at - 1] = counts;
    if (before === null) letGo(entry, counts, this.#options, this.watermark);
    block.counted += grown;
    this.pending += entry.changed.has(start) ? 0 : 1;
    entry.changed.set(start, { start, impressions, clicks });
    this.#later.add(block);
    return true;
  }

  #add(product: string): { entry: Entry; block: Block } {
    const entry = newEntry({ product, cells: [], floors: [], isOwned: false });
    return this.#put(entry, this.#leaving.get(product) ?? this.#roomy());
  }

  #put(entry: Entry, block: Block): { entry: Entry; block: Block } {
    const place = { entry, block };
    block.entries.add(entry);
    this.#entries.set(entry.product, place);
    return place;
  }

  #roomy(): Block {
    const { blockProducts } = this.#options;
    const last = this.#blocks.at(-1);
    if (last !== undefined && last.entries.size < blockProducts) return last;
    // Where products have gone there is room; looked for before a block is added.
    const found = this.#blocks.find(({ entries }) => entries.size < blockProducts / 2);
    return found ?? this.#newBlock(this.#blocks.length);
  }

  #newBlock(number: number): Block {
    const block = {
      number,
      entries: new Set<Entry>(),
      counted: 0,
      told: 0,
      removals: [] as string[],
    };
    this.#blocks[number] = block;
    return block;
  }

  /** Lets products go that had no window for long; looked at once a window. */
  expire(watermark: number): void {
    const { windowMs, expiryMs } = this.#options;
    this.watermark = Math.max(this.watermark, watermark);
    if (this.watermark < this.#checkedAt + windowMs) return;
    this.#checkedAt = this.watermark;
    for (const [product, { entry, block }] of this.#entries) {
      const newest = entry.cells.at(-1)?.start ?? -Infinity;
      if (newest + windowMs + expiryMs > this.watermark) continue;
      // What is not committed yet would go with it: a later look finds it again.
      if (entry.changed.size > 0) continue;
      this.#entries.delete(product);
      block.entries.delete(entry);
      block.removals.push(product);
      this.#leaving.set(product, block);
      this.#later.add(block);
    }
  }

  /** Whether everything folded in before the sweep began has been taken. */
  get isSwept(): boolean {
    return this.#sweep.size === 0;
  }

  /** What is dirty now is taken by the next calls of `take`, before anything that comes later. */
  beginSweep(): void {
    for (const block of this.#later) this.#sweep.add(block);
    this.#later.clear();
  }

  /** Whole blocks for one commit: at least one, if any is dirty, and about `limit` products. */
  take(limit: number): Taken {
    const taken: Taken = { blocks: [], results: [], claims: [], removals: [] };
    let windows = 0;
    for (const block of this.#sweep) {
      const changed = [...block.entries].filter((entry) => entry.changed.size > 0);
      const size = Math.max(changed.length, block.removals.length);
      const used = Math.max(taken.results.length, taken.removals.length);
      const isFull = taken.blocks.length >= BLOCKS_PER_COMMIT || windows >= 4 * limit;
      if (taken.blocks.length > 0 && (isFull || used + size > limit)) break;
      for (const entry of changed) windows += takeEntry(entry, taken);
      for (const product of block.removals) this.#leaving.delete(product);
      taken.removals.push(...block.removals);
      block.removals = [];
      this.counted += block.counted - block.told;
      block.told = block.counted;
      taken.blocks.push(block);
      this.#sweep.delete(block);
      this.#later.delete(block);
    }
    this.pending -= windows;
    return taken;
  }

  /** Takes up a block of a checkpoint, before anything is folded in. */
  restore(number: number, counted: number, entries: readonly StoredEntry[]): void {
    for (let n = this.#blocks.length; n < number; n++) this.#newBlock(n);
    const block = this.#blocks[number] ?? this.#newBlock(number);
    block.counted = counted;
    block.told = counted;
    this.counted += counted;
    for (const entry of entries) this.#put(newEntry(entry), block);
  }
}

function newEntry(stored: StoredEntry): Entry {
  return { ...stored, stuck: [], changed: new Map() };
}

/** Latest and previous are the product's two newest windows; how many windows it publishes. */
function takeEntry(entry: Entry, taken: Taken): number {
  const { product, cells, changed } = entry;
  if (!entry.isOwned) taken.claims.push(product);
  entry.isOwned = true;
  const latest = countsOf(cells.at(-1) as Cell);
  const previous = cells.length > 1 ? countsOf(cells[cells.length - 2]) : null;
  taken.results.push({ product, latest, previous, cells: [...changed.values()] });
  const windows = changed.size;
  changed.clear();
  return windows;
}

function countsOf({ start, impressions, clicks }: Cell): Counts {
  return { start, impressions, clicks };
}
