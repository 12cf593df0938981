/**
 * The truth about generated events: how many of each product fell into each window, counted apart
 * for those in time and those too late.
 */
import { windowStart } from '../result.ts';

export type TruthRow = {
  product_id: string;
  window_start: number;
  impressions: number;
  clicks: number;
};

/** What was sent so far. */
export type TruthCounts = {
  /** Good, distinct events. */
  events: number;
  /** Everything sent: these, their duplicates and broken records. */
  records: number;
  /** Events sent late on purpose; many of them are still in time. */
  late: number;
  /** Events that are certainly counted, whatever partitions they are spread over. */
  in_time: number;
  /** Events that are too late where all are in one topic partition. */
  too_late: number;
  duplicates: number;
  broken: number;
};

/**
 * `windows`: the events in time, so what is counted of this stream alone in one topic partition.
 * `too_late_windows`: those too late there; over several partitions some of them may be counted.
 */
export type TruthList = 'windows' | 'too_late_windows';

/** Good, distinct events by window and product, of the remembered windows. */
export type Truth = TruthCounts & Readonly<Record<TruthList, TruthRow[]>>;

/** Windows that have a cell for every product; older ones keep only the cells with events. */
const OPEN_WINDOWS = 8;

/** Counts of products by window, for `products` products; the newest `limit` windows. */
class WindowCounts {
  readonly #products: number;
  readonly #limit: number;
  readonly #open = new Map<number, Uint32Array>();
  /** By window: product, impressions, clicks, again and again; parts add up. */
  readonly #closed = new Map<number, Uint32Array[]>();
  #lastStart = Number.NaN;
  #lastCells: Uint32Array = new Uint32Array(0);

  constructor(products: number, limit: number) {
    this.#products = products;
    this.#limit = limit;
  }

  add(start: number, product: number, kind: number): void {
    if (start !== this.#lastStart) {
      this.#lastCells = this.#open.get(start) ?? this.#begin(start);
      this.#lastStart = start;
    }
    this.#lastCells[2 * product + kind]++;
  }

  #begin(start: number): Uint32Array {
    // Before the new one is there, or an old window met again would be closed at once, empty.
    if (this.#open.size >= Math.min(OPEN_WINDOWS, this.#limit)) this.#close();
    const cells = new Uint32Array(this.#products * 2);
    this.#open.set(start, cells);
    return cells;
  }

  #close(): void {
    const oldest = Math.min(...this.#open.keys());
    const cells = this.#open.get(oldest) as Uint32Array;
    this.#open.delete(oldest);
    const parts = this.#closed.get(oldest) ?? [];
    parts.push(packed(cells));
    this.#closed.set(oldest, parts);
    // The order they were closed in is that of their starts, but for windows met again.
    while (this.#open.size + this.#closed.size >= this.#limit)
      this.#closed.delete(this.#closed.keys().next().value as number);
  }

  /** By window, then product; a product without events has no row. */
  *rows(): Generator<TruthRow, void> {
    const starts = [...new Set([...this.#closed.keys(), ...this.#open.keys()])];
    for (const start of starts.sort((a, b) => a - b)) {
      const cells = this.#cellsOf(start);
      for (let at = 0; at < cells.length; at += 3)
        yield {
          product_id: `product${cells[at] + 1}`,
          window_start: start,
          impressions: cells[at + 1],
          clicks: cells[at + 2],
        };
    }
  }

  #cellsOf(start: number): Uint32Array {
    const open = this.#open.get(start);
    const parts = this.#closed.get(start) ?? [];
    if (open === undefined && parts.length === 1) return parts[0];
    const cells = open?.slice() ?? new Uint32Array(this.#products * 2);
    for (const part of parts)
      for (let at = 0; at < part.length; at += 3) {
        cells[2 * part[at]] += part[at + 1];
        cells[2 * part[at] + 1] += part[at + 2];
      }
    return packed(cells);
  }
}

function packed(cells: Uint32Array): Uint32Array {
  let used = 0;
  for (let at = 0; at < cells.length; at += 2) if (cells[at] + cells[at + 1] > 0) used++;
  const rows = new Uint32Array(used * 3);
  let to = 0;
  for (let at = 0; at < cells.length; at += 2) {
    if (cells[at] + cells[at + 1] === 0) continue;
    rows[to++] = at >>> 1;
    rows[to++] = cells[at];
    rows[to++] = cells[at + 1];
  }
  return rows;
}

export type TruthRule = {
  products: number;
  windowMs: number;
  watermarkDelayMs: number;
  allowedLatenessMs: number;
  truthWindows: number;
};

/**
 * Judges the events in the order they are sent, as one topic partition does whose log they are.
 * Where they are spread over several partitions, what is in time here is in time there as well
 * (their watermarks are no larger), and what is too late here may be in time.
 */
export class TruthKeeper {
  readonly #rule: TruthRule;
  readonly inTime: WindowCounts;
  readonly late: WindowCounts;
  #newestMs = -Infinity;
  /** Start of the window of the last event. */
  #start = Number.NaN;
  inTimeEvents = 0;
  lateEvents = 0;

  constructor(rule: TruthRule) {
    this.#rule = rule;
    this.inTime = new WindowCounts(rule.products, rule.truthWindows);
    this.late = new WindowCounts(rule.products, rule.truthWindows);
  }

  sent(kind: number, product: number, ts: number): void {
    const { windowMs, watermarkDelayMs, allowedLatenessMs } = this.#rule;
    // Most events are of the window of the one before.
    if (!(ts >= this.#start && ts < this.#start + windowMs))
      this.#start = windowStart(ts, windowMs);
    const start = this.#start;
    if (start + windowMs - 1 + allowedLatenessMs <= this.#newestMs - watermarkDelayMs) {
      this.late.add(start, product, kind);
      this.lateEvents++;
      return;
    }
    this.inTime.add(start, product, kind);
    this.inTimeEvents++;
    if (ts > this.#newestMs) this.#newestMs = ts;
  }
}
