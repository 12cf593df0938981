/**
 * The contract of a store: one atomic, fenced kind of write, and the reads of the API.
 *
 * Order of calls for a task: `claim` (sent once; without an answer, claim again with a new token),
 * `read` after its answer, then `commit` with numbers that count up by one, two in flight at most
 * (`commitBehind`); a commit without an answer is sent again unchanged. Errors thrown are retryable
 * unless their code says otherwise (see `errors.ts`).
 */
import type { Clock } from '../clock.ts';
import type { Limits } from '../config.ts';
import type { Reason } from '../event.ts';
import type { Level } from '../history.ts';
import type { Counts, ProductResult } from '../result.ts';
import type { Comeback, KeptEvent, Part, Status } from '../status.ts';

export type { Comeback, KeptEvent, Part } from '../status.ts';

/**
 * Which kind of program writes a store's results. Another kind is refused without `takeOver`; with
 * it, its claim first ends all tasks of the former, whose products leave: rows go, history stays.
 */
export type Writer = 'engine' | 'sink';

/** What every store is made with; left out, it is as for an engine with the usual options. */
export type StoreOptions = {
  clock?: Clock;
  limits?: Limits;
  resultsPerCommit?: number;
  /** Of the days in the history. */
  timeZone?: string;
  writer?: Writer;
  /** Claims although another kind of program wrote this store. */
  takeOver?: boolean;
};

export type Fence = { epoch: number; token: string };

/**
 * Everything one commit writes, all or nothing, as if in this order: what it removes it may claim
 * and write again. Frozen when first sent.
 */
export type Commit = Fence & {
  task: string;
  /** Last + 1 of the task's write numbers. */
  number: number;
  /** Products whose rows and claims go (only those this task owns); their history stays. */
  removals: string[];
  /** Products this task wants to own; granted unless another task owns them. */
  claims: string[];
  /** Rows of products that this task owns. */
  results: ProductResult[];
  parts: Part[];
  removedParts: string[];
  status: Status;
  kept: KeptEvent[];
  /** Comebacks that no longer fit the status, kept as history. */
  comebacks: Comeback[];
};

/** `heldElsewhere` names the claims of this commit that another task owns, also on `duplicate`. */
export type CommitAnswer =
  | { answer: 'ok' | 'duplicate'; heldElsewhere: string[] }
  | { answer: 'fenced' };

/** Commits of an owner that may be on their way at once: so many of the last may be sent again. */
export const COMMITS_IN_FLIGHT = 2;

/** A task's state as it stands in the store; the status is null before the first commit. */
export type TaskState = { number: number; status: Status | null; parts: Part[] };

/** The part of a store that the pipeline writes through. */
export interface TaskStore {
  /** How many results, and how many removals or claims, fit one commit. */
  readonly resultsPerCommit: number;
  /** Writes epoch + 1 and the token; the write number stays. */
  claim(task: string, token: string): Promise<Fence>;
  read(task: string): Promise<TaskState>;
  /** One of the last two of this owner is a `duplicate`, as both may have lost their answers. */
  commit(commit: Commit): Promise<CommitAnswer>;
  /**
   * Sends a commit right behind the one in flight. Its answer comes after that one's, and rejects
   * (retryable) where that one was not taken, or was overtaken. Null where it has to wait for that
   * answer; then nothing is sent, and what can be made ready for `commit` is.
   */
  commitBehind?(commit: Commit): Promise<CommitAnswer> | null;
}

/** What clients see of a product. */
export type Row = { product: string; latest: Counts | null; previous: Counts | null };

/**
 * One commit that changed rows. Numbers are consecutive; a gap or other incarnation means reload.
 */
export type Change = {
  incarnation: string;
  number: number;
  windowMs: number;
  rows: Row[];
  removals: string[];
};

export type Loaded = { incarnation: string; number: number; windowMs: number | null; rows: Row[] };

/**
 * Newest first: at most `limit`, and none after the one with which their bytes reach `maxBytes`.
 * `fromMs` and `toMs` bound the arrival: at or after, before.
 */
export type RejectedQuery = {
  reason?: Reason;
  fromMs?: number;
  toMs?: number;
  before?: number;
  limit: number;
  maxBytes?: number;
};
/** A kept event as stored; `id` falls from page to page. */
export type StoredEvent = KeptEvent & { id: number; task: string };
/** What the store holds of kept events, and how many it had to prune. */
export type KeptTotals = { events: number; bytes: number; pruned: number };

/**
 * Counts of levels of history, see `history.ts`: of these products (null: of all) together, for
 * periods that start in [fromMs, toMs).
 */
export type HistoryQuery = {
  levels: readonly Level[];
  products: readonly string[] | null;
  fromMs: number;
  toMs: number;
};

/** What a store's history holds of a level: start of its oldest period, cells at most. */
export type LevelHeld = { level: Level; oldest: number | null; cells: number };
/**
 * Finest level first; other levels of days than the last were cut by a former time zone. `skipped`:
 * cells that came when their window had been folded.
 */
export type HistoryHeld = { levels: LevelHeld[]; skipped: number };

/** The part of a store that the API reads. */
export interface ResultReader {
  /** All rows, and the change number they are current to. */
  load(): Promise<Loaded>;
  /** Calls back for each change after `load`; returns how to stop. */
  follow(onChange: (change: Change) => void): () => void;
  /**
   * For each level its periods, oldest first; those without an event are left out. All levels as of
   * one moment, so that nothing is in two of them, or in none.
   */
  history(query: HistoryQuery): Promise<Counts[][]>;
  historyHeld(): Promise<HistoryHeld>;
  /** Committed status of every task, by task name. */
  statuses(): Promise<Map<string, Status>>;
  rejected(query: RejectedQuery): Promise<StoredEvent[]>;
  keptTotals(): Promise<KeptTotals>;
}

export interface Store extends TaskStore, ResultReader {
  close(): Promise<void>;
}
