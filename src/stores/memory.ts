/**
 * The store in memory: the model that the others are compared with, and the store of a replay
 * without a data directory. `snapshot` and `rollback` play a store that lost its last writes.
 */
import type { Clock } from '../clock.ts';
import { LIMITS, type Limits } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import type { Counts } from '../result.ts';
import type { Comeback, Status } from '../status.ts';
import type {
  Change,
  Commit,
  CommitAnswer,
  Fence,
  KeptTotals,
  Loaded,
  RejectedQuery,
  Row,
  Store,
  StoredEvent,
  TaskState,
  Writer,
} from './store.ts';

type TaskRow = Fence & { number: number; status: Status | null; parts: Map<string, Uint8Array> };
type ProductRow = Row & { task: string };

type Content = {
  tasks: Map<string, TaskRow>;
  products: Map<string, ProductRow>;
  history: Map<string, Map<number, Counts>>;
  newestStart: number;
  windowMs: number | null;
  kept: StoredEvent[];
  keptId: number;
  pruned: number;
  comebacks: (Comeback & { task: string })[];
  change: number;
};

/** Comebacks kept as history. */
const COMEBACK_ROWS = 100_000;

export type MemoryStoreOptions = {
  clock?: Clock;
  limits?: Limits;
  resultsPerCommit?: number;
  incarnation?: string;
  writer?: Writer;
};

export class MemoryStore implements Store {
  readonly resultsPerCommit: number;
  readonly #limits: Limits;
  readonly #incarnation: string;
  readonly #listeners = new Set<(change: Change) => void>();
  #content: Content = {
    tasks: new Map(),
    products: new Map(),
    history: new Map(),
    newestStart: -Infinity,
    windowMs: null,
    kept: [],
    keptId: 0,
    pruned: 0,
    comebacks: [],
    change: 0,
  };
  #closed = false;

  constructor(options: MemoryStoreOptions = {}) {
    this.#limits = options.limits ?? LIMITS;
    this.resultsPerCommit = options.resultsPerCommit ?? 20_000;
    this.#incarnation = options.incarnation ?? 'memory';
  }

  async claim(task: string, token: string): Promise<Fence> {
    const before = this.#content.tasks.get(task);
    const row = before ?? { epoch: 0, token, number: 0, status: null, parts: new Map() };
    row.epoch++;
    row.token = token;
    this.#content.tasks.set(task, row);
    return { epoch: row.epoch, token };
  }

  async read(task: string): Promise<TaskState> {
    const row = this.#content.tasks.get(task);
    if (row === undefined) return { number: 0, status: null, parts: [] };
    const parts = [...row.parts].map(([name, bytes]) => ({ name, bytes: bytes.slice() }));
    return { number: row.number, status: structuredClone(row.status), parts };
  }

  async commit(commit: Commit): Promise<CommitAnswer> {
    if (this.#closed) throw new ClickrateError('store_unavailable', 'the store is closed');
    const row = this.#content.tasks.get(commit.task);
    if (row === undefined || row.epoch !== commit.epoch || row.token !== commit.token)
      return { answer: 'fenced' };
    if (commit.number === row.number && commit.number > 0 && row.status !== null)
      return { answer: 'duplicate', heldElsewhere: this.#heldElsewhere(commit) };
    if (commit.number !== row.number + 1) return { answer: 'fenced' };
    this.#apply(row, commit);
    return { answer: 'ok', heldElsewhere: this.#heldElsewhere(commit) };
  }

  #heldElsewhere(commit: Commit): string[] {
    const { products } = this.#content;
    return commit.claims.filter((name) => products.get(name)?.task !== commit.task);
  }

  #apply(row: TaskRow, commit: Commit): void {
    const content = this.#content;
    content.windowMs = commit.status.settings.windowMs;
    const removals = this.#remove(commit);
    for (const product of commit.claims)
      if (!content.products.has(product))
        content.products.set(product, { product, task: commit.task, latest: null, previous: null });
    const rows = this.#publish(commit);
    for (const { name, bytes } of commit.parts) row.parts.set(name, bytes.slice());
    for (const name of commit.removedParts) row.parts.delete(name);
    row.status = structuredClone(commit.status);
    row.number = commit.number;
    for (const event of commit.kept)
      content.kept.push({
        ...event,
        bytes: event.bytes.slice(),
        id: ++content.keptId,
        task: commit.task,
      });
    this.#prune(commit);
    if (rows.length === 0 && removals.length === 0) return;
    content.change++;
    const change: Change = {
      incarnation: this.#incarnation,
      number: content.change,
      windowMs: commit.status.settings.windowMs,
      rows,
      removals,
    };
    for (const listener of this.#listeners) listener(change);
  }

  #remove(commit: Commit): string[] {
    const { products, history } = this.#content;
    const owned = commit.removals.filter((name) => products.get(name)?.task === commit.task);
    for (const name of owned) {
      products.delete(name);
      history.delete(name);
    }
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
      let windows = history.get(product);
      if (windows === undefined) {
        windows = new Map();
        history.set(product, windows);
      }
      for (const cell of cells) {
        windows.set(cell.start, { ...cell });
        this.#content.newestStart = Math.max(this.#content.newestStart, cell.start);
      }
    }
    return rows;
  }

  #prune(commit: Commit): void {
    const content = this.#content;
    content.comebacks.push(...commit.comebacks.map((c) => ({ ...c, task: commit.task })));
    content.comebacks.splice(0, Math.max(0, content.comebacks.length - COMEBACK_ROWS));
    const oldest = content.newestStart - this.#limits.historyMs;
    for (const [product, windows] of content.history) {
      for (const start of windows.keys()) if (start < oldest) windows.delete(start);
      if (windows.size === 0) content.history.delete(product);
    }
    let bytes = content.kept.reduce((sum, event) => sum + event.bytes.length, 0);
    const newest = content.kept.at(-1)?.arrivalMs ?? 0;
    while (content.kept.length > 0) {
      const [first] = content.kept;
      const isOld = first.arrivalMs < newest - this.#limits.keptMs;
      if (!isOld && bytes <= this.#limits.keptTotalBytes) break;
      bytes -= first.bytes.length;
      content.kept.shift();
      content.pruned++;
    }
  }

  async load(): Promise<Loaded> {
    const rows = [...this.#content.products.values()]
      .filter(({ latest }) => latest !== null)
      .map(({ product, latest, previous }) => ({ product, latest, previous }));
    const { change, windowMs } = this.#content;
    return structuredClone({ incarnation: this.#incarnation, number: change, windowMs, rows });
  }

  follow(onChange: (change: Change) => void): () => void {
    this.#listeners.add(onChange);
    return () => this.#listeners.delete(onChange);
  }

  async history(product: string, fromMs: number, toMs: number): Promise<Counts[]> {
    const windows = [...(this.#content.history.get(product)?.values() ?? [])];
    return windows
      .filter(({ start }) => start >= fromMs && start < toMs)
      .sort((a, b) => a.start - b.start)
      .map((counts) => ({ ...counts }));
  }

  async statuses(): Promise<Map<string, Status>> {
    const statuses = new Map<string, Status>();
    for (const [task, { status }] of this.#content.tasks)
      if (status !== null) statuses.set(task, structuredClone(status));
    return statuses;
  }

  async rejected({ reason, before, limit }: RejectedQuery): Promise<StoredEvent[]> {
    return this.#content.kept
      .filter((event) => reason === undefined || event.reason === reason)
      .filter((event) => before === undefined || event.id < before)
      .reverse()
      .slice(0, limit)
      .map((event) => ({ ...event }));
  }

  async keptTotals(): Promise<KeptTotals> {
    const { kept, pruned } = this.#content;
    const bytes = kept.reduce((sum, event) => sum + event.bytes.length, 0);
    return { events: kept.length, bytes, pruned };
  }

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
