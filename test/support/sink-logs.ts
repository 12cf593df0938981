/** The job's topics in memory, for the sink: read in pieces of random size, from any position. */
import { type RecordBatch, recordBatch } from '../../src/event.ts';
import type { SinkSource } from '../../src/sink/source.ts';
import type { Place } from '../../src/sink/state.ts';
import { type Headers, headerBytes } from '../../src/sources/kafka/headers.ts';
import type { Fetch, Opened, Position } from '../../src/sources/source.ts';
import type { Random } from './random.ts';
import type { SimClock } from './sim-clock.ts';

export type SinkRecord = { value: unknown; headers?: Headers };
export type SinkLog = Place & { records: SinkRecord[] };

export class SinkLogs implements SinkSource {
  readonly partitions: readonly string[];
  readonly #logs: readonly SinkLog[];
  readonly #clock: SimClock;
  readonly #random: Random;
  readonly #mostRecords: number;
  #positions: number[] = [];

  constructor(logs: readonly SinkLog[], clock: SimClock, random: Random, mostRecords = 9) {
    this.#logs = logs;
    this.#clock = clock;
    this.#random = random;
    this.#mostRecords = mostRecords;
    this.partitions = logs.map(({ name }) => name);
  }

  async places(): Promise<readonly Place[]> {
    return this.#logs;
  }

  async open(positions: readonly Position[]): Promise<Opened[]> {
    this.#positions = positions.map(({ offset }) => offset ?? 0);
    return this.#positions.map((offset) => ({ topicId: 't', offset, floorMs: null, missed: 0 }));
  }

  async read(wanted: readonly boolean[], waitMs: number): Promise<Fetch[]> {
    const sentAtMs = this.#clock.monotonicMs();
    await this.#clock.sleep(waitMs);
    const fetches: Fetch[] = [];
    this.#logs.forEach(({ records }, p) => {
      if (!wanted[p] || this.#random.chance(0.3)) return;
      const from = this.#positions[p];
      const next = Math.min(records.length, from + this.#random.int(1, this.#mostRecords));
      this.#positions[p] = next;
      const batch = batchOf(records.slice(from, next), from);
      const end = next === records.length;
      fetches.push({ partition: p, records: batch, next, sentAtMs, arrivedAtMs: sentAtMs, end });
    });
    return fetches;
  }

  async probe(): Promise<Fetch[]> {
    return [];
  }
  async acknowledge(): Promise<void> {}
  async close(): Promise<void> {}
}

function batchOf(records: readonly SinkRecord[], from: number): RecordBatch {
  const pieces = records.map(({ value, headers = {} }) => ({
    // No value at all is a tombstone.
    bytes: Buffer.from(value === undefined ? '' : JSON.stringify(value)),
    headers: headerBytes(headers),
  }));
  const all = Buffer.concat(pieces.flatMap(({ bytes, headers }) => [bytes, headers]));
  const batch = recordBatch(all, records.length);
  let at = 0;
  for (const { bytes, headers } of pieces) {
    const i = batch.count++;
    batch.starts[i] = at;
    batch.ends[i] = at + bytes.length;
    batch.offsets[i] = from + i;
    at += bytes.length + headers.length;
  }
  return batch;
}
