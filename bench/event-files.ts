/** Files of events in the original's JSON, of several shapes; the same bytes in every run. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { type RecordBatch, recordBatch } from '../src/event.ts';
import { Generator } from '../src/sources/generate.ts';
import { LineSplitter } from '../src/sources/split.ts';
import { rateOf } from './kafka-fill.ts';

export const EVENTS_PER_WINDOW = 1_000_000;
const START = 1_700_000_000_000;
const SEED = 11;
const BATCH = 8_192;
const WINDOW_MS = 10_000;
const BANDIT = new URL('../test/data/open-bandit/bts-men.csv', import.meta.url);

/** `key` names it in figures. */
export type Shape = { key: string; what: string; products: number; zipf?: number };

export const SHAPES: readonly Shape[] = [
  { key: '5', what: '5 products, the original', products: 5 },
  { key: '1000', what: '1 000 products, even', products: 1_000 },
  { key: 'zipf', what: '1 000 products, Zipf 1.0', products: 1_000, zipf: 1 },
  { key: 'open-bandit', what: 'Open Bandit: its 34 products and clicks', products: 34 },
  { key: '100000', what: '100 000 products, even', products: 100_000 },
];

/** Writes so many events into `file`; a window has a million. */
export function writeEvents(file: string, shape: Shape, events: number): void {
  const to = openSync(file, 'w');
  try {
    if (shape.key === 'open-bandit') writeBandit(to, events);
    else writeGenerated(to, shape, events);
  } finally {
    closeSync(to);
  }
}

function writeGenerated(to: number, { products, zipf }: Shape, events: number): void {
  const rate = rateOf(EVENTS_PER_WINDOW);
  const generator = new Generator(START, { products, zipf: zipf ?? 0, rate, seed: SEED });
  while (generator.events < events) {
    const { bytes, count, ends } = generator.next(
      Infinity,
      Math.min(BATCH, events - generator.events),
    );
    // A newline lies behind each.
    writeSync(to, bytes, 0, ends[count - 1] + 1);
  }
}

/** Its rows round and round, in their order; their time is made to run evenly. */
function writeBandit(to: number, events: number): void {
  const [, ...rows] = readFileSync(BANDIT, 'utf8').trimEnd().split('\n');
  const fields = rows.map((row) => row.split(','));
  let lines: string[] = [];
  for (let n = 0; n < events; n++) {
    const [, item, , click] = fields[n % fields.length];
    const timestamp = START + Math.floor((n * WINDOW_MS) / EVENTS_PER_WINDOW);
    lines.push(
      `{"user_id": "user_${n % 10_000}", "product_id": "product${item}", "timestamp": ` +
        `${timestamp}, "event_type": "${click === '1' ? 'click' : 'impression'}", ` +
        `"session_id": "session_${(n * 7) % 10_000}"}\n`,
    );
    if (lines.length === BATCH || n === events - 1) {
      writeSync(to, lines.join(''));
      lines = [];
    }
  }
}

/** The file's lines as batches in memory. */
export function batchesOf(file: string): RecordBatch[] {
  const bytes = new Uint8Array(readFileSync(file));
  const splitter = new LineSplitter();
  const batches: RecordBatch[] = [];
  for (let at = 0; at < bytes.length; ) {
    const batch = recordBatch(bytes.subarray(at), BATCH);
    at += splitter.split(batch.bytes, at, true, batch);
    batch.arrivals.fill(START + 1e9, 0, batch.count);
    batches.push(batch);
  }
  return batches;
}
