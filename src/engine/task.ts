/**
 * A task: the whole engine for partition n of the topics. Pure and stepped by its caller: `apply`
 * for each decoded batch, `advance` once a step, `collect` once a commit. It is built from its
 * settings and a checkpoint, and hands back every change of that checkpoint.
 */
import type { Limits, Settings } from '../config.ts';
import { BLOCK_SHIFT, blockShiftOf, type EventBatch } from '../decode/columns.ts';
import { ClickrateError } from '../errors.ts';
import type { RecordBatch } from '../event.ts';
import type { ProductResult } from '../result.ts';
import {
  type Comeback,
  compareNames,
  type KeptEvent,
  type OpenCounts,
  type Part,
  type Status,
} from '../status.ts';
import { restoreBlock, takeBlockParts } from './checkpoint.ts';
import { answerClaims, askAgain, type Due, due, free, publish, takeClaims } from './collect.ts';
import { slotOf, TaskCore } from './core.ts';
import { expire, hasExpired, newestEnd } from './expire.ts';
import { Tally } from './ledger.ts';
import { openCounts } from './open.ts';
import type { Names } from './publication.ts';
import { partitionsOf, statusOf } from './status.ts';
import { type Judged, judge } from './verdict.ts';
import { type Sights, taskWatermark } from './watermark.ts';

/** Version of the checkpoint's form: newer code reads older forms, a newer form is refused. */
const CHECKPOINT_VERSION = 2;

/** Where a task reads: one entry a topic partition. */
export type Place = { name: string; topicId: string };

/** What a commit carries of the engine's state. Products are named by dense id and by name. */
export type Collected = {
  results: ProductResult[];
  /** Dense ids claimed by this commit, in the order of their names. */
  claims: number[];
  /** Dense ids that are free from now on; `removals` are the dense ids whose rows must go. */
  expired: number[];
  removals: number[];
  parts: Part[];
  removedParts: string[];
  kept: KeptEvent[];
  comebacks: Comeback[];
  /** Results that are revisions of a product's latest or previous window. */
  revisions: number;
};

export class Task {
  readonly #core: TaskCore;
  readonly #places: readonly Place[];
  readonly #idKey: string;
  #newProducts: number[] = [];

  /** A new task. `idKey`: 32 hexadecimal digits that key the hash of event ids. */
  constructor(settings: Settings, limits: Limits, places: readonly Place[], idKey: string) {
    const names = places.map((place) => place.name);
    this.#core = new TaskCore(settings, limits, names);
    this.#places = places;
    this.#idKey = idKey;
  }

  /**
   * Takes the state of a checkpoint; throws `checkpoint_damaged`. Parts it does not know are left.
   */
  restore(status: Status, parts: readonly Part[]): void {
    const core = this.#core;
    if (status.version > CHECKPOINT_VERSION)
      throw new ClickrateError(
        'checkpoint_damaged',
        `the checkpoint has form ${status.version}, this version reads up to ` +
          `${CHECKPOINT_VERSION}; use a newer clickrate`,
      );
    for (const at of status.partitions) {
      const p = core.names.indexOf(at.name);
      if (p < 0) continue;
      core.times[p] = {
        maxTs: at.maxTs ?? -Infinity,
        watermark: at.watermark ?? -Infinity,
        idle: at.idle,
      };
    }
    core.watermark = status.watermark ?? -Infinity;
    core.publishFloor = status.publishFloor ?? -Infinity;
    // What was final then may take events again now, but its counts are gone with its window.
    const isLater = core.settings.allowedLatenessMs > status.settings.allowedLatenessMs;
    if (isLater && status.finalBefore !== null) this.raiseFloor(status.finalBefore - 1);
    core.comebacks = [...status.comebacks];
    core.tally = new Tally(status.ledger);
    core.duplicates.dropped = status.droppedIds;
    // The ids of a bucket take the places that they had.
    const inOrder = [...parts].sort((a, b) => compareNames(a.name, b.name));
    const shift = blockShiftOf(status.version);
    for (const part of inOrder) if (!restoreBlock(core, part, shift)) core.duplicates.restore(part);
    core.duplicates.restored();
  }

  /**
   * The ledger counts from these offsets (by partition name), unless a checkpoint said otherwise.
   */
  countFrom(since: Record<string, number>, missed: number): void {
    this.#core.tally.since = { ...since, ...this.#core.tally.since };
    this.#core.tally.missed += missed;
  }

  /** Windows that start at or before `floorMs` may lack events: count, never publish. */
  raiseFloor(floorMs: number): void {
    this.#core.publishFloor = Math.max(this.#core.publishFloor, floorMs);
  }

  /** Products that decode met for the first time. */
  admit(products: readonly number[]): void {
    for (const product of products) this.#newProducts.push(product);
  }

  /**
   * Step 3: judges rows `[from, events.to)` of partition `p`; may stop early when a buffer is full.
   */
  apply(p: number, records: RecordBatch, events: EventBatch, from: number): Judged {
    return judge(this.#core, p, records, events, from);
  }

  /**
   * Whether partition `p` may be applied now: with full cells only one that holds time back, by its
   * watermark or because time may not move past what it has to say.
   */
  mayApply(p: number): boolean {
    const core = this.#core;
    const time = core.times[p];
    return !core.cellsFull() || time.idle || time.watermark <= core.watermark;
  }

  /** Whether the task has seen the product; a restored dictionary may hold others. */
  knows(product: number): boolean {
    const block = this.#core.blocks[product >>> BLOCK_SHIFT];
    return block !== undefined && !Number.isNaN(block.lastEnd[slotOf(product)]);
  }

  /** Whether partition `p` is so far ahead of the task that it is not fetched. */
  drifted(p: number): boolean {
    const core = this.#core;
    return (
      core.times[p].watermark > core.watermark + core.settings.driftMs && core.watermark > -Infinity
    );
  }

  /** Step 4: moves the task's watermark. */
  advance(sights: Sights): void {
    const core = this.#core;
    sights.partitions.forEach((sight, p) => {
      if (sight.idle) core.times[p].idle = true;
    });
    core.watermark = taskWatermark(core.watermark, core.times, sights, core.settings);
  }

  isIdle(p: number): boolean {
    return this.#core.times[p].idle;
  }

  due(): Due {
    return this.#core.keptFull() ? 'now' : due(this.#core);
  }

  /** Windows still open: none are left when every event's window was closed. */
  get openWindows(): number {
    return this.#core.windows.size;
  }

  /** Counts of the windows not yet published; at most `limit` products, the most active. */
  openCounts(names: Names, limit: number): OpenCounts {
    return openCounts(this.#core, names, limit);
  }

  get watermark(): number {
    return this.#core.watermark;
  }

  /** Step 4, once a commit: everything it has to write, at most about `limit` cells of results. */
  collect(names: Names, limit: number): Collected {
    const core = this.#core;
    this.#seeNewProducts();
    // Stores remove before they write: what this commit publishes leaves with a later one.
    const { expired, owned } = expire(core, limit);
    const results = publish(core, names, limit);
    free(core);
    askAgain(core, limit);
    const claims = takeClaims(core, limit);
    const blocks = takeBlockParts(core);
    const ids = core.duplicates.takeParts();
    const comebacks = core.oldComebacks;
    core.oldComebacks = [];
    const { revisions } = core;
    core.revisions = 0;
    return {
      results,
      claims,
      expired,
      removals: owned,
      parts: [...blocks.parts, ...ids.parts],
      removedParts: [...blocks.removed, ...ids.removed],
      kept: core.takeKept(),
      comebacks,
      revisions,
    };
  }

  /** Whether products have to leave: those that the last commit published, too. */
  get hasExpired(): boolean {
    return hasExpired(this.#core);
  }

  /** The store answered a commit: of its claims, `elsewhere` belong to another task. */
  answer(claims: number[], elsewhere: Set<number>): void {
    answerClaims(this.#core, claims, elsewhere);
  }

  /** New products live from their newest window on; without one (all too late) from now on. */
  #seeNewProducts(): void {
    const core = this.#core;
    if (core.maxTs === -Infinity) return;
    for (const product of this.#newProducts) {
      const end = newestEnd(core, product);
      core.blockOf(product).seen(slotOf(product), end ?? Math.max(core.watermark, core.maxTs));
      core.changedBlocks[product >>> BLOCK_SHIFT] = 1;
      core.toClaim.push(product);
    }
    this.#newProducts = [];
  }

  /** The readable part of the checkpoint; `positions` are the offsets of the next records. */
  status(positions: readonly number[]): Status {
    return {
      version: CHECKPOINT_VERSION,
      partitions: partitionsOf(this.#core, this.#places, positions),
      ...statusOf(this.#core),
      idKey: this.#idKey,
    };
  }
}
