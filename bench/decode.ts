/**
 * What decoding costs beside `JSON.parse`: CPU seconds for a million events, each way counting
 * impressions and clicks by product and window, so that all three do the same work.
 */
import { fileURLToPath } from 'node:url';
import { SETTINGS } from '../src/config.ts';
import { type EventBatch, eventBatch } from '../src/decode/columns.ts';
import { Products } from '../src/decode/products.ts';
import { Decoder } from '../src/decode/scan.ts';
import { CLICK, IMPRESSION, type RecordBatch } from '../src/event.ts';
import { originalEvents } from './decode-events.ts';

/** `ratio`: how many times less CPU than `JSON.parse` on the same events in the same run. */
export type DecodeSample = { name: string; secondsPerMillion: number; ratio: number };

/** Rows decoded at once. */
const ROWS = 16_384;
const SAMPLES = 5;

type Way = { name: string; count: () => number };

/** Counts events the plain way, done well: an object an event, a Map of products by window. */
function countParsed(records: RecordBatch): number {
  const { buffer, byteOffset, byteLength } = records.bytes;
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  const windows = new Map<number, Map<string, number[]>>();
  for (let i = 0; i < records.count; i++) {
    const event = JSON.parse(bytes.toString('utf8', records.starts[i], records.ends[i]));
    const start = event.timestamp - (event.timestamp % SETTINGS.windowMs);
    let products = windows.get(start);
    if (products === undefined) {
      products = new Map();
      windows.set(start, products);
    }
    const counts = products.get(event.product_id);
    const kind = event.event_type === 'click' ? CLICK : IMPRESSION;
    if (counts !== undefined) counts[kind]++;
    else products.set(event.product_id, kind === CLICK ? [0, 1] : [1, 0]);
  }
  let sum = 0;
  for (const products of windows.values())
    for (const [impressions, clicks] of products.values()) sum += impressions + clicks;
  return sum;
}

/** Windows of columns: counts by dense id, two a product. */
class WindowCounts {
  readonly #windows = new Map<number, Uint32Array>();
  readonly #products: number;
  #start = Number.NaN;
  #counts: Uint32Array = new Uint32Array(0);

  constructor(products: number) {
    this.#products = products;
  }

  add(events: EventBatch): void {
    for (let i = events.from; i < events.to; i++) {
      if (events.reject[i] !== 0) continue;
      const time = events.time[i];
      const start = time - (time % SETTINGS.windowMs);
      if (start !== this.#start) this.#open(start);
      this.#counts[2 * events.product[i] + events.kind[i]]++;
    }
  }

  sum(): number {
    let sum = 0;
    for (const counts of this.#windows.values()) for (const count of counts) sum += count;
    return sum;
  }

  #open(start: number): void {
    this.#start = start;
    this.#counts = this.#windows.get(start) ?? new Uint32Array(2 * this.#products);
    this.#windows.set(start, this.#counts);
  }
}

function countDecoded(records: RecordBatch, decoder: Decoder, products: number): number {
  const events = eventBatch(records.count);
  const counts = new WindowCounts(products);
  for (let from = 0; from < records.count; from += ROWS) {
    decoder.decode(records, from, Math.min(records.count, from + ROWS), events);
    counts.add(events);
  }
  return counts.sum();
}

function decoderOf(products: number, layouts: boolean): Decoder {
  const dictionary = new Products({ maxProducts: products });
  return new Decoder(dictionary, SETTINGS, Uint32Array.of(1, 2, 3, 4), { layouts });
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >>> 1];
}

/** Seconds of CPU for a million events; throws when an event was not counted. */
function secondsPerMillion(way: Way, events: number): number {
  const before = process.cpuUsage();
  const counted = way.count();
  const { user, system } = process.cpuUsage(before);
  if (counted !== events) throw new Error(`${way.name} counted ${counted} of ${events} events`);
  return (user + system) / events;
}

/** The three ways in turn, after one round that only warms up, so that noise meets all alike. */
export function benchDecode(products = 1_000, events = 400_000): DecodeSample[] {
  const records = originalEvents(events, products);
  const learned = decoderOf(products, true);
  const scanned = decoderOf(products, false);
  const ways: Way[] = [
    { name: 'JSON.parse and a Map', count: () => countParsed(records) },
    { name: 'decode with layouts', count: () => countDecoded(records, learned, products) },
    { name: 'decode by scan alone', count: () => countDecoded(records, scanned, products) },
  ];
  const seconds: number[][] = ways.map(() => []);
  for (let round = 0; round <= SAMPLES; round++)
    ways.forEach((way, n) => {
      const sample = secondsPerMillion(way, events);
      if (round > 0) seconds[n].push(sample);
    });
  const base = median(seconds[0]);
  return ways.map(({ name }, n) => {
    const own = median(seconds[n]);
    return { name: `${name}, ${products} products`, secondsPerMillion: own, ratio: base / own };
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const products of [1_000, 100_000])
    for (const { name, secondsPerMillion, ratio } of benchDecode(products)) {
      const figures = `${secondsPerMillion.toFixed(3)} CPU s a million events`;
      const rate = `${(1 / secondsPerMillion).toFixed(1)} M/s, ${ratio.toFixed(1)} x`;
      process.stdout.write(`${name.padEnd(42)} ${figures} (${rate})\n`);
    }
}
