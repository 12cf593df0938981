/**
 * A source over logs in memory: a record can be read from its arrival on. Sizes of batches, the
 * order of answers and the faults are drawn at random. A restart is a new SimSource over the same
 * logs, opened at the checkpoint's positions.
 */
import type { Clock } from '../../src/clock.ts';
import { SETTINGS } from '../../src/config.ts';
import { ClickrateError } from '../../src/errors.ts';
import { type RecordBatch, recordBatch } from '../../src/event.ts';
import { Reached } from '../../src/sources/kafka/reached.ts';
import type { Fetch, Opened, Position, Source } from '../../src/sources/source.ts';
import type { Random } from './random.ts';
import type { SimClock } from './sim-clock.ts';

export type SimRecord = { offset: number; arrivalMs: number; bytes: Uint8Array };
/** A topic partition; records are ordered by offset, and arrivals never go back. */
export type SimLog = { partition: string; topicId: string; records: SimRecord[] };

/** A stretch of time, by the brokers' clock, in which a partition gives no answer. */
export type Outage = { partition: number; fromMs: number; toMs: number };

export type SimOptions = {
  logs: readonly SimLog[];
  /** Decides what has arrived. */
  clock: SimClock;
  /** The process's clock, whose monotonic time stands in the answers; `clock` if left out. */
  seenBy?: Clock;
  random: Random;
  /** Most records of one answer. */
  batchRecords?: number;
  /** Publish floor told at the first open, by partition. */
  floorMs?: readonly (number | null)[];
  outages?: readonly Outage[];
  /** Likewise, but the fetch under way is answered in the end. */
  stalls?: readonly Outage[];
  /** Share of calls that throw `source_unavailable`. */
  errorRate?: number;
  /** A call takes up to this long. */
  latencyMs?: number;
};

export class SimSource implements Source {
  readonly partitions: readonly string[];
  /** Offsets told by `acknowledge` since the last `open`, for tests to look at. */
  readonly acknowledged: number[] = [];
  #options: SimOptions;
  #seenBy: Clock;
  /** Index of the next record, and next offset, by partition. */
  #next: number[] = [];
  #positions: number[] = [];
  /** Bytes of the last answer, by partition. */
  #lent: Uint8Array[] = [];
  /** By partition: since when it answers again; Infinity while it does not. */
  #reachableSinceMs: number[] = [];
  /** By partition: when a fetch was sent that is stalled; and what is made of it as of a lane's. */
  #stalledMs: (number | undefined)[] = [];
  #reached: Reached[];
  #busy = false;
  #opened = false;

  constructor(options: SimOptions) {
    this.#options = options;
    this.#seenBy = options.seenBy ?? options.clock;
    this.partitions = options.logs.map((log) => log.partition);
    this.#reached = options.logs.map(() => new Reached(SETTINGS.idleAfterMs));
  }

  open(positions: readonly Position[]): Promise<Opened[]> {
    const { logs, floorMs } = this.#options;
    if (positions.length !== logs.length) throw new Error('open needs a position a partition');
    this.#opened = true;
    this.acknowledged.length = 0;
    const opened = logs.map((log, p): Opened => {
      const { offset, topicId } = positions[p]!;
      const first = log.records[0]?.offset ?? 0;
      if (offset !== null && topicId !== log.topicId)
        throw new ClickrateError('source_foreign', `${log.partition} is another topic`);
      const from = offset ?? first;
      this.#positions[p] = from;
      const index = log.records.findIndex((record) => record.offset >= from);
      this.#next[p] = index === -1 ? log.records.length : index;
      const floor = offset === null ? (floorMs?.[p] ?? null) : null;
      return { topicId: log.topicId, offset: from, floorMs: floor, missed: 0 };
    });
    return Promise.resolve(opened);
  }

  async read(wanted: readonly boolean[], waitMs: number): Promise<Fetch[]> {
    return await this.#exclusively(wanted, async () => {
      const fetches = this.#fetch(wanted);
      if (fetches.some((fetch) => fetch.records.count > 0)) return fetches;
      const { clock } = this.#options;
      const arrival = this.#nextArrival(wanted);
      const wait = Math.min(waitMs, Math.max(0, arrival - clock.trueMs()));
      await clock.sleep(wait);
      return this.#fetch(wanted);
    });
  }

  async probe(wanted: readonly boolean[]): Promise<Fetch[]> {
    return await this.#exclusively(wanted, async () => this.#fetch(wanted));
  }

  acknowledge(offsets: readonly number[]): Promise<void> {
    offsets.forEach((offset, p) => {
      if (offset < (this.acknowledged[p] ?? 0)) throw new Error('acknowledged offsets went back');
      if (offset > this.#positions[p]!) throw new Error('acknowledged what was never read');
      this.acknowledged[p] = offset;
    });
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#opened = false;
    return Promise.resolve();
  }

  /** Whether every record of every log has been handed out. */
  drained(): boolean {
    return this.#options.logs.every((log, p) => this.#next[p] === log.records.length);
  }

  async #exclusively(wanted: readonly boolean[], call: () => Promise<Fetch[]>): Promise<Fetch[]> {
    if (!this.#opened) throw new Error('read or probe of a source that is not open');
    if (this.#busy) throw new Error('two calls of a source at a time');
    this.#busy = true;
    try {
      // A batch is the caller's until it asks for more: what still reads the old one finds rubbish.
      for (const [p, isWanted] of wanted.entries()) if (isWanted) this.#lent[p]?.fill(0xff);
      const { random, errorRate = 0 } = this.#options;
      if (random.chance(errorRate))
        throw new ClickrateError('source_unavailable', 'a planned fault of the source');
      return await call();
    } finally {
      this.#busy = false;
    }
  }

  #nextArrival(wanted: readonly boolean[]): number {
    let earliest = Number.POSITIVE_INFINITY;
    this.#options.logs.forEach((log, p) => {
      const record = log.records[this.#next[p]!];
      if (wanted[p] && record) earliest = Math.min(earliest, record.arrivalMs);
    });
    return earliest;
  }

  /** Asks all wanted partitions at once; each looks, and answers, at its own moment. */
  #fetch(wanted: readonly boolean[]): Fetch[] {
    const { clock, random, outages = [], stalls = [], latencyMs = 0 } = this.#options;
    const now = clock.trueMs();
    const sentAtMs = this.#seenBy.monotonicMs();
    const isIn = (some: readonly Outage[], p: number) =>
      some.some((o) => o.partition === p && o.fromMs <= now && now < o.toMs);
    const asked = this.partitions
      .map((_, p) => ({ p, looksAtMs: now + random.int(0, latencyMs) }))
      .filter(({ p }) => wanted[p] && !isIn(outages, p) && !isIn(stalls, p))
      .sort((a, b) => a.looksAtMs - b.looksAtMs);
    for (const p of this.partitions.keys()) {
      if (wanted[p] && isIn(outages, p)) this.#reachableSinceMs[p] = Infinity;
      if (wanted[p] && isIn(stalls, p)) this.#stalledMs[p] ??= sentAtMs;
    }
    const fetches: Fetch[] = [];
    let lastMs = now;
    for (const { p, looksAtMs } of asked) {
      clock.advance(Math.max(0, looksAtMs - clock.trueMs()));
      const answersAtMs = looksAtMs + random.int(0, latencyMs);
      const arrivedAtMs = sentAtMs + answersAtMs - now;
      lastMs = Math.max(lastMs, answersAtMs);
      const stalledMs = this.#stalledMs[p];
      this.#stalledMs[p] = undefined;
      if (stalledMs !== undefined)
        this.#reached[p]!.answered({ sentAtMs: stalledMs, arrivedAtMs, waitMs: 0 });
      const sinceMs = Math.max(this.#reachableSinceMs[p] ?? -Infinity, this.#reached[p]!.sinceMs);
      const reachableSinceMs = Math.min(sinceMs, arrivedAtMs);
      this.#reachableSinceMs[p] = reachableSinceMs;
      const seen = { sentAtMs: stalledMs ?? sentAtMs, arrivedAtMs, reachableSinceMs };
      fetches.push({ ...this.#take(p), ...seen });
    }
    clock.advance(lastMs - clock.trueMs());
    return random.shuffle(fetches);
  }

  #take(p: number): Omit<Fetch, 'sentAtMs' | 'arrivedAtMs'> {
    const { logs, clock, random, batchRecords = 100 } = this.#options;
    const log = logs[p]!;
    const now = clock.trueMs();
    const most = random.int(1, batchRecords);
    const records: SimRecord[] = [];
    let index = this.#next[p]!;
    while (records.length < most && (log.records[index]?.arrivalMs ?? Infinity) <= now)
      records.push(log.records[index++]!);
    this.#next[p] = index;
    const last = records.at(-1);
    if (last) this.#positions[p] = last.offset + 1;
    const end = (log.records[index]?.arrivalMs ?? Infinity) > now;
    return { partition: p, records: this.#batch(p, records), next: this.#positions[p]!, end };
  }

  /** Records with rubbish between them, as in a journal page or a Kafka batch. */
  #batch(p: number, records: readonly SimRecord[]): RecordBatch {
    const gap = this.#options.random.int(0, 3);
    const size = records.reduce((sum, record) => sum + record.bytes.length + gap, gap);
    const batch = recordBatch(new Uint8Array(size).fill(0x7d), records.length + 2);
    let at = gap;
    for (const record of records) {
      const i = batch.count++;
      batch.bytes.set(record.bytes, at);
      batch.starts[i] = at;
      at += record.bytes.length;
      batch.ends[i] = at;
      at += gap;
      batch.arrivals[i] = record.arrivalMs;
      batch.offsets[i] = record.offset;
    }
    this.#lent[p] = batch.bytes;
    return batch;
  }
}
