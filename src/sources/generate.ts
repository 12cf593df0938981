/**
 * Generated traffic: the original demo's, or shaped by options. Pure and seeded; time is an
 * argument. The original has an impression each millisecond and a click try every 2 ms, each for a
 * random product, so of three slots two are impressions and one is a try.
 */
import { CLICK, IMPRESSION, type RecordBatch } from '../event.ts';
import { windowStart } from '../result.ts';
import { DelayQueue } from './delays.ts';
import { brokenRecords, EventWriter, randomId } from './event-writer.ts';
import { SeededRandom } from './random.ts';

/** Share of click tries that become clicks, by product; more products go round. */
const CLICK_RATES = [0.8, 0.6, 0.4, 0.3, 0.2];
const USERS = 10_000;
/** A duplicate follows its event within this time. */
const DUPLICATE_WITHIN_MS = 2_000;

export const GENERATOR_DEFAULTS = {
  /** Impressions and click tries a second. */
  rate: 1_500,
  products: 5,
  /** Zipf exponent of the products' popularity; 0: all alike. */
  zipf: 0,
  /** A click is this much later than its try, at most. */
  clickDelayMs: 0,
  /** An event is sent this much after its time, at most. */
  disorderMs: 0,
  /** Share of events that are sent up to `lateMs` later still. */
  late: 0,
  lateMs: 20_000,
  /** Share of events sent twice; needs ids. */
  duplicates: 0,
  /** Broken records for each event. */
  broken: 0,
  /** Whether events carry an `event_id`. */
  ids: false,
  seed: 1,
  /** Window of the truth, and how many windows of it are remembered. */
  windowMs: 10_000,
  truthWindows: Number.POSITIVE_INFINITY,
};
export type GeneratorOptions = typeof GENERATOR_DEFAULTS;

/**
 * What was generated: good, distinct events by window and product, whether or not they were late.
 */
export type Truth = {
  events: number;
  records: number;
  late: number;
  duplicates: number;
  broken: number;
  windows: { product_id: string; window_start: number; impressions: number; clicks: number }[];
};

export class Generator {
  readonly #options: GeneratorOptions;
  readonly #random: SeededRandom;
  readonly #writer = new EventWriter();
  readonly #startMs: number;
  readonly #popularity: Float64Array | null;
  readonly #delayed = new DelayQueue();
  readonly #broken = brokenRecords();
  readonly #id = new Uint32Array(4);
  readonly #windows = new Map<number, Uint32Array>();
  #slot = 0;
  #events = 0;
  #records = 0;
  #late = 0;
  #duplicates = 0;
  #brokenCount = 0;
  /** Window that the last event fell into. */
  #lastStart = Number.NaN;
  #lastCells: Uint32Array = new Uint32Array(0);

  /** Traffic whose first event has the time `startMs`. */
  constructor(startMs: number, options: Partial<GeneratorOptions> = {}) {
    this.#options = { ...GENERATOR_DEFAULTS, ...options };
    if (this.#options.duplicates > 0) this.#options.ids = true;
    this.#startMs = startMs;
    this.#random = new SeededRandom(this.#options.seed);
    this.#popularity = popularity(this.#options);
  }

  /** Good, distinct events so far. */
  get events(): number {
    return this.#events;
  }

  /** Time of the next slot. */
  get nowMs(): number {
    return this.#startMs + (this.#slot * 1_000) / this.#options.rate;
  }

  /**
   * The records sent before `untilMs`, with at most `limit` new events; valid until the next call.
   */
  next(untilMs: number, limit = Number.POSITIVE_INFINITY): RecordBatch {
    this.#writer.clear();
    const last = this.#events + limit;
    while (this.#events < last && this.nowMs < untilMs) {
      this.#sendDelayed(this.nowMs);
      this.#oneSlot(Math.floor(this.nowMs));
      this.#slot++;
    }
    if (this.nowMs >= untilMs) this.#sendDelayed(untilMs);
    this.#records += this.#writer.batch.count;
    return this.#writer.batch;
  }

  /** The records that are still delayed: the traffic ends. */
  rest(): RecordBatch {
    this.#writer.clear();
    this.#sendDelayed(Infinity);
    this.#records += this.#writer.batch.count;
    return this.#writer.batch;
  }

  #sendDelayed(beforeMs: number): void {
    for (let record = this.#delayed.take(beforeMs); record !== null; ) {
      this.#writer.raw(record);
      record = this.#delayed.take(beforeMs);
    }
  }

  #oneSlot(nowMs: number): void {
    const { broken, clickDelayMs, products } = this.#options;
    const random = this.#random;
    const product = this.#popularity === null ? random.below(products) : this.#pick();
    if (broken > 0 && random.fraction() < broken) {
      this.#writer.raw(this.#broken[this.#brokenCount++ % this.#broken.length]);
    }
    if (this.#slot % 3 !== 2) this.#event(IMPRESSION, product, nowMs, nowMs);
    else if (random.fraction() < CLICK_RATES[product % CLICK_RATES.length]) {
      const ts = clickDelayMs === 0 ? nowMs : nowMs + random.below(clickDelayMs + 1);
      this.#event(CLICK, product, ts, nowMs);
    }
  }

  #event(kind: number, product: number, ts: number, nowMs: number): void {
    const { disorderMs, late, lateMs, duplicates, ids } = this.#options;
    const random = this.#random;
    const id = ids ? randomId(random, this.#id) : null;
    this.#writer.event(kind, product + 1, ts, random.below(USERS), random.below(USERS), id);
    this.#count(kind, product, ts);
    let sendMs = ts;
    if (disorderMs > 0) sendMs += random.below(disorderMs + 1);
    if (late > 0 && random.fraction() < late) {
      sendMs += disorderMs + random.below(lateMs);
      this.#late++;
    }
    if (duplicates > 0 && random.fraction() < duplicates) {
      this.#delayed.put(sendMs + random.below(DUPLICATE_WITHIN_MS), this.#writer.last());
      this.#duplicates++;
    }
    if (sendMs <= nowMs) return;
    this.#delayed.put(sendMs, this.#writer.last());
    this.#writer.dropLast();
  }

  #count(kind: number, product: number, ts: number): void {
    this.#events++;
    const start = windowStart(ts, this.#options.windowMs);
    if (start !== this.#lastStart) {
      this.#lastStart = start;
      let cells = this.#windows.get(start);
      if (cells === undefined) {
        cells = new Uint32Array(this.#options.products * 2);
        this.#windows.set(start, cells);
        if (this.#windows.size > this.#options.truthWindows)
          this.#windows.delete(Math.min(...this.#windows.keys()));
      }
      this.#lastCells = cells;
    }
    this.#lastCells[2 * product + kind]++;
  }

  #pick(): number {
    const sums = this.#popularity as Float64Array;
    const at = this.#random.fraction() * sums[sums.length - 1];
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sums[middle] > at) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** What was generated so far, in the remembered windows. */
  truth(): Truth {
    const windows: Truth['windows'] = [];
    for (const [start, cells] of [...this.#windows].sort(([a], [b]) => a - b)) {
      for (let product = 0; product * 2 < cells.length; product++) {
        const [impressions, clicks] = [cells[2 * product], cells[2 * product + 1]];
        if (impressions + clicks === 0) continue;
        const product_id = `product${product + 1}`;
        windows.push({ product_id, window_start: start, impressions, clicks });
      }
    }
    return {
      events: this.#events,
      records: this.#records,
      late: this.#late,
      duplicates: this.#duplicates,
      broken: this.#brokenCount,
      windows,
    };
  }
}

/** Running sums of the products' weights 1/rank^zipf; null when all are alike. */
function popularity({ products, zipf }: GeneratorOptions): Float64Array | null {
  if (zipf === 0) return null;
  const sums = new Float64Array(products);
  let sum = 0;
  for (let n = 0; n < products; n++) {
    sum += (n + 1) ** -zipf;
    sums[n] = sum;
  }
  return sums;
}
