/**
 * The sink's state between a claim and the next, and what its records do to it. Pure: positions and
 * times are handed in. Everything here may be told again without harm.
 */
import type { Settings } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import { COUNTED, codeOf, type RecordBatch, VERDICTS, type Verdict } from '../event.ts';
import { SINK_STATE_PART } from '../part-names.ts';
import { windowStart } from '../result.ts';
import { headersAt } from '../sources/kafka/headers.ts';
import type { Fetch } from '../sources/source.ts';
import type { Ledger, Part, PartitionStatus, Status } from '../status.ts';
import { blockPart, restoreBlock } from './blocks.ts';
import { readProgress, readRejected, readResult } from './records.ts';
import { Table, type Taken } from './table.ts';

/** Which of the job's topics a topic partition belongs to. */
export type Kind = 'results' | 'rejected' | 'progress';
export type Place = { name: string; kind: Kind };

/** A product remembers more windows than may still be revised. */
const LEAST_WINDOWS = 8;
const MOST_BLOCK_PRODUCTS = 256;
/** A watermark is told by the source of the job; so long later its windows are in the topic. */
const SETTLE_MS = 250;
const VERSION = 1;

/** What is kept beside the blocks, in a part of its own. */
type Beside = {
  /** Uncounted events by verdict. */
  verdicts: Partial<Record<Verdict, number>>;
  /** Offset of the newest of each origin, by partition of the topic and of the origin. */
  origins: Record<string, number>;
  /** Newest watermark by heartbeat partition. */
  progress: Record<string, number | null>;
};

export class SinkState {
  readonly table: Table;
  readonly #places: readonly Place[];
  readonly #settings: Settings;
  readonly #beside: Beside = { verdicts: {}, origins: {}, progress: {} };
  #isBesideChanged = true;
  /** Watermarks told, and when; not yet passed by all results. */
  #told: { watermark: number; atMs: number }[] = [];
  /** By partition: when the last fetch was sent that found nothing beyond what was read. */
  readonly #provenMs: number[];
  readonly #maxTs: (number | null)[];
  watermark: number | null = null;
  since: Record<string, number> = {};
  missed = 0;
  heldElsewhere = 0;
  /** Results of windows of another length, which are not taken. */
  otherWindows = 0;
  /** Records that are none of the job's. */
  unreadable = 0;

  /** `resultsPerCommit`: a block fits a commit. */
  constructor(places: readonly Place[], settings: Settings, resultsPerCommit: number) {
    const { windowMs, expiryMs, allowedLatenessMs, watermarkDelayMs } = settings;
    this.#places = places;
    this.#settings = settings;
    this.#provenMs = places.map(() => -Infinity);
    this.#maxTs = places.map(() => null);
    const revisable = Math.ceil((allowedLatenessMs + watermarkDelayMs) / windowMs) + 4;
    this.table = new Table({
      windowMs,
      expiryMs,
      latenessMs: allowedLatenessMs,
      keptWindows: Math.max(LEAST_WINDOWS, revisable),
      blockProducts: Math.min(MOST_BLOCK_PRODUCTS, resultsPerCommit),
    });
  }

  /** Takes up a checkpoint at `nowMs` (monotonic). Throws `checkpoint_damaged`. */
  restore(status: Status, parts: readonly Part[], nowMs: number): void {
    this.watermark = status.watermark;
    this.since = { ...status.ledger.since };
    this.missed = status.ledger.missed;
    this.heldElsewhere = status.heldElsewhere;
    for (const { name, maxTs } of status.partitions) {
      const p = this.#places.findIndex((place) => place.name === name);
      if (p >= 0) this.#maxTs[p] = maxTs;
    }
    for (const part of parts) {
      if (restoreBlock(this.table, part, this.#settings.windowMs)) continue;
      if (part.name !== SINK_STATE_PART) continue;
      Object.assign(this.#beside, readBeside(part));
    }
    if (this.watermark !== null) this.table.expire(this.watermark);
    // A watermark that was read, but whose results had not all been.
    this.#tell(nowMs);
  }

  /** Takes in what was read at `nowMs` (monotonic); whether that was anything. */
  apply(fetch: Fetch, nowMs: number): boolean {
    const { kind } = this.#places[fetch.partition];
    const { records } = fetch;
    for (let i = 0; i < records.count; i++) {
      // A tombstone: the row's value follows.
      if (kind === 'results' && records.starts[i] === records.ends[i]) continue;
      const value = records.bytes.subarray(records.starts[i], records.ends[i]);
      if (kind === 'results') this.#result(fetch.partition, value, records.arrivals[i]);
      else if (kind === 'progress') this.#progress(value);
      else this.#rejected(fetch.partition, records, i);
    }
    if (kind === 'progress' && records.count > 0) this.#tell(nowMs);
    if (fetch.end) this.#provenMs[fetch.partition] = fetch.sentAtMs;
    return records.count > 0;
  }

  #result(p: number, value: Uint8Array, toldMs: number): void {
    const result = readResult(value);
    if (result === null) this.unreadable++;
    else if (result.windowMs !== this.#settings.windowMs) this.otherWindows++;
    else {
      this.#maxTs[p] = Math.max(this.#maxTs[p] ?? -Infinity, result.start + result.windowMs - 1);
      this.table.fold({ ...result, from: p, toldS: Math.floor(toldMs / 1_000) });
    }
  }

  #progress(value: Uint8Array): void {
    const record = readProgress(value);
    // The topic also remembers what was deployed.
    if (record === null) return;
    this.#beside.progress[record.partition] = record.watermark;
    this.#isBesideChanged = true;
  }

  /** The least of all subtasks' watermarks; none before each has one. */
  #tell(atMs: number): void {
    const all = Object.values(this.#beside.progress);
    if (all.length === 0 || all.includes(null)) return;
    const watermark = Math.min(...(all as number[]));
    const last = this.#told.at(-1)?.watermark ?? this.watermark ?? -Infinity;
    if (watermark > last) this.#told.push({ watermark, atMs });
  }

  /** Events come in the order of their origin's offsets: an older one is a repeat. */
  #rejected(p: number, records: RecordBatch, i: number): void {
    const record = readRejected(headersAt(records.bytes, records.ends[i]));
    if (record === null) {
      this.unreadable++;
      return;
    }
    const { reason, offset } = record;
    const origin = `${this.#places[p].name} ${record.origin}`;
    const { origins, verdicts } = this.#beside;
    if (offset <= (origins[origin] ?? -1)) return;
    origins[origin] = offset;
    verdicts[reason] = (verdicts[reason] ?? 0) + 1;
    this.#isBesideChanged = true;
  }

  /** The watermark goes on where every result before it has been read; whether it did. */
  advance(): boolean {
    const proven = this.#provenMs.filter((_, p) => this.#places[p].kind === 'results');
    const provenMs = Math.min(...proven);
    let hasMoved = false;
    while (this.#told.length > 0 && this.#told[0].atMs + SETTLE_MS <= provenMs) {
      this.watermark = (this.#told.shift() as { watermark: number }).watermark;
      hasMoved = true;
    }
    if (hasMoved && this.watermark !== null) this.table.expire(this.watermark);
    return hasMoved;
  }

  /** The parts of the checkpoint that change with these blocks. */
  parts({ blocks }: Taken): Part[] {
    const parts = blocks.map((block) => blockPart(block, this.#settings.windowMs));
    if (!this.#isBesideChanged) return parts;
    this.#isBesideChanged = false;
    const bytes = new TextEncoder().encode(JSON.stringify(this.#beside));
    return [...parts, { name: SINK_STATE_PART, bytes }];
  }

  /**
   * As of what was taken; `positions` are those from which reading would go on, and all results
   * before `watermark` have been taken.
   */
  status(
    positions: readonly number[],
    topicIds: readonly string[],
    watermark: number | null,
  ): Status {
    const { windowMs, allowedLatenessMs } = this.#settings;
    const finalBefore =
      watermark === null ? null : windowStart(watermark - allowedLatenessMs + 1, windowMs);
    return {
      version: VERSION,
      watermark,
      finalBefore,
      comebacks: [],
      ledger: this.#ledger(),
      partitions: this.#places.map(
        ({ name }, p): PartitionStatus => ({
          name,
          topicId: topicIds[p],
          position: positions[p],
          maxTs: this.#maxTs[p],
          watermark,
          idle: false,
        }),
      ),
      settings: this.#settings,
      publishFloor: null,
      idKey: '',
      heldElsewhere: this.heldElsewhere,
      droppedIds: 0,
    };
  }

  /** What somebody should look at, in words. */
  concerns(): string[] {
    const { otherWindows, unreadable, heldElsewhere } = this;
    const concerns: string[] = [];
    if (otherWindows > 0)
      concerns.push(`${otherWindows} results have windows of another length: see windowMs`);
    if (unreadable > 0) concerns.push(`${unreadable} records are none of the job's`);
    if (heldElsewhere > 0)
      concerns.push(`${heldElsewhere} products belong to the tasks of an engine`);
    return concerns;
  }

  #ledger(): Ledger {
    const verdicts = {} as Record<Verdict, number>;
    let received = 0;
    for (const verdict of VERDICTS) {
      const isCounted = codeOf(verdict) === COUNTED;
      verdicts[verdict] = isCounted ? this.table.counted : (this.#beside.verdicts[verdict] ?? 0);
      received += verdicts[verdict];
    }
    return { received, verdicts, since: { ...this.since }, missed: this.missed };
  }
}

function readBeside({ name, bytes }: Part): Beside {
  try {
    const { verdicts, origins, progress } = JSON.parse(new TextDecoder().decode(bytes)) as Beside;
    const isWhole = [verdicts, origins, progress].every((map) => Object(map) === map);
    if (isWhole) return { verdicts, origins, progress };
  } catch {
    // As damaged as one without its fields.
  }
  throw new ClickrateError('checkpoint_damaged', `checkpoint part ${name} is damaged`);
}
