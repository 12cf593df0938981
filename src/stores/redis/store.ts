/**
 * The store in Redis: one transaction a commit, so it is whole or not at all, and fenced. One
 * primary (perhaps with replicas), not a Redis Cluster. Keys and what they hold: `docs/redis.md`.
 */
import { randomUUID } from 'node:crypto';
import { systemClock } from '../../clock.ts';
import { LIMITS, OPTIONS } from '../../config.ts';
import { messageOf } from '../../errors.ts';
import { type Log, silentLog } from '../../log.ts';
import type { Counts } from '../../result.ts';
import type { Comeback, Status } from '../../status.ts';
import { type Ladder, ladderOf } from '../history/levels.ts';
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
  Store,
  StoredEvent,
  StoreOptions,
  TaskState,
} from '../store.ts';
import { writerOther } from '../writer.ts';
import { CLAIM } from './claim-script.ts';
import { Commits } from './commits.ts';
import { Connection, type RedisAddress } from './connection.ts';
import { Eviction } from './eviction.ts';
import { Finals } from './finals.ts';
import { fold, readHeld } from './fold.ts';
import { EMPTY, Follower } from './follower.ts';
import { readHistory } from './history.ts';
import { numberText, readComebacks, readRejected, readTotals } from './kept.ts';
import { KEYS } from './keys.ts';
import { loadRows } from './load.ts';
import { numbersOf } from './products.ts';
import { type Committed, readCommitted, readTask } from './tasks.ts';

export type RedisStoreOptions = RedisAddress &
  StoreOptions & {
    log?: Log;
    /** How long an answer may take before the connection is given up. */
    timeoutMs?: number;
  };

const DEFAULTS = {
  clock: systemClock,
  limits: LIMITS,
  log: silentLog,
  /** Products of one commit: at most about 3 ms in which Redis does nothing else. */
  resultsPerCommit: 500,
  timeZone: OPTIONS.timeZone,
  writer: 'engine',
  takeOver: false,
  /** A commit takes milliseconds; a paused or failing server is given this long. */
  timeoutMs: 5_000,
} as const;

/** How the stream of changes is followed: what was last heard, and what is wrong, if anything. */
export type Following = { number: number | null; ageMs: number | null; trouble: string | null };

export class RedisStore implements Store {
  readonly resultsPerCommit: number;
  readonly #options: RedisStoreOptions & Required<Omit<RedisStoreOptions, keyof RedisAddress>>;
  readonly #connection: Connection;
  readonly #commits: Commits;
  readonly #listeners = new Listeners();
  readonly #finals: Finals;
  readonly #eviction = new Eviction();
  #follower: Follower | null = null;
  #folding: Promise<void> = Promise.resolve();
  #isFolding = false;
  /** Until the store is ours: who takes it over after that is not fought. */
  #takeOver: boolean;
  #isClosed = false;

  /** Connects with the first call. Throws `config_invalid` for an address that is none. */
  constructor(options: RedisStoreOptions) {
    this.#options = { ...DEFAULTS, ...options };
    const { clock, limits, writer, takeOver, resultsPerCommit, timeoutMs } = this.#options;
    this.#finals = new Finals(clock);
    this.#takeOver = takeOver;
    this.resultsPerCommit = resultsPerCommit;
    this.#connection = new Connection(options, timeoutMs);
    this.#commits = new Commits({ connection: this.#connection, clock, writer, limits });
    // A time zone that is none is refused now, not with the first commit.
    this.#ladder(null);
  }

  async claim(task: string, token: string): Promise<Fence> {
    const connection = await this.#ready();
    const { writer, limits, log } = this.#options;
    const most = numberText(limits.historyProducts);
    for (;;) {
      const mayTakeOver = this.#takeOver ? '1' : '0';
      const args = [task, token, writer, mayTakeOver, randomUUID(), most];
      const [answer, value] = await connection.run<[string, string]>(CLAIM, args);
      if (answer === 'writer') throw writerOther(value);
      this.#takeOver = false;
      if (answer !== 'ok') continue;
      await this.#eviction.tell(connection, log);
      return { epoch: Number(value), token };
    }
  }

  async read(task: string): Promise<TaskState> {
    const state = await readTask(await this.#ready(), task);
    if (state.status !== null) this.#finals.note(task, state.status);
    return state;
  }

  async commit(commit: Commit): Promise<CommitAnswer> {
    await this.#ready();
    return this.#noted(commit, this.#commits.send(commit));
  }

  commitBehind(commit: Commit): Promise<CommitAnswer> | null {
    const answered = this.#commits.sendBehind(commit);
    return answered && this.#noted(commit, answered);
  }

  async #noted(commit: Commit, answered: Promise<CommitAnswer>): Promise<CommitAnswer> {
    const answer = await answered;
    if (answer.answer === 'fenced') return answer;
    this.#finals.note(commit.task, commit.status);
    if (answer.answer === 'ok' && commit.results.length > 0) this.#foldSoon(commit.status);
    return answer;
  }

  async load(): Promise<Loaded> {
    const connection = await this.#ready();
    // Taken first: a break of the stream while loading makes readers load once more.
    const nameOf = this.#follower?.naming();
    const { position, rows } = await loadRows(connection);
    const { number, windowMs } = position;
    const incarnation = nameOf?.(position.incarnation) ?? position.incarnation ?? EMPTY;
    return { incarnation, number, windowMs, rows };
  }

  follow(onChange: (change: Change) => void): () => void {
    const { clock, log, timeoutMs } = this.#options;
    this.#follower ??= new Follower({
      connection: new Connection(this.#options, timeoutMs),
      clock,
      log,
      timeoutMs,
      sent: this.#commits.sent,
      onChange: (change) => this.#listeners.tell(change),
      // Who only reads is told by no answer that a server is the primary no more.
      onLost: (why) => this.#connection.leave(why),
    });
    return this.#listeners.follow(onChange);
  }

  /** Null unless somebody follows. */
  following(): Following | null {
    if (this.#follower === null) return null;
    const { number, heardMs, trouble } = this.#follower;
    return {
      number,
      ageMs: heardMs === null ? null : this.#options.clock.monotonicMs() - heardMs,
      trouble,
    };
  }

  async history({ products, ...span }: HistoryQuery): Promise<Counts[][]> {
    const connection = await this.#ready();
    const numbers = products === null ? null : await numbersOf(connection, products);
    return readHistory(connection, numbers, span);
  }

  async historyHeld(): Promise<HistoryHeld> {
    const connection = await this.#ready();
    const windowMs = await connection.send<string | null>(['HGET', KEYS.store, 'windowMs']);
    return readHeld(connection, this.#ladder(windowMs === null ? null : Number(windowMs)));
  }

  #ladder(windowMs: number | null, latenessMs?: number): Ladder {
    return ladderOf(windowMs, this.#options.timeZone, latenessMs);
  }

  /** Waits for what commits left to fold. */
  async folded(): Promise<void> {
    await this.#folding;
  }

  /** Beside the commits, so that none waits for it; what fails is tried again with a later one. */
  #foldSoon({ settings, finalBefore }: Status): void {
    if (this.#isFolding) return;
    this.#isFolding = true;
    const ladder = this.#ladder(settings.windowMs, settings.allowedLatenessMs);
    const before = this.#finals.least(finalBefore);
    const { limits, log } = this.#options;
    this.#folding = fold(this.#connection, ladder, limits, before)
      .catch((error: unknown) => {
        if (!this.#isClosed) log.warn({}, `history is not folded: ${messageOf(error)}`);
      })
      .finally(() => {
        this.#isFolding = false;
      });
  }

  async statuses(): Promise<Map<string, Status>> {
    return new Map((await this.committed()).map(({ task, status }) => [task, status]));
  }

  /** The last commit of every task, and how long ago it was. */
  async committed(): Promise<Committed[]> {
    return readCommitted(await this.#ready());
  }

  async rejected(query: RejectedQuery): Promise<StoredEvent[]> {
    return readRejected(await this.#ready(), query);
  }

  async keptTotals(): Promise<KeptTotals> {
    return readTotals(await this.#ready());
  }

  /** Comebacks that no longer fit a status, oldest first. */
  async comebacks(): Promise<(Comeback & { task: string })[]> {
    return readComebacks(await this.#ready());
  }

  /** The connection, once it is fixed from where changes are followed. */
  async #ready(): Promise<Connection> {
    await this.#follower?.positioned();
    return this.#connection;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#follower?.stop();
    this.#listeners.clear();
    this.#connection.close();
  }
}
