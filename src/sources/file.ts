/**
 * Files as one topic partition, in the order given: NDJSON, or CSV by a column mapping, gzip or
 * plain. An offset is the record's place in all (unpacked) bytes, so it rises over the files.
 */
import type { Clock } from '../clock.ts';
import type { Limits } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import { type RecordBatch, recordBatch } from '../event.ts';
import { type Progress, type SizedFile, sized } from './bytes.ts';
import { type CsvMapping, CsvSplitter, mappingText } from './csv.ts';
import { type Cut, cuts } from './cut.ts';
import { sortByTime } from './sort.ts';
import type { Fetch, Opened, Position, Source } from './source.ts';
import { LineSplitter } from './split.ts';

export const FILE_PARTITION = 'file-0';

const NOTHING = recordBatch(new Uint8Array(0), 0);

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
  #cuts: AsyncGenerator<Cut, void> | null = null;
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
    const topicId = this.#identityFor(position.topicId);
    await this.close();
    this.#from = position.offset ?? 0;
    this.#next = this.#from;
    this.#progress.bytesRead = 0;
    this.ended = false;
    this.#cuts = this.#read();
    return [{ topicId, offset: this.#from, floorMs: null, missed: 0 }];
  }

  /** The identity that a checkpoint has and goes on with; throws when it is of other files. */
  #identityFor(known: string | null): string {
    const identity = this.#identity(true);
    if (known === null || known === identity) return identity;
    // Checkpoints of before have no checksums.
    if (known === this.#identity(false)) return known;
    throw new ClickrateError(
      'source_foreign',
      `the checkpoint is of other files (${known}), not of ${identity}`,
    );
  }

  /** The same files, read the same way, give the same records at the same offsets. */
  #identity(hasSums: boolean): string {
    const { csv, sort } = this.#parts;
    const words = this.#files.map(({ name, size, sum }) =>
      hasSums ? `${name}:${size}:${sum.toString(16).padStart(8, '0')}` : `${name}:${size}`,
    );
    if (csv !== undefined) words.push(`csv ${mappingText(csv)}`);
    if (sort === true) words.push('sorted');
    return words.join(' ');
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
    if (this.#cuts === null) throw new ClickrateError('internal', 'the files are not open');
    const { value, done } = await this.#cuts.next();
    const cut = value ?? { batch: NOTHING, next: this.#next };
    this.#next = Math.max(this.#next, cut.next);
    this.ended = done === true;
    return {
      partition: 0,
      records: cut.batch,
      next: this.#next,
      sentAtMs,
      arrivedAtMs: clock.monotonicMs(),
      end: this.ended,
    };
  }

  /** Cuts with records from `#from` on. */
  async *#read(): AsyncGenerator<Cut, void> {
    const { limits, csv, clock, sort } = this.#parts;
    const splitter = csv === undefined ? new LineSplitter() : new CsvSplitter(csv);
    const parts = { files: this.#files, splitter, limits, progress: this.#progress };
    // Sorted, an offset is a place in the new order: all must be read to know it.
    const read = sort === true ? sortByTime(cuts(parts, 0), limits) : cuts(parts, this.#from);
    for await (const cut of read) {
      skipBefore(cut.batch, this.#from);
      cut.batch.arrivals.fill(clock.wallMs(), 0, cut.batch.count);
      if (cut.batch.count > 0) yield cut;
    }
  }

  async acknowledge(): Promise<void> {}

  async close(): Promise<void> {
    await this.#cuts?.return();
    this.#cuts = null;
  }
}

/** Drops records before `from`: some files can only be read from their beginning. */
function skipBefore(batch: RecordBatch, from: number): void {
  if (batch.count === 0 || batch.offsets[0] >= from) return;
  let first = 0;
  while (first < batch.count && batch.offsets[first] < from) first++;
  for (const column of [batch.starts, batch.ends, batch.offsets])
    column.copyWithin(0, first, batch.count);
  batch.count -= first;
}
