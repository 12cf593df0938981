/**
 * The store of the embedded size: one SQLite file, one transaction a commit. At most one of these
 * may be open on a file, which the lock on the data directory sees to; the journal uses the same
 * connection for its own tables.
 */
import type { DatabaseSync } from 'node:sqlite';
import { type Clock, systemClock } from '../../clock.ts';
import { LIMITS, OPTIONS } from '../../config.ts';
import { ClickrateError } from '../../errors.ts';
import type { Counts } from '../../result.ts';
import { getMeta, reading, setMeta, transaction } from '../../sqlite.ts';
import type { Comeback, Status } from '../../status.ts';
import { ladderOf } from '../history/levels.ts';
import { Listeners } from '../listeners.ts';
import type {
  Change,
  Commit,
  CommitAnswer,
  Fence,
  HistoryHeld,
  HistoryQuery,
  KeptTotals,
  Loaded,
  RejectedQuery,
  Row,
  Store,
  StoredEvent,
  StoreOptions,
  TaskState,
} from '../store.ts';
import { History, StagedCells } from './history.ts';
import { Kept } from './kept.ts';
import { Products } from './products.ts';
import { Rows } from './rows.ts';
import { Tasks } from './tasks.ts';

/** Longest closing in one transaction: about 50 ms. */
const RESULTS_PER_COMMIT = 5_000;

type Applied = { answer: CommitAnswer; change: Change | null };

export class SqliteStore implements Store {
  readonly resultsPerCommit: number;
  readonly #db: DatabaseSync;
  readonly #clock: Clock;
  readonly #incarnation: string;
  readonly #timeZone: string;
  readonly #tasks: Tasks;
  readonly #products: Products;
  readonly #rows: Rows;
  readonly #history: History;
  readonly #kept: Kept;
  readonly #listeners = new Listeners();
  #closed = false;

  /** Over a database of `openDatabase`, which the caller closes after the store. */
  constructor(db: DatabaseSync, options: StoreOptions = {}) {
    const limits = options.limits ?? LIMITS;
    this.#db = db;
    this.#clock = options.clock ?? systemClock;
    this.resultsPerCommit = options.resultsPerCommit ?? RESULTS_PER_COMMIT;
    this.#incarnation = String(getMeta(db, 'incarnation'));
    this.#tasks = new Tasks(db, options.writer ?? 'engine', options.takeOver ?? false);
    this.#products = new Products(db, limits.historyProducts);
    this.#rows = new Rows(db);
    this.#history = new History(db, limits);
    this.#timeZone = options.timeZone ?? OPTIONS.timeZone;
    // Refused now, not with the first commit.
    ladderOf(null, this.#timeZone);
    this.#kept = new Kept(db, limits);
  }

  async claim(task: string, token: string): Promise<Fence> {
    const { fence, change } = this.#write(() => {
      const change = this.#tasks.takeOver() ? this.#release() : null;
      return { fence: this.#tasks.claim(task, token), change };
    });
    if (change !== null) this.#listeners.tell(change);
    return fence;
  }

  /** The tasks have ended: their comebacks go; all products leave, but keep their history. */
  #release(): Change | null {
    this.#kept.endComebacks();
    const removals: string[] = [];
    for (const { task, product } of [...this.#products.all()])
      removals.push(...this.#remove(task, [product]));
    this.#rows.write();
    return this.#changed(Number(getMeta(this.#db, 'window_ms')), [], removals);
  }

  async read(task: string): Promise<TaskState> {
    return this.#read(() => this.#tasks.read(task));
  }

  async commit(commit: Commit): Promise<CommitAnswer> {
    const { answer, change } = this.#write(() => this.#judge(commit));
    if (change !== null) this.#listeners.tell(change);
    return answer;
  }

  #judge(commit: Commit): Applied {
    const verdict = this.#tasks.judge(commit);
    if (verdict === 'fenced') return { answer: { answer: 'fenced' }, change: null };
    const change = verdict === 'next' ? this.#apply(commit) : null;
    const heldElsewhere = commit.claims.filter(
      (product) => this.#products.ownedBy(commit.task, product) === null,
    );
    return { answer: { answer: verdict === 'next' ? 'ok' : 'duplicate', heldElsewhere }, change };
  }

  #apply(commit: Commit): Change | null {
    const { task, status } = commit;
    const removals = this.#remove(task, commit.removals);
    this.#products.claim(task, commit.claims);
    const rows = this.#publish(commit);
    this.#tasks.write(commit);
    this.#kept.add(task, commit.kept, this.#clock.wallMs());
    this.#kept.addComebacks(task, commit.comebacks);
    const { windowMs } = status.settings;
    if (getMeta(this.#db, 'window_ms') !== windowMs) setMeta(this.#db, 'window_ms', windowMs);
    return this.#changed(windowMs, rows, removals);
  }

  #changed(windowMs: number, rows: Row[], removals: string[]): Change | null {
    if (rows.length === 0 && removals.length === 0) return null;
    const number = Number(getMeta(this.#db, 'change')) + 1;
    setMeta(this.#db, 'change', number);
    return { incarnation: this.#incarnation, number, windowMs, rows, removals };
  }

  #remove(task: string, removals: string[]): string[] {
    if (removals.length === 0) return [];
    const removed = this.#products.remove(task, removals);
    for (const no of removed.values()) this.#rows.clear(no);
    return [...removed.keys()];
  }

  #publish({ task, results, status }: Commit): Row[] {
    const rows: Row[] = [];
    const staged = new StagedCells();
    for (const { product, latest, previous, cells } of results) {
      const no = this.#products.ownedBy(task, product);
      if (no === null) continue;
      this.#rows.set(no, latest, previous);
      for (const cell of cells) staged.add(no, cell);
      rows.push({ product, latest, previous });
    }
    this.#rows.write();
    this.#history.write(staged);
    const { windowMs, allowedLatenessMs } = status.settings;
    const ladder = ladderOf(windowMs, this.#timeZone, allowedLatenessMs);
    this.#history.fold(ladder, staged.rows, status.finalBefore);
    return rows;
  }

  async load(): Promise<Loaded> {
    return this.#read(() => {
      const rowOf = this.#rows.load();
      const rows: Row[] = [];
      for (const { no, product } of this.#products.all()) {
        const row = rowOf(no);
        if (row !== null) rows.push({ product, ...row });
      }
      const number = Number(getMeta(this.#db, 'change'));
      const windowMs = getMeta(this.#db, 'window_ms') as number | null;
      return { incarnation: this.#incarnation, number, windowMs, rows };
    });
  }

  follow(onChange: (change: Change) => void): () => void {
    return this.#listeners.follow(onChange);
  }

  async history({ levels, products, fromMs, toMs }: HistoryQuery): Promise<Counts[][]> {
    return this.#read(() => {
      const numbers = products === null ? null : this.#products.numbersOf(products);
      return levels.map((level) => this.#history.read(level, numbers, fromMs, toMs));
    });
  }

  async historyHeld(): Promise<HistoryHeld> {
    return this.#read(() => {
      const windowMs = getMeta(this.#db, 'window_ms') as number | null;
      return this.#history.held(ladderOf(windowMs, this.#timeZone));
    });
  }

  /** Names of the tasks that have committed; no status is looked into, so none can be refused. */
  filledBy(): string[] {
    return this.#read(() => this.#tasks.names());
  }

  async statuses(): Promise<Map<string, Status>> {
    return this.#read(() => this.#tasks.statuses());
  }

  async rejected(query: RejectedQuery): Promise<StoredEvent[]> {
    return this.#read(() => this.#kept.page(query));
  }

  async keptTotals(): Promise<KeptTotals> {
    return this.#read(() => this.#kept.totals());
  }

  /** Comebacks that no longer fit a status, oldest first. */
  async comebacks(): Promise<(Comeback & { task: string })[]> {
    return this.#read(() => this.#kept.comebacks());
  }

  /** One transaction; what is held in memory follows only once it is on disk. */
  #write<T>(body: () => T): T {
    this.#mustBeOpen();
    try {
      const value = transaction(this.#db, body);
      this.#products.settle();
      return value;
    } finally {
      this.#products.discard();
      this.#rows.discard();
    }
  }

  #read<T>(body: () => T): T {
    this.#mustBeOpen();
    return reading(this.#db, body);
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new ClickrateError('store_unavailable', 'the store is closed');
  }

  /** The database stays open: whoever opened it closes it. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
  }
}
