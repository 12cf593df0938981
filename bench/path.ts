/**
 * The path of an event in CPU seconds: `JSON.parse` and a map, decode and engine alone, and the
 * whole replay from a file into SQLite with everything on. All on the same events, in one run.
 */
import '../src/cli/tuning.ts';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { replay } from '../src/cli/replay.ts';
import { LIMITS, SETTINGS } from '../src/config.ts';
import { eventBatch } from '../src/decode/columns.ts';
import { Products } from '../src/decode/products.ts';
import { Decoder } from '../src/decode/scan.ts';
import { Task } from '../src/engine/task.ts';
import { type RecordBatch, recordBatch } from '../src/event.ts';
import { silentLog } from '../src/log.ts';
import { Generator } from '../src/sources/generate.ts';
import { LineSplitter } from '../src/sources/split.ts';
import { cpuSeconds, median } from './measure.ts';

const START = 1_700_000_000_000;
const BATCH = 8_192;

/** `key` names the way. */
export type PathSample = { key: string; name: string; cpuPerMillion: number };

/** Writes a file of events of the original's form, a hundred thousand a second of event time. */
function eventFile(directory: string, events: number, products: number): string {
  // A window has a million events.
  const generator = new Generator(START, { products, rate: 100_000, seed: 11 });
  const name = join(directory, `events-${products}.ndjson`);
  const file = openSync(name, 'w');
  while (generator.events < events) {
    const batch = generator.next(Infinity, Math.min(BATCH, events - generator.events));
    const lines: Buffer[] = [];
    for (let i = 0; i < batch.count; i++)
      lines.push(Buffer.from(batch.bytes.subarray(batch.starts[i], batch.ends[i])), NEWLINE);
    writeSync(file, Buffer.concat(lines));
  }
  closeSync(file);
  return name;
}
const NEWLINE = Buffer.from('\n');

/** The file's lines as batches in memory. */
function batchesOf(file: string): RecordBatch[] {
  const bytes = new Uint8Array(readFileSync(file));
  const splitter = new LineSplitter();
  const batches: RecordBatch[] = [];
  for (let at = 0; at < bytes.length; ) {
    const batch = recordBatch(bytes, BATCH);
    at = splitter.split(bytes, at, bytes.length, at, true, batch, BATCH);
    batch.arrivals.fill(START + 1e9, 0, batch.count);
    batches.push(batch);
  }
  return batches;
}

type Cell = { impressions: number; clicks: number };

function newCell(): Cell {
  return { impressions: 0, clicks: 0 };
}

/** One map, its key a text of product and window: what most people write first. */
function textKeys() {
  const counts = new Map<string, Cell>();
  return (product: string, start: number): Cell => {
    const key = `${product}|${start}`;
    const cell = counts.get(key) ?? newCell();
    counts.set(key, cell);
    return cell;
  };
}

/** A map of maps: no text is made, so it is quicker. */
function nestedMaps() {
  const windows = new Map<number, Map<string, Cell>>();
  return (product: string, start: number): Cell => {
    let window = windows.get(start);
    if (window === undefined) {
      window = new Map();
      windows.set(start, window);
    }
    let cell = window.get(product);
    if (cell === undefined) {
      cell = newCell();
      window.set(product, cell);
    }
    return cell;
  };
}

/** One `JSON.parse` an event and maps of counts. */
function parseAndMap(batches: readonly RecordBatch[], cellOf: ReturnType<typeof textKeys>): number {
  let counted = 0;
  for (const { bytes, starts, ends, count } of batches) {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < count; i++) {
      const event = JSON.parse(buffer.toString('utf8', starts[i], ends[i]));
      const cell = cellOf(event.product_id, event.timestamp - (event.timestamp % 10_000));
      if (event.event_type === 'click') cell.clicks++;
      else cell.impressions++;
      counted++;
    }
  }
  return counted;
}

const awake = { partitions: [{ idle: false, passed: false }], silenceMs: 0 };

/** Decode and engine, with windows fired and freed as commits would, but nothing written. */
function decodeAndCount(batches: readonly RecordBatch[], layouts: boolean): number {
  const products = new Products({ maxProducts: SETTINGS.maxProducts });
  const decoder = new Decoder(products, SETTINGS, new Uint32Array(4), { layouts });
  const task = new Task(SETTINGS, LIMITS, [{ name: 'file-0', topicId: 'x' }], '0'.repeat(32));
  const events = eventBatch(BATCH);
  for (const records of batches) {
    decoder.decode(records, 0, records.count, events);
    for (let from = 0; from < records.count; ) from = task.apply(0, records, events, from).next;
    task.admit(products.takeNew());
    task.advance(awake);
    while (task.due() === 'now') {
      const { claims } = task.collect(products, 20_000);
      task.answer(claims, new Set());
    }
  }
  return task.status([0]).ledger.verdicts.counted;
}

async function measured(
  key: string,
  name: string,
  events: number,
  runs: number,
  body: () => number | Promise<number>,
): Promise<PathSample> {
  const costs: number[] = [];
  for (let run = 0; run <= runs; run++) {
    const before = cpuSeconds();
    const counted = await body();
    const cost = cpuSeconds() - before;
    if (counted !== events) throw new Error(`${name} counted ${counted} of ${events}`);
    // The first run warms up.
    if (run > 0) costs.push((cost / events) * 1e6);
  }
  return { key, name, cpuPerMillion: median(costs) };
}

/** All stages on `events` events; medians of `runs` after a warm-up. */
export async function benchPath(
  events: number,
  products: number,
  runs: number,
): Promise<PathSample[]> {
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-bench-'));
  try {
    const file = eventFile(directory, events, products);
    const batches = batchesOf(file);
    let round = 0;
    const replayed = async () => {
      const data = join(directory, `data-${round++}`);
      const status = await replay({
        files: [file],
        sort: false,
        data,
        settings: SETTINGS,
        log: silentLog,
        signal: new AbortController().signal,
      });
      rmSync(data, { recursive: true });
      return status.ledger.verdicts.counted;
    };
    return [
      await measured('nested', 'JSON.parse + Map of Maps', events, runs, () =>
        parseAndMap(batches, nestedMaps()),
      ),
      await measured('text', 'JSON.parse + Map of text keys', events, runs, () =>
        parseAndMap(batches, textKeys()),
      ),
      await measured('core', 'decode + engine', events, runs, () => decodeAndCount(batches, true)),
      await measured('scan', 'tolerant scan + engine', events, runs, () =>
        decodeAndCount(batches, false),
      ),
      await measured('file', 'file → SQLite, everything on', events, runs, replayed),
    ];
  } finally {
    rmSync(directory, { recursive: true });
  }
}
