/**
 * The sink's loop: results of the job in, commits of the store out. One owner at a time; the fence
 * makes that safe, standing by makes it calm. A commit is sent as soon as there is a result, one
 * is in flight, and what comes meanwhile goes with the next.
 */
import type { Limits } from '../config.ts';
import { isOf, isRetryable, messageOf } from '../errors.ts';
import { Fenced } from '../pipeline/committer.ts';
import { Health } from '../pipeline/health.ts';
import { PatientReading } from '../pipeline/reading.ts';
import { type Retry, withRetry } from '../pipeline/retry.ts';
import type { TaskHealth } from '../status.ts';
import type { Commit } from '../stores/store.ts';
import { openSession, type SessionParts, type SinkSession } from './session.ts';
import { OWNER_PART, type StandbyParts, untilFree } from './standby.ts';

export type SinkParts = SessionParts &
  StandbyParts & {
    limits: Limits;
    /** Name of this process in the checkpoint. */
    owner: string;
  };

/** Windows that may wait to be committed before reading pauses. */
const PENDING_WINDOWS = 10_000;

export class Sink {
  readonly #parts: SinkParts;
  readonly #abort = new AbortController();
  readonly #retry: Retry;
  readonly #health: Health;
  readonly #reading: PatientReading;
  #session: SinkSession | null = null;
  #inFlight: Promise<void> | null = null;
  #failure: unknown = null;
  /** Something was read that the next commit tells. */
  #isChanged = true;
  #builtMs = -Infinity;
  /** Since it was the owner: the checkpoint may still name this process, and mean another. */
  #isFenced = false;

  constructor(parts: SinkParts) {
    this.#parts = parts;
    const { task, clock, limits, log } = parts;
    this.#health = new Health(task);
    const { signal } = this.#abort;
    const onState = (reason: string | null) => this.#health.troubled(reason);
    this.#retry = { task, clock, limits, log, signal, onState };
    this.#reading = new PatientReading({ clock, limits, signal, health: this.#health });
  }

  /** Whether this process writes the results. */
  get isOwner(): boolean {
    return this.#session !== null;
  }

  /** Runs until `signal` is aborted; then commits what was read and lets go of the task. */
  async run(signal: AbortSignal): Promise<void> {
    const abort = () => this.#abort.abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      while (!signal.aborted) await this.#own();
    } catch (error) {
      if (!signal.aborted || !isRetryable(error)) {
        this.#health.failed(messageOf(error));
        throw error;
      }
    } finally {
      signal.removeEventListener('abort', abort);
    }
    this.#health.state = 'stopped';
  }

  /** From standing by to the end of the ownership, by a fence or by being stopped. */
  async #own(): Promise<void> {
    const { signal } = this.#abort;
    const onStanding = (sentence: string) => this.#health.standsBy(sentence);
    await untilFree(this.#parts, this.#retry, onStanding, this.#isFenced);
    if (signal.aborted) return;
    try {
      const session = await openSession(this.#parts, this.#retry);
      this.#session = session;
      this.#isFenced = false;
      this.#isChanged = true;
      this.#builtMs = -Infinity;
      this.#health.troubled(null);
      while (!signal.aborted) {
        await this.#step(session);
        // Lets requests in between two reads.
        await new Promise(setImmediate);
      }
      await this.#release(session);
    } catch (error) {
      if (error instanceof Fenced) this.#fenced(error);
      else if (isOf(error, 'source_gap', 'topic_renewed')) await this.#reopen(error);
      else {
        // Else the commit in flight is tried for as long as the store is away.
        this.#abort.abort();
        throw error;
      }
    } finally {
      await this.#inFlight;
      this.#inFlight = null;
      this.#failure = null;
      this.#session = null;
    }
  }

  /** What the log no longer holds, it holds newer values for: opened again, it goes on. */
  async #reopen(error: unknown): Promise<void> {
    const { task, log, clock, limits } = this.#parts;
    this.#health.troubled(messageOf(error));
    log.warn({ task }, `the topics are opened again: ${messageOf(error)}`);
    await clock.sleep(limits.retryMinMs, this.#abort.signal);
  }

  #fenced(error: Fenced): void {
    const { task, log } = this.#parts;
    this.#isFenced = true;
    this.#health.wasFenced('another process took the results over, or the store went back in time');
    log.warn({ task }, `fenced at ${error.message}: the state is dropped`);
  }

  async #step(session: SinkSession): Promise<void> {
    const { clock, source, limits } = this.#parts;
    const { table } = session.state;
    if (table.pending < PENDING_WINDOWS) {
      const wanted = session.positions.map(() => true);
      const waitMs = table.isDirty ? 0 : limits.readWaitMs;
      for (const fetch of await this.#reading.fetch(() => source.read(wanted, waitMs))) {
        if (session.state.apply(fetch, clock.monotonicMs())) this.#isChanged = true;
        session.positions[fetch.partition] = fetch.next;
      }
    }
    if (session.state.advance()) this.#isChanged = true;
    this.#throwFailure();
    if (this.#inFlight !== null && table.isDirty) await this.#settle();
    if (this.#inFlight === null && this.#isDue(session)) this.#commit(session, false);
  }

  /** At once for results; else within a second if anything was read, and every 5 s to be seen. */
  #isDue({ state }: SinkSession): boolean {
    if (state.table.isDirty) return true;
    const { commitMinMs, commitMaxMs } = this.#parts.limits;
    const waitMs = this.#isChanged ? commitMinMs : commitMaxMs;
    return this.#parts.clock.monotonicMs() - this.#builtMs >= waitMs;
  }

  #commit(session: SinkSession, isLast: boolean): void {
    const { commit, asked } = this.#build(session, isLast);
    this.#builtMs = this.#parts.clock.monotonicMs();
    this.#inFlight = this.#send(session, commit, asked)
      .catch((error: unknown) => {
        this.#failure = error;
      })
      .finally(() => {
        this.#inFlight = null;
      });
  }

  #build(session: SinkSession, isLast: boolean): { commit: Commit; asked: number } {
    const { task, store, owner } = this.#parts;
    const { state, positions, fence, topicIds } = session;
    const { table } = state;
    const now = { positions: [...positions], watermark: state.watermark };
    if (table.isSwept) {
      session.swept = now;
      table.beginSweep();
    }
    const taken = table.take(store.resultsPerCommit);
    if (table.isSwept) session.safe = table.isDirty ? session.swept : now;
    this.#isChanged = false;
    session.number++;
    const parts = state.parts(taken);
    if (!isLast) parts.push({ name: OWNER_PART, bytes: new TextEncoder().encode(owner) });
    const commit: Commit = {
      task,
      number: session.number,
      ...fence,
      parts,
      removedParts: isLast ? [OWNER_PART] : [],
      status: state.status(session.safe.positions, topicIds, session.safe.watermark),
      removals: taken.removals,
      claims: taken.claims,
      results: taken.results,
      kept: [],
      comebacks: [],
    };
    return { commit, asked: taken.claims.length };
  }

  async #send({ state }: SinkSession, commit: Commit, asked: number): Promise<void> {
    const { clock, store, log } = this.#parts;
    const beganMs = clock.monotonicMs();
    const answer = await withRetry('the commit', this.#retry, () => store.commit(commit));
    if (answer.answer === 'fenced') throw new Fenced(commit.number);
    const held = answer.heldElsewhere;
    state.heldElsewhere += held.length;
    if (held.length > 0)
      log.warn(
        { products: held.slice(0, 5), count: held.length, asked },
        'products belong to the tasks of an engine; give the sink a store of its own',
      );
    const bytes = commit.parts.reduce((sum, part) => sum + part.bytes.length, 0);
    this.#health.committed(beganMs, clock.monotonicMs(), bytes);
  }

  async #settle(): Promise<void> {
    await this.#inFlight;
    this.#throwFailure();
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure;
  }

  /** Commits what was read; the last commit says that nobody owns the task. */
  async #release(session: SinkSession): Promise<void> {
    this.#health.state = 'stopping';
    await this.#settle();
    while (session.state.table.isDirty) {
      this.#commit(session, false);
      await this.#settle();
    }
    this.#commit(session, true);
    await this.#settle();
  }

  health(): TaskHealth {
    const { clock, source } = this.#parts;
    const report = this.#health.report(null, clock.monotonicMs(), source);
    const session = this.#session;
    if (session === null) return report;
    const { state, positions, topicIds } = session;
    const ends = source.ends ?? [];
    return {
      ...report,
      reasons: [...report.reasons, ...state.concerns()],
      live: state.status(positions, topicIds, state.watermark),
      sights: positions.map((_, p) => ({ end: ends[p] ?? null, quietMs: 0 })),
      lagRecords: positions.reduce((sum, at, p) => sum + Math.max(0, (ends[p] ?? at) - at), 0),
    };
  }
}
