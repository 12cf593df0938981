/**
 * The state of a task: its time, open windows, ids, published table, ledger, and what waits for the
 * next commit. `verdict.ts` moves it event by event, `collect.ts` commit by commit.
 */
import { type Limits, MOST_ID_BYTES, MOST_PRODUCTS, type Settings } from '../config.ts';
import { BLOCK_PRODUCTS, BLOCK_SHIFT, SLOT_MASK } from '../decode/columns.ts';
import { copyOf, type Reason, type RecordBatch, VERDICTS } from '../event.ts';
import type { Comeback, KeptEvent } from '../status.ts';
import { Duplicates } from './duplicates.ts';
import { Tally } from './ledger.ts';
import { PublishedBlock } from './published.ts';
import { type PartitionTime, partitionTime } from './watermark.ts';
import { Windows } from './windows.ts';

/** Bytes that a kept event costs beside its own. */
const KEPT_OVERHEAD = 128;

export class TaskCore {
  readonly settings: Settings;
  readonly limits: Limits;
  /** Names of the topic partitions, by index. */
  readonly names: readonly string[];
  readonly times: PartitionTime[];
  readonly windows: Windows;
  readonly duplicates: Duplicates;
  readonly blocks: (PublishedBlock | undefined)[] = [];
  /** 1 for each block of products whose checkpoint part is out of date. */
  readonly changedBlocks: Uint8Array;
  tally: Tally;
  /** The task's watermark; -Infinity before the first. */
  watermark = -Infinity;
  /** Windows that start at or before it are counted, never published. */
  publishFloor = -Infinity;
  /** Products to claim in a coming commit. */
  toClaim: number[] = [];
  /** Results were left over, or a claim was answered: the next commit need not wait. */
  publishAgain = false;
  /** Published windows published again since the last commit was collected. */
  revisions = 0;
  /** Products that another task owns. */
  heldElsewhere = 0;
  /** The watermark at which they are asked for again; up to where that has been done. */
  askAgainAt = -Infinity;
  askAgainFrom = 0;
  comebacks: Comeback[] = [];
  oldComebacks: Comeback[] = [];
  kept: KeptEvent[] = [];
  #keptBytes = 0;

  constructor(settings: Settings, limits: Limits, names: readonly string[]) {
    this.settings = settings;
    this.limits = limits;
    this.names = names;
    this.times = names.map(partitionTime);
    this.windows = new Windows(settings.windowMs);
    this.duplicates = new Duplicates(settings, names.length);
    // A checkpoint may be of a time when more products were allowed.
    this.changedBlocks = new Uint8Array(MOST_PRODUCTS / BLOCK_PRODUCTS);
    this.tally = new Tally(null);
  }

  /** The largest event time seen. */
  get maxTs(): number {
    return Math.max(...this.times.map((time) => time.maxTs));
  }

  cellsFull(): boolean {
    return this.windows.openCells >= this.limits.openCells;
  }

  keptFull(): boolean {
    return this.#keptBytes >= this.limits.keptBytes;
  }

  /** Keeps an event that is not counted for the next commit; its sentence is written there. */
  keep(p: number, records: RecordBatch, i: number, code: number): void {
    const [start, end] = [records.starts[i], records.ends[i]];
    // A record of megabytes, cheap to send where it is compressed, would be all that fits a commit.
    const last = Math.min(end, start + this.limits.keptEventBytes);
    const bytes = copyOf(records.bytes, start, last);
    const key = keyOf(records, i);
    this.#keptBytes += bytes.length + (key?.length ?? 0) + KEPT_OVERHEAD;
    this.kept.push({
      partition: this.names[p],
      offset: records.offsets[i],
      reason: VERDICTS[code] as Reason,
      message: '',
      arrivalMs: records.arrivals[i],
      bytes,
      ...(last === end ? {} : { cutFrom: end - start }),
      ...(key === null ? {} : { key }),
    });
  }

  takeKept(): KeptEvent[] {
    const kept = this.kept;
    this.kept = [];
    this.#keptBytes = 0;
    return kept;
  }

  /**
   * An idle partition speaks: before its event is judged it takes the larger of its own watermark
   * and the task's. Where that changes it, the comeback is written down, because a verdict is a
   * function of one partition's log and this list.
   */
  comeback(p: number, offset: number, watermark: number): number {
    if (!(this.watermark > watermark)) return watermark;
    this.comebacks.push({ partition: this.names[p], offset, watermark: this.watermark });
    if (this.comebacks.length > this.limits.comebacks)
      this.oldComebacks.push(this.comebacks.shift() as Comeback);
    if (this.watermark >= this.duplicates.forgetAt[p]) this.duplicates.forget(p, this.watermark);
    return this.watermark;
  }

  /** The published table of the block that holds `product`. */
  blockOf(product: number): PublishedBlock {
    const index = product >>> BLOCK_SHIFT;
    let block = this.blocks[index];
    if (block === undefined) {
      block = new PublishedBlock();
      this.blocks[index] = block;
    }
    return block;
  }
}

function keyOf({ bytes, keyStarts, keyEnds }: RecordBatch, i: number): Uint8Array | null {
  if (keyStarts === undefined || keyEnds === undefined || keyEnds[i] < keyStarts[i]) return null;
  // No product id.
  if (keyEnds[i] - keyStarts[i] > MOST_ID_BYTES) return null;
  return copyOf(bytes, keyStarts[i], keyEnds[i]);
}

/** The place of a product in its block. */
export function slotOf(product: number): number {
  return product & SLOT_MASK;
}
