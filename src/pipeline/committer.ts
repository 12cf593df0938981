/**
 * Steps 5 and 6 of one session: when a commit is due, what it carries, and that two at most are in
 * flight, answered in their order. Numbers are given in the order of building; a commit is frozen
 * when first sent, so one without an answer is sent again unchanged, and anything newer gets the
 * next number.
 */
import type { Clock } from '../clock.ts';
import type { Limits } from '../config.ts';
import type { Log } from '../log.ts';
import type { Source } from '../sources/source.ts';
import type { KeptEvent } from '../status.ts';
import {
  COMMITS_IN_FLIGHT,
  type Commit,
  type CommitAnswer,
  type TaskStore,
} from '../stores/store.ts';
import type { Health } from './health.ts';
import { type Retry, withRetry } from './retry.ts';
import type { Session } from './session.ts';

/** Another owner, or a store that went back in time: the session must be dropped. */
export class Fenced extends Error {
  /** Of the commit; those before it were taken. */
  readonly number: number;

  constructor(number: number) {
    super(`commit ${number}`);
    this.number = number;
  }
}

export type CommitterParts = {
  task: string;
  store: TaskStore;
  source: Source;
  clock: Clock;
  limits: Limits;
  log: Log;
  keep?(events: readonly KeptEvent[]): Promise<void>;
  onStep?(step: 5 | 6): void;
};

/** A commit, the positions it makes durable, the dense ids of its claims, and its revisions. */
type Built = { commit: Commit; positions: number[]; claims: number[]; revisions: number };

/** How long a commit waits for results that are about to come. */
const PATIENCE_MS = 250;

export class Committer {
  readonly #parts: CommitterParts;
  readonly #retry: Retry;
  readonly #session: Session;
  readonly #health: Health;
  #number: number;
  /** Oldest first; each rejects with what it, or one before it, failed with. */
  readonly #inFlight: Promise<void>[] = [];
  #failure: unknown = null;
  /** Something was applied since the last commit was built. The first one is always sent. */
  changed = true;

  constructor(parts: CommitterParts, retry: Retry, session: Session, health: Health) {
    this.#parts = parts;
    this.#retry = retry;
    this.#session = session;
    this.#health = health;
    this.#number = session.number;
  }

  /** Sends a commit if one is due: behind another only where results wait. */
  async commitIfDue(): Promise<void> {
    this.#throwFailure();
    const { task } = this.#session;
    if (this.#inFlight.length === COMMITS_IN_FLIGHT && task.due() === 'now') {
      await this.#inFlight[0].catch(() => {});
      // Nothing is built yet: where the other one waited for it, that one has to be sent before.
      return;
    }
    const isDue = this.#inFlight.length === 0 ? this.#isDue() : task.due() === 'now';
    if (isDue) this.#commit(this.#build());
  }

  /** Commits until nothing is left that could be committed. */
  async flush(): Promise<void> {
    await this.settle();
    const { task } = this.#session;
    while (this.changed || task.due() === 'now' || task.hasExpired) {
      this.#commit(this.#build());
      await this.settle();
    }
  }

  /** Waits for the commits in flight; throws what they failed with. */
  async settle(): Promise<void> {
    await this.end();
    this.#throwFailure();
  }

  /** Waits for the commits in flight, whatever comes of them. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#inFlight);
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure;
  }

  /**
   * At once for results; else at an interval that grows with the commit; at last to notice a fence.
   * A commit without results would hold up those that are about to come: it waits for them.
   */
  #isDue(): boolean {
    const due = this.#session.task.due();
    if (due === 'now') return true;
    const { commitMinMs, commitMaxMs, commitShare } = this.#parts.limits;
    const lastMs = this.#health.commitEndMs ?? -Infinity;
    const grownMs = Math.max(commitMinMs, this.#health.commitMs * commitShare);
    const patienceMs = due === 'soon' ? PATIENCE_MS : 0;
    const intervalMs = this.changed ? Math.min(commitMaxMs, grownMs + patienceMs) : commitMaxMs;
    return this.#parts.clock.monotonicMs() - lastMs >= intervalMs;
  }

  #commit(built: Built): void {
    const before = this.#inFlight.at(-1);
    // What is kept elsewhere first is sent in its turn.
    const isBehind = before !== undefined && built.commit.kept.length === 0;
    const early = isBehind ? (this.#parts.store.commitBehind?.(built.commit) ?? null) : null;
    // Where the one before it fails, nobody waits for it.
    early?.catch(() => {});
    const ended = this.#send(built, before, early)
      .catch((error: unknown) => {
        this.#failure ??= error;
        throw error;
      })
      // They end in their order. It gives nothing back: that would be waited for, and is itself.
      .finally(() => {
        this.#inFlight.shift();
      });
    this.#inFlight.push(ended);
    // Told by the next step, or to who waits.
    ended.catch(() => {});
  }

  /** Everything that changed since the last commit. Names are read before expired ids are freed. */
  #build(): Built {
    this.#parts.onStep?.(5);
    this.changed = false;
    const positions = [...this.#session.positions];
    const { task, products, fence } = this.#session;
    const collected = task.collect(products, this.#parts.store.resultsPerCommit);
    const claims = collected.claims.map((id) => products.name(id));
    const owned = collected.removals.map((id) => products.name(id));
    const former = this.#session.former.take(products);
    if (!this.#session.former.isEmpty) this.changed = true;
    // Nothing of ours has a row before its claim: one that is there is of windows of another size.
    const stale = this.#session.isRestored ? claims : [];
    // Others may have had no room in it.
    if (stale.length > 0) this.changed = true;
    const removals = [...owned, ...former.removals, ...stale];
    for (const id of collected.expired) products.remove(id);
    const dictionary = this.#session.takeProductParts();
    for (const kept of collected.kept) kept.message = this.#session.explainKept(kept);
    const parts = [...collected.parts, ...dictionary.parts, ...former.parts];
    const written = new Set(parts.map(({ name }) => name));
    const dropped = this.#session.dropped.filter((name) => !written.has(name));
    this.#session.dropped = [];
    this.#number++;
    const commit: Commit = {
      task: this.#parts.task,
      number: this.#number,
      ...fence,
      parts,
      removedParts: [
        ...new Set([
          ...collected.removedParts,
          ...dictionary.removed,
          ...former.removedParts,
          ...dropped,
        ]),
      ],
      status: task.status(positions),
      removals,
      claims,
      results: collected.results,
      kept: collected.kept,
      comebacks: collected.comebacks,
    };
    const { claims: ids, revisions } = collected;
    return { commit, positions, claims: ids, revisions };
  }

  /** Before the commit: a crash between the two may repeat one, and loses none. */
  async #keep(events: readonly KeptEvent[]): Promise<void> {
    const { keep } = this.#parts;
    if (keep === undefined || events.length === 0) return;
    await withRetry('keeping uncounted events', this.#retry, () => keep(events));
  }

  /** @param early the answer to its first sending, where it was sent behind `before` already */
  async #send(
    { commit, claims, positions, revisions }: Built,
    before: Promise<void> | undefined,
    early: Promise<CommitAnswer> | null,
  ): Promise<void> {
    const { clock, log, source } = this.#parts;
    await before;
    await this.#keep(commit.kept);
    const beganMs = clock.monotonicMs();
    const answer = await this.#answerTo(commit, early);
    if (answer.answer === 'fenced') throw new Fenced(commit.number);
    const { task, products } = this.#session;
    const elsewhere = answer.heldElsewhere;
    task.answer(claims, new Set(elsewhere.map((name) => products.idOf(name))));
    if (elsewhere.length > 0)
      log.warn(
        { products: elsewhere.slice(0, 5), count: elsewhere.length },
        'products are owned by another task: is the producer keyed by product_id?',
      );
    const bytes = commit.parts.reduce((sum, part) => sum + part.bytes.length, 0);
    this.#health.committed(beganMs, clock.monotonicMs(), bytes);
    this.#health.revisions += revisions;
    this.#parts.onStep?.(6);
    await withRetry('acknowledging', this.#retry, () => source.acknowledge(positions));
  }

  /** One that could not be taken behind another is sent again, as one without an answer is. */
  async #answerTo(commit: Commit, early: Promise<CommitAnswer> | null): Promise<CommitAnswer> {
    const first = (await early?.catch(() => null)) ?? null;
    if (first !== null) return first;
    return withRetry('the commit', this.#retry, () => this.#parts.store.commit(commit));
  }
}
