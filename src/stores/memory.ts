/**
 * The store in memory: the model that the others are compared with, and the store of a replay
 * without a data directory. `snapshot` and `rollback` play a store that lost its last writes.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { LIMITS, type Limits, OPTIONS } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import type { Counts } from '../result.ts';
import type { Comeback, Status } from '../status.ts';
import { type Ladder, ladderOf } from './history/levels.ts';
import { Listeners } from './listeners.ts';
import {
  type Content,
  emptyContent,
  endTasks,
  forgetDeparted,
  keep,
  keptPage,
  prune,
  type TaskRow,
} from './memory-content.ts';
import { fold, held, read, remember } from './memory-history.ts';
import {
  type Change,
  COMMITS_IN_FLIGHT,
  type Commit,
  type CommitAnswer,
  type Fence,
  type HistoryHeld,
  type HistoryQuery,
  type KeptTotals,
  type Loaded,
  type RejectedQuery,
  type Row,
  type Store,
  type StoredEvent,
  type StoreOptions,
  type TaskState,
  type Writer,
} from './store.ts';
import { takesOver } from './writer.ts';

export class MemoryStore implements Store {
  readonly resultsPerCommit: number;
  readonly #clock: Clock | null;
  readonly #limits: Limits;
  readonly #incarnation: string;
  readonly #timeZone: string;
  readonly #writer: Writer;
  readonly #takeOver: boolean;
  readonly #listeners = new Listeners();
  #content = emptyContent();
  #closed = false;

  /** Without a clock no kept event is too old. */
  constructor(options: StoreOptions & { incarnation?: string } = {}) {
    this.#clock = options.clock ?? null;
    this.#limits = options.limits ?? LIMITS;
    this.resultsPerCommit = options.resultsPerCommit ?? 20_000;
    this.#incarnation = options.incarnation ?? randomUUID();
    this.#timeZone = options.timeZone ?? OPTIONS.timeZone;
    // Refused now, not with the first commit.
    this.#ladder();
    this.#writer = options.writer ?? 'engine';
    this.#takeOver = options.takeOver ?? false;
  }

  async claim(task: string, token: string): Promise<Fence> {
    this.#mustBeOpen();
    const content = this.#content;
    const removals = takesOver(content.writer, this.#writer, this.#takeOver)
      ? endTasks(content, this.#limits)
      : [];
    content.writer = this.#writer;
    const before = content.tasks.get(task);
    const row = before ?? { epoch: 0, number: 0, status: null, parts: new Map() };
    const epoch = row.epoch + 1;
    content.tasks.set(task, { ...row, epoch, token, committed: 0 });
    const change = this.#changed(content.windowMs ?? 0, [], removals);
    if (change !== null) this.#listeners.tell(change);
    return { epoch, token };
  }

  async read(task: string): Promise<TaskState> {
    this.#mustBeOpen();
    const row = this.#content.tasks.get(task);
    if (row === undefined) return { number: 0, status: null, parts: [] };
    const parts = [...row.parts].map(([name, bytes]) => ({ name, bytes: new Uint8Array(bytes) }));
    return { number: row.number, status: structuredClone(row.status), parts };
  }

  async commit(commit: Commit): Promise<CommitAnswer> {
    this.#mustBeOpen();
    const row = this.#content.tasks.get(commit.task);
    const isOwner = row?.epoch === commit.epoch && row.token === commit.token;
    if (row === undefined || !isOwner || this.#content.writer !== this.#writer)
      return { answer: 'fenced' };
    const behind = row.number - commit.number;
    if (behind >= 0 && behind < row.committed)
      return { answer: 'duplicate', heldElsewhere: this.#heldElsewhere(commit) };
    if (behind !== -1) return { answer: 'fenced' };
    const change = this.#apply(row, commit);
    const heldElsewhere = this.#heldElsewhere(commit);
    if (change !== null) this.#listeners.tell(change);
    return { answer: 'ok', heldElsewhere };
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new ClickrateError('store_unavailable', 'the store is closed');
  }

  #heldElsewhere(commit: Commit): string[] {
    const { products } = this.#content;
    return commit.claims.filter((name) => products.get(name)?.task !== commit.task);
  }

  #apply(row: TaskRow, commit: Commit): Change | null {
    const content = this.#content;
    const { windowMs } = commit.status.settings;
    content.windowMs = windowMs;
    const removals = this.#remove(commit);
    for (const product of commit.claims)
      if (!content.products.has(product)) {
        content.departed.delete(product);
        content.products.set(product, { product, task: commit.task, latest: null, previous: null });
      }
    const rows = this.#publish(commit);
    for (const { name, bytes } of commit.parts) row.parts.set(name, new Uint8Array(bytes));
    for (const name of commit.removedParts) row.parts.delete(name);
    row.status = structuredClone(commit.status);
    row.number = commit.number;
    row.committed = Math.min(row.committed + 1, COMMITS_IN_FLIGHT);
    keep(content, commit);
    prune(content, this.#limits, this.#clock?.wallMs() ?? -Infinity);
    return this.#changed(windowMs, rows, removals);
  }

  #changed(windowMs: number, rows: Row[], removals: string[]): Change | null {
    if (rows.length === 0 && removals.length === 0) return null;
    const number = ++this.#content.change;
    return { incarnation: this.#incarnation, number, windowMs, rows, removals };
  }

  #remove(commit: Commit): string[] {
    const { products, departed } = this.#content;
    const owned = [...new Set(commit.removals)].filter(
      (name) => products.get(name)?.task === commit.task,
    );
    for (const name of owned) {
      products.delete(name);
      departed.add(name);
    }
    forgetDeparted(this.#content, this.#limits);
    return owned;
  }

  #publish(commit: Commit): Row[] {
    const { products, history } = this.#content;
    const rows: Row[] = [];
    for (const { product, latest, previous, cells } of commit.results) {
      const row = products.get(product);
      if (row === undefined || row.task !== commit.task) continue;
      row.latest = { ...latest };
      row.previous = previous === null ? null : { ...previous };
      rows.push({ product, latest: { ...latest }, previous: row.previous && { ...row.previous } });
      for (const cell of cells) remember(history, product, cell);
    }
    const { settings, finalBefore } = commit.status;
    fold(history, this.#ladder(settings.allowedLatenessMs), this.#limits, finalBefore);
    return rows;
  }

  async load(): Promise<Loaded> {
    this.#mustBeOpen();
    const rows = [...this.#content.products.values()]
      .filter(({ latest }) => latest !== null)
      .map(({ product, latest, previous }) => ({ product, latest, previous }));
    const { change, windowMs } = this.#content;
    return structuredClone({ incarnation: this.#incarnation, number: change, windowMs, rows });
  }

  follow(onChange: (change: Change) => void): () => void {
    return this.#listeners.follow(onChange);
  }

  async history(query: HistoryQuery): Promise<Counts[][]> {
    this.#mustBeOpen();
    return read(this.#content.history, query);
  }

  async historyHeld(): Promise<HistoryHeld> {
    return held(this.#content.history, this.#ladder());
  }

  #ladder(latenessMs?: number): Ladder {
    return ladderOf(this.#content.windowMs, this.#timeZone, latenessMs);
  }

  async statuses(): Promise<Map<string, Status>> {
    const statuses = new Map<string, Status>();
    for (const [task, { status }] of this.#content.tasks)
      if (status !== null) statuses.set(task, structuredClone(status));
    return statuses;
  }

  async rejected(query: RejectedQuery): Promise<StoredEvent[]> {
    return keptPage(this.#content.kept, query);
  }

  async keptTotals(): Promise<KeptTotals> {
    const { kept, keptBytes, pruned } = this.#content;
    return { events: kept.length, bytes: keptBytes, pruned };
  }

  /** Comebacks that no longer fit a status, oldest first. */
  async comebacks(): Promise<(Comeback & { task: string })[]> {
    return structuredClone(this.#content.comebacks);
  }

  /** Everything the store holds, to go back to. */
  snapshot(): Content {
    return structuredClone(this.#content);
  }

  rollback(snapshot: Content): void {
    this.#content = structuredClone(snapshot);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
  }
}
