/**
 * Single stages of the engine, in CPU seconds: the window loop on decoded columns, deduplication by
 * id with the memory it takes, and what a checkpoint of all products costs.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { nodeFlags } from '../scripts/node-flags.ts';
import { LIMITS, SETTINGS } from '../src/config.ts';
import { eventBatch } from '../src/decode/columns.ts';
import { Products } from '../src/decode/products.ts';
import { Decoder } from '../src/decode/scan.ts';
import { Task } from '../src/engine/task.ts';
import type { RecordBatch } from '../src/event.ts';
import { Generator } from '../src/sources/generate.ts';
import { AnswerBuffers } from '../src/sources/kafka/buffers.ts';
import { EVENTS_PER_WINDOW } from './event-files.ts';
import { rateOf } from './kafka-fill.ts';
import { cpuSeconds, heldBufferBytes } from './measure.ts';
import { parseAndMap } from './path.ts';

const CHILD = fileURLToPath(new URL('./stages-child.ts', import.meta.url));
const START = 1_700_000_000_000;
/** Some 480 KB, as much as an answer of a broker brings. */
const BATCH = 3_500;
const SEED = 11;
/** Where an answer would lie; events with ids are larger. */
const BUFFERS = new AnswerBuffers(2 * LIMITS.fetchBytes, 0);
const AWAKE = { partitions: [{ idle: false, passed: false }], silenceMs: 0 };
const KEY = Uint32Array.of(1, 2, 3, 4);

export type Stages = {
  /** CPU seconds per million events behind the first half of them. */
  decode: number;
  apply: number;
  /** CPU seconds of a checkpoint, on average; 0 without. */
  snapshot: number;
  /** Buffers that were taken for a million ids, in MB. */
  idsMb: number;
};

export type StagesOptions = {
  events: number;
  products: number;
  ids: boolean;
  /** A checkpoint is collected behind so many events; without it, none. */
  snapshotEvery?: number;
};

/** The same records where an answer of a broker lies. */
function placed(made: RecordBatch): RecordBatch & { bytes: Buffer } {
  const size = made.ends[made.count - 1];
  const bytes = BUFFERS.take(size);
  bytes.set(made.bytes.subarray(0, size));
  return { ...made, bytes };
}

/** One pass over generated events, stage by stage; making them is not counted. */
export function stages(options: StagesOptions): Stages {
  const { events, products, ids, snapshotEvery = Infinity } = options;
  const rate = rateOf(EVENTS_PER_WINDOW);
  const generator = new Generator(START, { products, ids, rate, seed: SEED });
  const names = new Products({ maxProducts: SETTINGS.maxProducts });
  const decoder = new Decoder(names, SETTINGS, KEY, {});
  const task = new Task(SETTINGS, LIMITS, [{ name: 'file-0', topicId: 'x' }], '0'.repeat(32));
  const columns = eventBatch(BATCH);
  const spent = { decode: 0, apply: 0, snapshot: 0 };
  const counted = { behindHalf: 0, snapshots: 0, sinceSnapshot: 0 };
  const buffersBefore = heldBufferBytes();
  while (generator.events < events) {
    const made = generator.next(Infinity, Math.min(BATCH, events - generator.events));
    const records = placed(made);
    records.arrivals.fill(START + 1e9, 0, records.count);
    const isBehindHalf = generator.events > events / 2;
    const began = cpuSeconds();
    decoder.decode(records, 0, records.count, columns);
    const decoded = cpuSeconds();
    for (let from = 0; from < records.count; ) from = task.apply(0, records, columns, from).next;
    const applied = cpuSeconds();
    if (isBehindHalf) {
      spent.decode += decoded - began;
      spent.apply += applied - decoded;
      counted.behindHalf += records.count;
    }
    BUFFERS.give(records.bytes);
    task.admit(names.takeNew());
    task.advance(AWAKE);
    while (task.due() === 'now') {
      const { claims } = task.collect(names, 20_000);
      task.answer(claims, new Set());
    }
    counted.sinceSnapshot += records.count;
    if (counted.sinceSnapshot < snapshotEvery) continue;
    counted.sinceSnapshot = 0;
    const before = cpuSeconds();
    const { claims } = task.collect(names, 20_000);
    if (isBehindHalf) {
      spent.snapshot += cpuSeconds() - before;
      counted.snapshots++;
    }
    task.answer(claims, new Set());
  }
  // Asked before the task's last use, so that it is still held.
  const idsMb = (heldBufferBytes() - buffersBefore) / events;
  const { received, verdicts } = task.status([0]).ledger;
  if (received !== events || verdicts.counted !== events)
    throw new Error(`${verdicts.counted} of ${events} events were counted`);
  return {
    decode: (spent.decode / counted.behindHalf) * 1e6,
    apply: (spent.apply / counted.behindHalf) * 1e6,
    snapshot: counted.snapshots === 0 ? 0 : spent.snapshot / counted.snapshots,
    idsMb,
  };
}

/**
 * The same in a process of its own, as an engine has one: what ran in this one before would have
 * its say in how the code is compiled.
 */
export function stagesApart(options: StagesOptions): Stages {
  const args = [...nodeFlags(CHILD), CHILD, JSON.stringify(options)];
  const said = execFileSync(process.execPath, args, { encoding: 'utf8' });
  return JSON.parse(said) as Stages;
}

/** What `JSON.parse` and a Map of Maps take for generated events, in CPU seconds per million. */
export function parsing(events: number): number {
  const rate = rateOf(EVENTS_PER_WINDOW);
  const generator = new Generator(START, { products: 1_000, rate, seed: SEED });
  const counter = parseAndMap();
  let spent = 0;
  while (generator.events < events) {
    const records = generator.next(Infinity, Math.min(BATCH, events - generator.events));
    const began = cpuSeconds();
    counter.take(records);
    spent += cpuSeconds() - began;
  }
  if (counter.counted() !== events)
    throw new Error(`${counter.counted()} of ${events} events were counted`);
  return (spent / events) * 1e6;
}
