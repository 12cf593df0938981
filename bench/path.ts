/**
 * The path of an event in CPU seconds: `JSON.parse` and maps of counts, decode and engine alone,
 * and the whole replay from a file into SQLite with everything on, as a user runs it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeFlags } from '../scripts/node-flags.ts';
import { LIMITS, SETTINGS } from '../src/config.ts';
import { eventBatch } from '../src/decode/columns.ts';
import { Products } from '../src/decode/products.ts';
import { Decoder } from '../src/decode/scan.ts';
import { Task } from '../src/engine/task.ts';
import type { RecordBatch } from '../src/event.ts';
import { outputOf, start } from '../test/support/processes.ts';
import { cpuSeconds, MAIN } from './measure.ts';
import type { Run } from './slope.ts';

const LONGEST_MS = 300_000;
const USAGE = new URL('./usage.ts', import.meta.url);
const AWAKE = { partitions: [{ idle: false, passed: false }], silenceMs: 0 };

/** Takes batch after batch; `counted` is how many events it counted. */
export type Counter = { take(records: RecordBatch): void; counted(): number };

/** One `JSON.parse` an event and a map of maps: the quickest of the plain ways. */
export function parseAndMap(): Counter {
  const windows = new Map<number, Map<string, { impressions: number; clicks: number }>>();
  let counted = 0;
  const cellOf = (start: number, product: string) => {
    const window = windows.get(start) ?? new Map();
    if (window.size === 0) windows.set(start, window);
    const cell = window.get(product) ?? { impressions: 0, clicks: 0 };
    if (cell.impressions + cell.clicks === 0) window.set(product, cell);
    return cell;
  };
  const take = ({ bytes, starts, ends, count }: RecordBatch) => {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < count; i++) {
      const event = JSON.parse(buffer.toString('utf8', starts[i], ends[i]));
      const cell = cellOf(event.timestamp - (event.timestamp % 10_000), event.product_id);
      if (event.event_type === 'click') cell.clicks++;
      else cell.impressions++;
      counted++;
    }
  };
  return { take, counted: () => counted };
}

/** Decode and engine, with windows fired and freed as commits would, but nothing written. */
export function decodeAndCount(capacity: number, layouts = true): Counter {
  const products = new Products({ maxProducts: SETTINGS.maxProducts });
  const decoder = new Decoder(products, SETTINGS, new Uint32Array(4), { layouts });
  const task = new Task(SETTINGS, LIMITS, [{ name: 'file-0', topicId: 'x' }], '0'.repeat(32));
  const events = eventBatch(capacity);
  const take = (records: RecordBatch) => {
    decoder.decode(records, 0, records.count, events);
    for (let from = 0; from < records.count; ) from = task.apply(0, records, events, from).next;
    task.admit(products.takeNew());
    task.advance(AWAKE);
    while (task.due() === 'now') {
      const { claims } = task.collect(products, 20_000);
      task.answer(claims, new Set());
    }
  };
  return { take, counted: () => task.status([0]).ledger.verdicts.counted };
}

/**
 * CPU seconds per million events behind the first half of them, in which code is compiled and every
 * product is met. Throws when an event was not counted.
 */
export function costBehindHalf(counter: Counter, batches: readonly RecordBatch[]): number {
  const half = batches.length >> 1;
  const eventsOf = (some: readonly RecordBatch[]) => some.reduce((sum, b) => sum + b.count, 0);
  for (const batch of batches.slice(0, half)) counter.take(batch);
  const before = cpuSeconds();
  for (const batch of batches.slice(half)) counter.take(batch);
  const spent = cpuSeconds() - before;
  const events = eventsOf(batches);
  if (counter.counted() !== events)
    throw new Error(`${counter.counted()} of ${events} events were counted`);
  return (spent / eventsOf(batches.slice(half))) * 1e6;
}

/** `clickrate replay` of a file into SQLite, a process of its own, from its launch to its end. */
export async function replay(file: string, events: number): Promise<Run> {
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-bench-'));
  try {
    const args = [...nodeFlags(MAIN), `--import=${USAGE.href}`, MAIN, 'replay', file];
    const child = start(process.execPath, [...args, '--data', join(directory, 'data')]);
    const [line] = await outputOf(child, /\{"cpuSeconds".*\}/, LONGEST_MS);
    if ((await child.ended) !== 0) throw new Error(child.output());
    const [, counted] = /counted +(\d+)/.exec(child.output()) ?? [];
    if (Number(counted) !== events) throw new Error(`${counted} of ${events} were counted`);
    return { events, ...(JSON.parse(line) as Omit<Run, 'events'>) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
