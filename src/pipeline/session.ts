/**
 * What a pipeline holds between a claim and the next: the engine's state as the checkpoint had it,
 * and where each topic partition is read. A fenced pipeline drops it whole and opens another.
 */
import type { Clock } from '../clock.ts';
import type { Limits, Settings } from '../config.ts';
import { BLOCK_SHIFT, blockShiftOf, type EventBatch, eventBatch } from '../decode/columns.ts';
import { explain } from '../decode/explain.ts';
import { Products } from '../decode/products.ts';
import { Decoder } from '../decode/scan.ts';
import { type Place, Task } from '../engine/task.ts';
import { ClickrateError } from '../errors.ts';
import type { Log } from '../log.ts';
import { BLOCK_PARTS, PRODUCT_PARTS } from '../part-names.ts';
import type { Fetch, Opened, Source } from '../sources/source.ts';
import type { KeptEvent, Part, Status } from '../status.ts';
import type { Fence, TaskState, TaskStore } from '../stores/store.ts';
import { Former, isFormer } from './former.ts';
import { Idleness } from './idleness.ts';
import { type Retry, withRetry } from './retry.ts';

export type PipelineParts = {
  task: string;
  source: Source;
  store: TaskStore;
  clock: Clock;
  settings: Settings;
  limits: Limits;
  log: Log;
  /** A token that no claim had before. */
  newToken(): string;
  /** 32 random hexadecimal digits: the key of the id hash of a new task. */
  newIdKey(): string;
  /** Asks whoever gives tasks out (a real round trip) whether this one is still ours. */
  stillOurs(stopping: AbortSignal): Promise<boolean>;
  /** Keeps uncounted events elsewhere too, before the commit that counts them; may repeat. */
  keep?(events: readonly KeptEvent[]): Promise<void>;
  /** Takes a checkpoint of another window size: its windows and rows are dropped, said loudly. */
  resetWindows?: boolean;
  /** Called as each numbered step begins. */
  onStep?(step: 1 | 2 | 3 | 4 | 5 | 6): void;
};

/** A fetch whose records are not all applied yet. */
export type Pending = Fetch & { from: number; good: number };

export class Session {
  readonly task: Task;
  readonly products: Products;
  readonly decoder: Decoder;
  readonly idleness: Idleness;
  readonly positions: number[];
  readonly pending: (Pending | null)[];
  readonly fence: Fence;
  /** The store's write number at the claim. */
  readonly number: number;
  /** Parts of the old checkpoint that were not taken up: removed by the first commit. */
  dropped: string[] = [];
  former = new Former([], false);
  /** It goes on from a checkpoint. */
  isRestored = false;
  #events: EventBatch;
  readonly #settings: Settings;

  constructor(parts: PipelineParts, fence: Fence, number: number, places: Place[], idKey: string) {
    const { settings, limits } = parts;
    this.fence = fence;
    this.number = number;
    this.#settings = settings;
    const key = idKeyWords(idKey);
    this.products = new Products({ maxProducts: settings.maxProducts, seed: key[0] });
    this.decoder = new Decoder(this.products, settings, key);
    this.task = new Task(settings, limits, places, idKey);
    this.idleness = new Idleness(places.length, settings.idleAfterMs, parts.clock.monotonicMs());
    this.positions = places.map(() => 0);
    this.pending = places.map(() => null);
    this.#events = eventBatch(limits.batchRecords);
  }

  restore(status: Status, parts: readonly Part[]): void {
    this.isRestored = true;
    const rest: Part[] = [];
    const shift = blockShiftOf(status.version);
    for (const part of parts) {
      const block = PRODUCT_PARTS.numberOf(part.name);
      if (block === null) rest.push(part);
      else this.products.restore(block, part.bytes, shift);
    }
    this.task.restore(status, rest);
    const { products, task } = this;
    for (let id = 0; id < products.capacity; id++)
      if (products.has(id) && !task.knows(id)) task.admit([id]);
  }

  /** Step 2: columns of the records from `from` on; valid until the next call. */
  decode(fetch: Fetch, from: number): EventBatch {
    const { count } = fetch.records;
    if (count > this.#events.capacity) this.#events = eventBatch(count * 2);
    this.decoder.decode(fetch.records, from, count, this.#events);
    return this.#events;
  }

  /** The parts of the dictionary that changed. */
  takeProductParts(): { parts: Part[]; removed: string[] } {
    const parts: Part[] = [];
    const removed: string[] = [];
    for (const block of this.products.takeChanged()) {
      const bytes = this.products.encode(block);
      const name = PRODUCT_PARTS.name(block);
      if (bytes === null) removed.push(name);
      else parts.push({ name, bytes });
    }
    return { parts, removed };
  }

  explainKept({ reason, bytes, arrivalMs, cutFrom }: KeptEvent): string {
    const said = explain(reason, bytes, 0, cutFrom ?? bytes.length, arrivalMs, this.#settings);
    return cutFrom === undefined ? said : `${said}; the first ${bytes.length} are kept`;
  }
}

/**
 * Claims the task. A claim is sent once: without an answer it may or may not have been applied, so
 * the next one has a new token. Number and checkpoint are read after its answer.
 */
async function claimTask(parts: PipelineParts, retry: Retry) {
  const { store, task, newToken } = parts;
  const fence = await withRetry('the claim', retry, () => store.claim(task, newToken()));
  const state = await withRetry('reading the checkpoint', retry, () => store.read(task));
  return { fence, state };
}

/** Claims the task, reads its checkpoint and opens the source where the checkpoint stands. */
export async function openSession(parts: PipelineParts, retry: Retry): Promise<Session> {
  const { fence, state } = await claimTask(parts, retry);
  const { source } = parts;
  mustBeOf(source, parts.task, state.status);
  const positions = source.partitions.map((name) => {
    const at = state.status?.partitions.find((partition) => partition.name === name);
    return { offset: at?.position ?? null, topicId: at?.topicId ?? null };
  });
  const opened = await withRetry('opening the source', retry, () => source.open(positions));
  const places = source.partitions.map((name, p) => ({ name, topicId: opened[p].topicId }));
  const isNew = positions.some((at, p) => at.topicId !== null && at.topicId !== opened[p].topicId);
  if (isNew)
    parts.log.warn({ task: parts.task, places }, 'another topic: starting anew at its begin');
  const status = isNew ? null : checkedStatus(parts, state);
  const idKey = status?.idKey ?? parts.newIdKey();
  const session = new Session(parts, fence, state.number, places, idKey);
  const taken = status === null ? [] : partsToTake(status, state, parts);
  session.former = new Former(state.parts, isNew);
  const isKept = (part: Part) =>
    (taken.includes(part) && !isOfOtherBlocks(status!, part)) || (!isNew && isFormer(part));
  session.dropped = state.parts.filter((part) => !isKept(part)).map(({ name }) => name);
  if (status !== null) session.restore(status, taken);
  else raiseOverOld(session, state.status);
  begin(session, places, opened);
  parts.log.info(
    { task: parts.task, epoch: fence.epoch, positions: session.positions },
    status === null ? 'task claimed, no checkpoint yet' : 'task claimed, checkpoint restored',
  );
  return session;
}

/** A checkpoint of topic partitions of other names would be taken for the beginning of these. */
function mustBeOf({ partitions }: Source, task: string, status: Status | null): void {
  const kept = status?.partitions.map(({ name }) => name) ?? partitions;
  if (partitions.every((name) => kept.includes(name))) return;
  throw new ClickrateError(
    'source_foreign',
    `the checkpoint of task ${task} is of ${kept.join(' and ')}, not of ` +
      `${partitions.join(' and ')}: use those topics, or another store`,
  );
}

/** With another topic the state is gone: windows that the old one began may lack its events. */
function raiseOverOld(session: Session, old: Status | null): void {
  if (old?.publishFloor != null) session.task.raiseFloor(old.publishFloor);
  for (const { maxTs } of old?.partitions ?? []) if (maxTs !== null) session.task.raiseFloor(maxTs);
}

/** The checkpoint's status, refused by name when its windows are of another size. */
function checkedStatus(parts: PipelineParts, state: TaskState): Status | null {
  const { status } = state;
  if (status === null || status.settings.windowMs === parts.settings.windowMs) return status;
  const sizes = `windowMs ${status.settings.windowMs}, not ${parts.settings.windowMs}`;
  if (parts.resetWindows !== true)
    throw new ClickrateError(
      'checkpoint_settings',
      `the checkpoint of ${parts.task} has ${sizes}; run with that, or with --reset-windows ` +
        'to drop its open windows, latest and previous',
    );
  const dropped = 'its open windows, latest and previous are dropped';
  parts.log.warn({ task: parts.task }, `the checkpoint has ${sizes}: ${dropped}`);
  const newest = Math.max(...status.partitions.map((at) => at.maxTs ?? -Infinity));
  // Windows that start at or before the newest event may have lost events with the old ones.
  const floor = Math.max(newest, status.publishFloor ?? -Infinity);
  return { ...status, publishFloor: Number.isFinite(floor) ? floor : null };
}

/** Those of the engine, but no open windows of another size. */
function partsToTake(status: Status, state: TaskState, { settings }: PipelineParts): Part[] {
  const parts = state.parts.filter((part) => !isFormer(part));
  if (status.settings.windowMs === settings.windowMs) return parts;
  return parts.filter(({ name }) => !BLOCK_PARTS.has(name));
}

/** Whether the first commit writes its products in other parts. */
function isOfOtherBlocks({ version }: Status, { name }: Part): boolean {
  if (blockShiftOf(version) === BLOCK_SHIFT) return false;
  return BLOCK_PARTS.has(name) || PRODUCT_PARTS.has(name);
}

function begin(session: Session, places: Place[], opened: Opened[]): void {
  const since: Record<string, number> = {};
  let missed = 0;
  opened.forEach((at, p) => {
    session.positions[p] = at.offset;
    since[places[p].name] = at.offset;
    missed += at.missed;
    if (at.floorMs !== null) session.task.raiseFloor(at.floorMs);
  });
  session.task.countFrom(since, missed);
}

function idKeyWords(hex: string): Uint32Array {
  return Uint32Array.from([0, 8, 16, 24], (at) => Number.parseInt(hex.slice(at, at + 8), 16));
}
