/**
 * Bytes → columns. Records of a layout seen before take the short way; every other one is scanned
 * tolerantly. Both agree with `reference.ts` on every input.
 */
import { MAX_TIME_MS, type Settings } from '../config.ts';
import { CLICK, codeOf, IMPRESSION, type RecordBatch } from '../event.ts';
import { viewOf } from '../text-bytes.ts';
import type { EventBatch } from './columns.ts';
import { Fields, ID, NOT_JSON, OBJECT, PRODUCT, TIME, TYPE, textOf } from './fields.ts';
import { hashId } from './hash.ts';
import { hashOf } from './keys.ts';
import { Layouts } from './layouts.ts';
import { UNKNOWN } from './near.ts';
import { run } from './run.ts';
import { unitOf } from './units.ts';
import { illFormedBytes, integerText, isNumber, kindOf, numberOf } from './values.ts';

/** The dictionary that gives dense ids; ingest judges without one. */
export type ProductLookup = {
  /** Of the products' hash, see `hashOf`. */
  readonly seed: number;
  /** `view` is over the same bytes; `hash` is theirs. */
  find(bytes: Uint8Array, view: DataView, start: number, end: number, hash: number): number;
  /** The same for rows `[first, end)` of the run, but gives no new ids; whether all were known. */
  lookUp(first: number, end: number): boolean;
};

const TOO_LARGE = codeOf('too_large');
const IS_NOT_JSON = codeOf('not_json');
const IS_NOT_OBJECT = codeOf('not_object');
const MISSING_PRODUCT = codeOf('missing_product_id');
const BAD_PRODUCT = codeOf('bad_product_id');
const MISSING_TIME = codeOf('missing_timestamp');
const BAD_TIME = codeOf('bad_timestamp');
const UNIT = codeOf('timestamp_unit');
const BAD_TYPE = codeOf('bad_event_type');
const FUTURE = codeOf('future_timestamp');
const FULL = codeOf('too_many_products');

const encoder = new TextEncoder();

export class Decoder {
  readonly #products: ProductLookup;
  readonly #settings: Settings;
  readonly #futureMs: number;
  readonly #idKey: Uint32Array;
  readonly #fields = new Fields();
  readonly #layouts: Layouts;
  /** The bytes being decoded, and a view of them. */
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** The product's bytes as the tolerant scan found them, maybe decoded. */
  #productBytes: Uint8Array = new Uint8Array(0);
  #productStart = 0;
  #productEnd = 0;
  #time = 0;
  #kind = IMPRESSION;

  /** @param options `layouts: false` scans every record (for tests and benchmarks) */
  constructor(
    products: ProductLookup,
    settings: Settings,
    idKey: Uint32Array,
    options: { layouts?: boolean } = {},
  ) {
    this.#products = products;
    this.#settings = settings;
    this.#futureMs = settings.futureMs;
    this.#idKey = idKey;
    const { maxEventBytes, maxProductIdBytes } = settings;
    const rules = { maxEventBytes, maxProductIdBytes };
    this.#layouts = new Layouts(rules, products.seed, options.layouts !== false);
  }

  /** Fills rows `[from, to)` of `out` from the records at the same indices. */
  decode(records: RecordBatch, from: number, to: number, out: EventBatch): void {
    const { bytes, starts, ends, arrivals } = records;
    const { maxEventBytes } = this.#settings;
    out.from = from;
    out.to = to;
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#layouts.begin();
    for (let i = from; i < to; ) {
      const rows = this.#layouts.match(records, i, to);
      if (rows > 0) this.#fillRun(i, rows, arrivals, out);
      else if (ends[i] - starts[i] > maxEventBytes) out.reject[i] = TOO_LARGE;
      else out.reject[i] = this.#byScan(bytes, starts[i], ends[i], arrivals, i, out);
      i += Math.max(rows, 1);
    }
  }

  /** What is left to do of rows that a layout fits. */
  #fillRun(from: number, rows: number, arrivals: Float64Array, out: EventBatch): void {
    const { product, reject, time, kind, hasId } = out;
    const { time: times, product: products, kind: kinds, idStart } = run;
    const futureMs = this.#futureMs;
    const first = this.#layouts.row;
    // One layout has an id in each of its rows, or in none.
    const ids = idStart[first] < 0 ? 0 : 1;
    let isUsual = this.#products.lookUp(first, first + rows);
    for (let row = first, i = from; row < first + rows; row++, i++) {
      time[i] = times[row];
      product[i] = products[row];
      kind[i] = kinds[row];
      reject[i] = 0;
      hasId[i] = ids;
      if (times[row] > arrivals[i] + futureMs) isUsual = false;
    }
    if (!isUsual) this.#judgeRun(from, rows, arrivals, out);
    if (ids === 1) this.#hashIds(from, rows, out.id);
  }

  /** The last rejections, where a product is new or a time lies in the future. */
  #judgeRun(from: number, rows: number, arrivals: Float64Array, out: EventBatch): void {
    const { bytes, view, productStart, productEnd, productHash } = run;
    for (let row = this.#layouts.row, i = from; i < from + rows; row++, i++) {
      const [start, end, hash] = [productStart[row], productEnd[row], productHash[row]];
      if (out.product[i] === UNKNOWN || out.time[i] > arrivals[i] + this.#futureMs)
        out.reject[i] = this.#fill(bytes, view, start, end, hash, arrivals, i, out);
    }
  }

  #hashIds(from: number, rows: number, out: Uint32Array): void {
    const { bytes, idStart, idEnd } = run;
    for (let row = this.#layouts.row, i = from; i < from + rows; row++, i++)
      hashId(bytes, idStart[row], idEnd[row], this.#idKey, out, 4 * i);
  }

  /** The last rejections; time and kind stand in their columns already. */
  #fill(
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    hash: number,
    arrivals: Float64Array,
    i: number,
    out: EventBatch,
  ): number {
    if (out.time[i] > arrivals[i] + this.#futureMs) return FUTURE;
    const product = this.#products.find(bytes, view, start, end, hash);
    if (product < 0) return FULL;
    out.product[i] = product;
    return 0;
  }

  #byScan(
    bytes: Uint8Array,
    start: number,
    end: number,
    arrivals: Float64Array,
    i: number,
    out: EventBatch,
  ): number {
    const fields = this.#fields;
    const outcome = fields.scan(bytes, start, end);
    if (outcome !== OBJECT) return outcome === NOT_JSON ? IS_NOT_JSON : IS_NOT_OBJECT;
    const reject = this.#product(bytes) || this.#timestamp(bytes) || this.#type(bytes);
    if (reject !== 0) return reject;
    out.time[i] = this.#time;
    out.kind[i] = this.#kind;
    const { seed } = this.#products;
    const [product, from, to] = [this.#productBytes, this.#productStart, this.#productEnd];
    const view = product === this.#bytes ? this.#view : viewOf(product);
    const hash = hashOf(seed, product, view, from, to);
    const full = this.#fill(product, view, from, to, hash, arrivals, i, out);
    if (full !== 0) return full;
    this.#eventId(bytes, i, out);
    this.#layouts.learn(fields, start, end);
    return 0;
  }

  #product(bytes: Uint8Array): number {
    const start = this.#fields.starts[PRODUCT];
    const end = this.#fields.ends[PRODUCT];
    if (start < 0) return MISSING_PRODUCT;
    const isString = bytes[start] === 0x22;
    if (isString && this.#fields.escaped[PRODUCT] === 0) {
      this.#productBytes = bytes;
      this.#productStart = start + 1;
      this.#productEnd = end - 1;
    } else {
      const text = isString
        ? (JSON.parse(textOf(bytes, start, end)) as string)
        : integerText(bytes, start, end);
      if (text === null || !text.isWellFormed()) return BAD_PRODUCT;
      this.#productBytes = encoder.encode(text);
      this.#productStart = 0;
      this.#productEnd = this.#productBytes.length;
    }
    const length = this.#productEnd - this.#productStart;
    return length === 0 || length > this.#settings.maxProductIdBytes ? BAD_PRODUCT : 0;
  }

  #timestamp(bytes: Uint8Array): number {
    const start = this.#fields.starts[TIME];
    if (start < 0) return MISSING_TIME;
    if (!isNumber(bytes[start])) return BAD_TIME;
    const time = numberOf(bytes, start, this.#fields.ends[TIME]);
    if (unitOf(time) !== null) return UNIT;
    if (!Number.isInteger(time) || Math.abs(time) > MAX_TIME_MS) return BAD_TIME;
    this.#time = time + 0;
    return 0;
  }

  #type(bytes: Uint8Array): number {
    const start = this.#fields.starts[TYPE];
    if (start < 0 || bytes[start] !== 0x22) return BAD_TYPE;
    const end = this.#fields.ends[TYPE];
    if (this.#fields.escaped[TYPE] === 1) {
      const type = JSON.parse(textOf(bytes, start, end)) as string;
      if (type !== 'impression' && type !== 'click') return BAD_TYPE;
      this.#kind = type === 'click' ? CLICK : IMPRESSION;
      return 0;
    }
    this.#kind = kindOf(bytes, start + 1, end - 1);
    return this.#kind < 0 ? BAD_TYPE : 0;
  }

  #eventId(bytes: Uint8Array, i: number, out: EventBatch): void {
    const start = this.#fields.starts[ID];
    const end = this.#fields.ends[ID];
    out.hasId[i] = start >= 0 && bytes[start] === 0x22 ? 1 : 0;
    if (out.hasId[i] === 0) return;
    if (this.#fields.escaped[ID] === 0) {
      hashId(bytes, start + 1, end - 1, this.#idKey, out.id, 4 * i);
      return;
    }
    const text = JSON.parse(textOf(bytes, start, end)) as string;
    const plain = text.isWellFormed() ? encoder.encode(text) : illFormedBytes(text);
    hashId(plain, 0, plain.length, this.#idKey, out.id, 4 * i);
  }
}
