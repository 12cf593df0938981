/**
 * Files as one topic partition, in the order given: NDJSON, or CSV by a column mapping, gzip or
 * plain. An offset is the record's place in all (unpacked) bytes, so it rises over the files.
 */
import type { Clock } from '../clock.ts';
import type { Limits } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import { type RecordBatch, recordBatch } from '../event.ts';
import { chunksOf, type Progress, type SizedFile, sized } from './bytes.ts';
import { type CsvMapping, CsvSplitter } from './csv.ts';
import { sortByTime } from './sort.ts';
import type { Fetch, Opened, Position, Source } from './source.ts';
import { LineSplitter, type Splitter } from './split.ts';

export const FILE_PARTITION = 'file-0';

/**
 * A line longer than this is not held whole: its beginning is judged (too large), the rest skipped.
 */
const MAX_LINE = 16_777_216;

export type FileSourceParts = {
  files: readonly string[];
  clock: Clock;
  limits: Limits;
  csv?: CsvMapping;
  /** Orders all events by time first; they must fit in memory (1 GiB). */
  sort?: boolean;
};

export class FileSource implements Source {
  readonly partitions = [FILE_PARTITION];
  readonly #parts: FileSourceParts;
  readonly #files: SizedFile[];
  readonly #progress: Progress;
  #batches: AsyncGenerator<RecordBatch> | null = null;
  #from = 0;
  #next = 0;
  /** Whether every record was handed out. */
  ended = false;

  /** Throws `file_unreadable` naming the file. */
  constructor(parts: FileSourceParts) {
    this.#parts = parts;
    this.#files = sized(parts.files);
    const bytesTotal = this.#files.reduce((sum, { size }) => sum + size, 0);
    this.#progress = { bytesRead: 0, bytesTotal };
  }

  progress(): Progress {
    return this.#progress;
  }

  async open([position]: readonly Position[]): Promise<Opened[]> {
    const topicId = this.#identity();
    if (position.topicId !== null && position.topicId !== topicId)
      throw new ClickrateError(
        'source_foreign',
        `the checkpoint is of other files (${position.topicId}), not of ${topicId}`,
      );
    this.#from = position.offset ?? 0;
    this.#next = this.#from;
    this.#progress.bytesRead = 0;
    this.ended = false;
    await this.#batches?.return(undefined);
    this.#batches = this.#read();
    return [{ topicId, offset: this.#from, floorMs: null, missed: 0 }];
  }

  /** The same files give the same offsets. */
  #identity(): string {
    const files = this.#files.map(({ name, size }) => `${name}:${size}`).join(' ');
    return this.#parts.sort === true ? `${files} sorted` : files;
  }

  async read([wanted]: readonly boolean[]): Promise<Fetch[]> {
    return wanted ? [await this.#fetch()] : [];
  }

  probe(wanted: readonly boolean[]): Promise<Fetch[]> {
    return this.read(wanted);
  }

  async #fetch(): Promise<Fetch> {
    const { clock } = this.#parts;
    const sentAtMs = clock.monotonicMs();
    if (this.#batches === null) throw new ClickrateError('internal', 'the files are not open');
    const { value, done } = await this.#batches.next();
    if (done === true) this.ended = true;
    const records = done === true ? recordBatch(new Uint8Array(0), 0) : (value as RecordBatch);
    const arrivedAtMs = clock.monotonicMs();
    return { partition: 0, records, next: this.#next, sentAtMs, arrivedAtMs, end: this.ended };
  }

  /** Batches of records from `#from` on; the last one's end is in `#next`. */
  async *#read(): AsyncGenerator<RecordBatch> {
    const { limits, csv, clock, sort } = this.#parts;
    const splitter = csv === undefined ? new LineSplitter() : new CsvSplitter(csv);
    const batches = this.#split(splitter, limits);
    const ordered = sort === true ? sortByTime(batches, limits) : batches;
    for await (const { batch, next } of ordered) {
      skipBefore(batch, this.#from);
      this.#next = Math.max(this.#next, next);
      batch.arrivals.fill(clock.wallMs(), 0, batch.count);
      if (batch.count > 0) yield batch;
    }
  }

  async *#split(
    splitter: Splitter,
    limits: Limits,
  ): AsyncGenerator<{ batch: RecordBatch; next: number }> {
    const batch = recordBatch(new Uint8Array(0), limits.batchRecords);
    let base = 0;
    let buffer: Uint8Array = new Uint8Array(0);
    for (const { name } of this.#files) {
      splitter.begin();
      let held: Uint8Array = new Uint8Array(0);
      const chunks = chunksOf(name, this.#progress);
      for (let isLast = false; !isLast; ) {
        const { value, done } = await chunks.next();
        isLast = done === true;
        const bytes = isLast ? held : joined(buffer, held, value as Uint8Array);
        if (bytes.buffer !== buffer.buffer) buffer = new Uint8Array(bytes.buffer);
        let at = 0;
        for (let used = -1; used !== at; ) {
          used = at;
          batch.count = 0;
          const end = bytes.length;
          at = splitter.split(bytes, at, end, base + at, isLast, batch, limits.batchRecords);
          batch.bytes = splitter.output ?? bytes;
          if (batch.count > 0) yield { batch, next: base + at };
        }
        base += at;
        held = bytes.subarray(at);
        if (held.length > MAX_LINE) {
          yield { batch: overlong(held, base, batch), next: base + 1 };
          base += await skipLine(chunks, held, (rest) => {
            held = rest;
          });
        }
      }
    }
  }

  async acknowledge(): Promise<void> {}

  async close(): Promise<void> {
    await this.#batches?.return(undefined);
  }
}

/**
 * What was held, then the chunk, in one buffer that is used again: the batch before was applied,
 * or nothing would have been asked for.
 */
function joined(buffer: Uint8Array, held: Uint8Array, chunk: Uint8Array): Uint8Array {
  const size = held.length + chunk.length;
  const into = size <= buffer.length ? buffer : new Uint8Array(size * 2);
  into.set(held);
  into.set(chunk, held.length);
  return into.subarray(0, size);
}

/** Drops records before `from`: files are read again from their beginning when a replay goes on. */
function skipBefore(batch: RecordBatch, from: number): void {
  if (batch.count === 0 || batch.offsets[0] >= from) return;
  let first = 0;
  while (first < batch.count && batch.offsets[first] < from) first++;
  for (const column of [batch.starts, batch.ends, batch.offsets])
    column.copyWithin(0, first, batch.count);
  batch.count -= first;
}

/** One record: the beginning of a line that never ends. */
function overlong(held: Uint8Array, base: number, batch: RecordBatch): RecordBatch {
  batch.bytes = held;
  batch.count = 1;
  batch.starts[0] = 0;
  batch.ends[0] = held.length;
  batch.offsets[0] = base;
  return batch;
}

/** Reads on to the line's end; returns the bytes passed, and hands over those behind it. */
async function skipLine(
  chunks: AsyncGenerator<Uint8Array>,
  held: Uint8Array,
  keep: (rest: Uint8Array) => void,
): Promise<number> {
  let passed = held.length;
  for (;;) {
    const { value, done } = await chunks.next();
    if (done === true) {
      keep(new Uint8Array(0));
      return passed;
    }
    const chunk = value as Uint8Array;
    const newline = chunk.indexOf(0x0a);
    if (newline >= 0) {
      keep(new Uint8Array(chunk.subarray(newline + 1)));
      return passed + newline + 1;
    }
    passed += chunk.length;
  }
}
