/**
 * The store of the embedded size: one SQLite file. A commit is one transaction, so everything in it
 * is written or nothing; it is on disk when it is answered.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { LIMITS, type Limits } from '../../config.ts';
import { ClickrateError } from '../../errors.ts';
import type { Counts } from '../../result.ts';
import { getMeta, setMeta, transaction, translated } from '../../sqlite.ts';
import type { Comeback, Status } from '../../status.ts';
import type {
  Change,
  Commit,
  CommitAnswer,
  Fence,
  KeptTotals,
  Loaded,
  RejectedQuery,
  Store,
  StoredEvent,
  TaskState,
  Writer,
} from '../store.ts';
import { KeptRows } from './kept.ts';
import { ProductRows } from './rows.ts';

/** Comebacks kept as history. */
const COMEBACK_ROWS = 100_000;
/** Cells of one commit: larger than a network store's, because nobody else waits for this one. */
const RESULTS_PER_COMMIT = 20_000;

type TaskRow = { epoch: number; token: string; number: number; status: string | null };

export type SqliteStoreOptions = { limits?: Limits; writer?: Writer; takeOver?: boolean };

export class SqliteStore implements Store {
  readonly resultsPerCommit = RESULTS_PER_COMMIT;
  readonly #db: DatabaseSync;
  readonly #limits: Limits;
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #rows: ProductRows;
  readonly #kept: KeptRows;
  readonly #incarnation: string;
  #statements: Record<
    'task' | 'claim' | 'advance' | 'part' | 'dropPart' | 'comeback',
    StatementSync
  >;

  /** Throws `writer_other` when another kind of program wrote here, unless `takeOver`. */
  constructor(db: DatabaseSync, options: SqliteStoreOptions = {}) {
    this.#db = db;
    this.#limits = options.limits ?? LIMITS;
    this.#incarnation = String(getMeta(db, 'incarnation'));
    const writer = options.writer ?? 'engine';
    const before = getMeta(db, 'writer');
    if (before !== undefined && before !== writer && options.takeOver !== true)
      throw new ClickrateError(
        'writer_other',
        `this store is written by the ${before}; stop it and start with --take-over to go on as ${writer}`,
      );
    if (before !== writer) transaction(db, () => setMeta(db, 'writer', writer));
    this.#rows = new ProductRows(db);
    this.#kept = new KeptRows(db, this.#limits);
    this.#statements = {
      task: db.prepare('SELECT epoch, token, number, status FROM tasks WHERE task = ?'),
      claim: db.prepare(
        `INSERT INTO tasks VALUES (?, 1, ?, 0, NULL)
         ON CONFLICT (task) DO UPDATE SET epoch = epoch + 1, token = excluded.token`,
      ),
      advance: db.prepare('UPDATE tasks SET number = ?, status = ? WHERE task = ?'),
      part: db.prepare(
        `INSERT INTO parts VALUES (?, ?, ?)
         ON CONFLICT (task, name) DO UPDATE SET bytes = excluded.bytes`,
      ),
      dropPart: db.prepare('DELETE FROM parts WHERE task = ? AND name = ?'),
      comeback: db.prepare(
        'INSERT INTO comebacks (task, partition, position, watermark) VALUES (?, ?, ?, ?)',
      ),
    };
  }

  async claim(task: string, token: string): Promise<Fence> {
    return transaction(this.#db, () => {
      this.#statements.claim.run(task, token);
      return { epoch: (this.#task(task) as TaskRow).epoch, token };
    });
  }

  #task(task: string): TaskRow | undefined {
    return this.#statements.task.get(task) as TaskRow | undefined;
  }

  async read(task: string): Promise<TaskState> {
    return translated('the store', () => {
      const row = this.#task(task);
      if (row === undefined) return { number: 0, status: null, parts: [] };
      const parts = this.#db.prepare('SELECT name, bytes FROM parts WHERE task = ?').all(task);
      return {
        number: row.number,
        status: row.status === null ? null : (JSON.parse(row.status) as Status),
        parts: parts as { name: string; bytes: Uint8Array }[],
      };
    });
  }

  async commit(commit: Commit): Promise<CommitAnswer> {
    const row = translated('the store', () => this.#task(commit.task));
    if (row === undefined || row.epoch !== commit.epoch || row.token !== commit.token)
      return { answer: 'fenced' };
    if (commit.number === row.number && row.status !== null)
      return { answer: 'duplicate', heldElsewhere: this.#heldElsewhere(commit) };
    if (commit.number !== row.number + 1) return { answer: 'fenced' };
    let change: Change | null = null;
    try {
      change = transaction(this.#db, () => this.#write(commit));
    } catch (error) {
      // The maps beside the tables may hold what was rolled back.
      this.#rows.reload();
      this.#kept.reload();
      throw error;
    }
    if (change !== null) for (const listener of this.#listeners) listener(change);
    return { answer: 'ok', heldElsewhere: this.#heldElsewhere(commit) };
  }

  #heldElsewhere({ claims, task }: Commit): string[] {
    return claims.filter((name) => this.#rows.owners.get(name)?.task !== task);
  }

  #write(commit: Commit): Change | null {
    const { task, status } = commit;
    const rows = this.#rows;
    const removals = commit.removals.filter((name) => rows.owners.get(name)?.task === task);
    for (const name of removals) rows.remove(name);
    for (const name of commit.claims) rows.claim(name, task);
    const published = rows.publish(task, commit.results);
    this.#pruneHistory(commit);
    for (const { name, bytes } of commit.parts) this.#statements.part.run(task, name, bytes);
    for (const name of commit.removedParts) this.#statements.dropPart.run(task, name);
    this.#statements.advance.run(commit.number, JSON.stringify(status), task);
    this.#kept.keep(task, commit.kept);
    this.#keepComebacks(commit);
    const { windowMs } = status.settings;
    if (getMeta(this.#db, 'windowMs') !== windowMs) setMeta(this.#db, 'windowMs', windowMs);
    if (published.length === 0 && removals.length === 0) return null;
    const number = this.#changeNumber() + 1;
    setMeta(this.#db, 'change', number);
    return { incarnation: this.#incarnation, number, windowMs, rows: published, removals };
  }

  #pruneHistory({ results }: Commit): void {
    let newest = Number(getMeta(this.#db, 'newestStart') ?? -Infinity);
    const before = newest;
    for (const { product, cells } of results) {
      if (!this.#rows.owners.has(product)) continue;
      for (const { start } of cells) if (start > newest) newest = start;
    }
    if (newest > before) setMeta(this.#db, 'newestStart', newest);
    if (results.length > 0) this.#rows.pruneHistory(newest - this.#limits.historyMs);
  }

  #keepComebacks({ task, comebacks }: Commit): void {
    if (comebacks.length === 0) return;
    for (const { partition, offset, watermark } of comebacks)
      this.#statements.comeback.run(task, partition, offset, watermark);
    const last = this.#db.prepare('SELECT max(id) AS id FROM comebacks').get() as { id: number };
    this.#db.prepare('DELETE FROM comebacks WHERE id <= ?').run(last.id - COMEBACK_ROWS);
  }

  #changeNumber(): number {
    return Number(getMeta(this.#db, 'change') ?? 0);
  }

  async load(): Promise<Loaded> {
    return translated('the store', () => {
      const windowMs = getMeta(this.#db, 'windowMs');
      return {
        incarnation: this.#incarnation,
        number: this.#changeNumber(),
        windowMs: windowMs === undefined ? null : Number(windowMs),
        rows: this.#rows.all(),
      };
    });
  }

  follow(onChange: (change: Change) => void): () => void {
    this.#listeners.add(onChange);
    return () => this.#listeners.delete(onChange);
  }

  async history(product: string, fromMs: number, toMs: number): Promise<Counts[]> {
    return translated('the store', () => this.#rows.history(product, fromMs, toMs));
  }

  async statuses(): Promise<Map<string, Status>> {
    return translated('the store', () => {
      const select = this.#db.prepare('SELECT task, status FROM tasks WHERE status IS NOT NULL');
      const rows = select.all() as { task: string; status: string }[];
      return new Map(rows.map(({ task, status }) => [task, JSON.parse(status) as Status]));
    });
  }

  async rejected(query: RejectedQuery): Promise<StoredEvent[]> {
    return translated('the store', () => this.#kept.page(query));
  }

  async keptTotals(): Promise<KeptTotals> {
    return this.#kept.totals;
  }

  async comebacks(): Promise<(Comeback & { task: string })[]> {
    const select = this.#db.prepare(
      'SELECT task, partition, position AS offset, watermark FROM comebacks ORDER BY id',
    );
    return select.all() as (Comeback & { task: string })[];
  }

  /** The database is its opener's to close. */
  async close(): Promise<void> {
    this.#listeners.clear();
  }
}
