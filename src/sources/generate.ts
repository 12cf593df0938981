/**
 * Generated traffic: the original demo's, or shaped by options. Pure and seeded; time is an
 * argument. The original has an impression each millisecond and a click try every 2 ms, each for a
 * random product, so of three slots two are impressions and one is a try.
 */
import { CLICK, IMPRESSION, type RecordBatch } from '../event.ts';
import { DelayQueue } from './delays.ts';
import { brokenRecords, type EventOut } from './event-text.ts';
import { EventWriter } from './event-writer.ts';
import { type GeneratorOptions, generatorOptions } from './generator-options.ts';
import { SeededRandom } from './random.ts';
import {
  type Truth,
  type TruthCounts,
  TruthKeeper,
  type TruthList,
  type TruthRow,
} from './truth.ts';

export type { GeneratorOptions } from './generator-options.ts';
export type { Truth } from './truth.ts';

/** Share of click tries that become clicks, by product; more products go round. */
const CLICK_RATES = [0.8, 0.6, 0.4, 0.3, 0.2];
const USERS = 10_000;
/** A duplicate follows its event within this time. */
const DUPLICATE_WITHIN_MS = 2_000;

export class Generator {
  readonly #options: GeneratorOptions;
  readonly #random: SeededRandom;
  readonly #writer = new EventWriter();
  /** Where records go. */
  readonly #out: EventOut;
  readonly #startMs: number;
  readonly #popularity: Float64Array | null;
  readonly #delayed = new DelayQueue();
  readonly #broken = brokenRecords();
  readonly #id = new Uint32Array(4);
  readonly #truth: TruthKeeper;
  #slot = 0;
  #events = 0;
  #records = 0;
  #late = 0;
  #duplicates = 0;
  #brokenCount = 0;

  /**
   * Traffic whose first event has the time `startMs`. Throws `config_invalid`. Records go to `out`,
   * or else into the batches that `next` and `rest` answer.
   */
  constructor(startMs: number, options: Partial<GeneratorOptions> = {}, out?: EventOut) {
    this.#out = out ?? this.#writer;
    this.#options = generatorOptions(options);
    this.#startMs = startMs;
    this.#random = new SeededRandom(this.#options.seed);
    this.#popularity = popularity(this.#options);
    this.#truth = new TruthKeeper(this.#options);
  }

  /** Good, distinct events so far, those that wait to be sent included. */
  get events(): number {
    return this.#events;
  }

  /** Time of the next slot. */
  get nowMs(): number {
    return this.#startMs + (this.#slot * 1_000) / this.#options.rate;
  }

  /** Time from one slot to the next. */
  get slotMs(): number {
    return 1_000 / this.#options.rate;
  }

  /**
   * The records sent before `untilMs`, with at most `limit` new events; valid until the next call.
   * A newline lies behind each.
   */
  next(untilMs: number, limit = Number.POSITIVE_INFINITY): RecordBatch {
    this.#writer.clear();
    const last = this.#events + limit;
    let nowMs = this.nowMs;
    while (this.#events < last && nowMs < untilMs) {
      this.#sendDelayed(nowMs);
      this.#oneSlot(Math.floor(nowMs));
      this.#slot++;
      nowMs = this.nowMs;
    }
    if (nowMs >= untilMs) this.#sendDelayed(untilMs);
    return this.#writer.batch;
  }

  /** The records that are still delayed: the traffic ends. */
  rest(): RecordBatch {
    this.#writer.clear();
    this.#sendDelayed(Infinity);
    return this.#writer.batch;
  }

  #sendDelayed(beforeMs: number): void {
    for (let slot = this.#delayed.take(beforeMs); slot >= 0; ) {
      const { kind, product, ts, user, session, id, isCopy } = this.#delayed.waiting;
      const ids = this.#options.ids ? id : null;
      this.#records++;
      this.#out.event(
        kind[slot],
        product[slot] + 1,
        ts[slot],
        user[slot],
        session[slot],
        ids,
        4 * slot,
      );
      if (isCopy[slot] === 0) this.#truth.sent(kind[slot], product[slot], ts[slot]);
      slot = this.#delayed.take(beforeMs);
    }
  }

  #oneSlot(nowMs: number): void {
    const { broken, clickDelayMs, products } = this.#options;
    const random = this.#random;
    const product = this.#popularity === null ? random.below(products) : this.#pick();
    if (broken > 0 && random.fraction() < broken) {
      this.#records++;
      this.#out.raw(this.#broken[this.#brokenCount++ % this.#broken.length]);
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
    if (ids) for (let n = 0; n < 4; n++) this.#id[n] = random.uint32();
    const user = random.below(USERS);
    const session = random.below(USERS);
    this.#events++;
    let sendMs = ts;
    if (disorderMs > 0) sendMs += random.below(disorderMs + 1);
    if (late > 0 && random.fraction() < late) {
      sendMs += disorderMs + random.below(lateMs);
      this.#late++;
    }
    // Of the two, the one that is sent first is the event, the other one its copy.
    let isCopy = 0;
    if (duplicates > 0 && random.fraction() < duplicates) {
      const againMs = sendMs + random.below(DUPLICATE_WITHIN_MS);
      if (againMs === sendMs && sendMs > nowMs) isCopy = 1;
      this.#delay(againMs, kind, product, ts, user, session, 1 - isCopy);
      this.#duplicates++;
    }
    if (sendMs > nowMs) this.#delay(sendMs, kind, product, ts, user, session, isCopy);
    else {
      this.#records++;
      this.#out.event(kind, product + 1, ts, user, session, ids ? this.#id : null, 0);
      this.#truth.sent(kind, product, ts);
    }
  }

  #delay(
    sendMs: number,
    kind: number,
    product: number,
    ts: number,
    user: number,
    session: number,
    isCopy: number,
  ): void {
    const slot = this.#delayed.put(sendMs);
    const { waiting } = this.#delayed;
    waiting.kind[slot] = kind;
    waiting.product[slot] = product;
    waiting.ts[slot] = ts;
    waiting.user[slot] = user;
    waiting.session[slot] = session;
    waiting.isCopy[slot] = isCopy;
    for (let n = 0; n < 4; n++) waiting.id[4 * slot + n] = this.#id[n];
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

  /** What was sent so far. */
  counts(): TruthCounts {
    const { inTimeEvents, lateEvents } = this.#truth;
    return {
      events: inTimeEvents + lateEvents,
      records: this.#records,
      late: this.#late,
      in_time: inTimeEvents,
      too_late: lateEvents,
      duplicates: this.#duplicates,
      broken: this.#brokenCount,
    };
  }

  /** The rows of the truth, one by one: there may be more than a list can hold. */
  rows(): Record<TruthList, Iterable<TruthRow>> {
    return { windows: this.#truth.inTime.rows(), too_late_windows: this.#truth.late.rows() };
  }

  /** What was sent so far; the lists are made when they are asked for. */
  truth(): Truth {
    const { inTime, late } = this.#truth;
    return {
      ...this.counts(),
      get windows() {
        return [...inTime.rows()];
      },
      get too_late_windows() {
        return [...late.rows()];
      },
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
