/**
 * The loop of one task. The steps are those of docs/ARCHITECTURE.md, and nowhere else:
 *
 *   Step 1  read a batch of records of each topic partition
 *   Step 2  decode it to columns
 *   Step 3  apply: verdict, then watermark, event by event
 *   Step 4  advance the task: results to publish, products to remove, events to keep
 *   Step 5  commit, atomically: changed checkpoint parts, status, results, removals, kept events
 *   Step 6  acknowledge the source
 *
 * Nothing is published that is not committed, and nothing is acknowledged before that.
 */
import { ClickrateError, isRetryable, messageOf } from './errors.ts';
import { Committer, Fenced } from './pipeline/committer.ts';
import { Health } from './pipeline/health.ts';
import { overForever } from './pipeline/idleness.ts';
import { PatientReading } from './pipeline/reading.ts';
import { type Retry, withRetry } from './pipeline/retry.ts';
import { openSession, type Pending, type PipelineParts, type Session } from './pipeline/session.ts';
import type { Fetch } from './sources/source.ts';
import type { OpenCounts, TaskHealth } from './status.ts';

export type { PipelineParts } from './pipeline/session.ts';

/** A session and the committer that writes for it; dropped together when fenced. */
type Owned = { session: Session; committer: Committer };

export class Pipeline {
  readonly #parts: PipelineParts;
  readonly #retry: Retry;
  readonly #abort = new AbortController();
  readonly #health: Health;
  readonly #reading: PatientReading;
  #owned: Owned | null = null;

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    const { task, clock, limits, log } = parts;
    this.#health = new Health(task);
    const { signal } = this.#abort;
    const onState = (reason: string | null) => this.#health.troubled(reason);
    this.#retry = { task, clock, limits, log, signal, onState };
    this.#reading = new PatientReading({ clock, limits, signal, health: this.#health });
  }

  /** Claims the task and takes up its checkpoint; waits for a store that does not answer. */
  async start(): Promise<void> {
    const session = await openSession(this.#parts, this.#retry);
    const committer = new Committer(this.#parts, this.#retry, session, this.#health);
    this.#owned = { session, committer };
    this.#health.troubled(null);
  }

  /** Runs until `signal` is aborted, then commits what was applied. */
  async run(signal: AbortSignal): Promise<void> {
    const abort = () => this.interrupt();
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    try {
      await this.start();
      while (!signal.aborted) {
        await this.step();
        // Lets requests in between two batches of a full source.
        await new Promise(setImmediate);
      }
      await this.stop();
    } catch (error) {
      // A commit in flight would be tried for ever, and be what nobody waits for.
      this.interrupt();
      await this.#owned?.committer.end();
      // What could not be committed when stopping is read again at the next start.
      if (!signal.aborted || !isRetryable(error)) {
        this.#health.failed(messageOf(error));
        throw error;
      }
      this.#health.state = 'stopped';
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /**
   * From now on what fails is not tried again: it rejects with `stopping`. For those who call
   * `step` themselves; `run` does so when its signal is aborted.
   */
  interrupt(): void {
    this.#abort.abort();
  }

  /** One turn of the steps. A fence met on the way makes it claim the task again. */
  async step(): Promise<void> {
    try {
      const { session, committer } = this.#current();
      // While a closing is spread over commits nothing is applied between them: each event would
      // make its block's part one that the next commit has to carry again. Nor while the events
      // kept for the next commit are full: there is no room for another.
      if (session.task.due() !== 'now') {
        this.#hold(session, await this.#read(session));
        this.#applyPending();
        await this.#probe(session);
      }
      this.#parts.onStep?.(4);
      session.task.advance(session.idleness.sights());
      await committer.commitIfDue();
    } catch (error) {
      if (!(error instanceof Fenced)) throw error;
      await this.#fenced(error);
    }
  }

  /** Commits until nothing is left that could be committed. */
  async flush(): Promise<void> {
    await this.#current().committer.flush();
  }

  /** After the last record of a finite source: closes every window and commits. */
  async close(): Promise<void> {
    while (this.#current().session.pending.some((held) => held !== null)) await this.step();
    const { session, committer } = this.#current();
    session.task.advance(overForever(session.positions.length));
    committer.changed = true;
    await committer.flush();
  }

  /** Commits what was applied; windows still open stay in the checkpoint. */
  async stop(): Promise<void> {
    this.#health.state = 'stopping';
    try {
      if (this.#owned !== null) await this.flush();
    } catch (error) {
      // Another owner has the task: what was not committed here, it reads from the source.
      if (!(error instanceof Fenced)) throw error;
      this.#parts.log.warn({ task: this.#parts.task }, `fenced while stopping at ${error.message}`);
    }
    this.#health.state = 'stopped';
  }

  health(): TaskHealth {
    const { clock, source } = this.#parts;
    const session = this.#owned?.session ?? null;
    return this.#health.report(session, clock.monotonicMs(), source);
  }

  /** Windows still open: none when every event's window was closed. */
  get openWindows(): number {
    return this.#owned?.session.task.openWindows ?? 0;
  }

  /** Counts of the windows not closed yet, of the `limit` most active products; changes nothing. */
  openCounts(limit: number): OpenCounts {
    const session = this.#owned?.session;
    if (session === undefined) return { windows: [], products: [] };
    return session.task.openCounts(session.products, limit);
  }

  async #read(session: Session): Promise<Fetch[]> {
    this.#parts.onStep?.(1);
    const { task, pending } = session;
    const wanted = this.#readable(session);
    if (!wanted.includes(true)) return [];
    // What is held and may not be applied yet waits for others to arrive, and so do we.
    const isBusy = pending.some((p, i) => p !== null && task.mayApply(i));
    return this.#reading.fetch(() =>
      this.#parts.source.read(wanted, isBusy ? 0 : this.#parts.limits.readWaitMs),
    );
  }

  /** Which partitions the next read asks. */
  #readable({ task, pending }: Session): boolean[] {
    return pending.map((held, p) => held === null && !task.drifted(p));
  }

  /** Step 1 ends: answers wait here until they are applied whole. */
  #hold(session: Session, fetches: Fetch[]): void {
    for (const fetch of fetches) session.pending[fetch.partition] = { ...fetch, from: 0, good: 0 };
  }

  #applyPending(): void {
    const { session, committer } = this.#current();
    session.pending.forEach((held, p) => {
      if (held === null || !session.task.mayApply(p)) return;
      if (held.records.count > held.from) {
        this.#applySome(session, p, held);
        committer.changed = true;
      }
      const isWhole = held.from >= held.records.count;
      session.positions[p] = isWhole ? held.next : held.records.offsets[held.from];
      // Good events count as heard when they are applied, also while the rest has to wait.
      if (isWhole || held.good > 0) session.idleness.note(p, held, held.good);
      if (isWhole) session.pending[p] = null;
    });
  }

  /** Applies until a buffer is full; the rest waits, undecoded, for a commit to make room. */
  #applySome(session: Session, p: number, held: Pending): void {
    this.#parts.onStep?.(2);
    const events = session.decode(held, held.from);
    this.#parts.onStep?.(3);
    const judged = session.task.apply(p, held.records, events, held.from);
    session.task.admit(session.products.takeNew());
    held.from = judged.next;
    held.good += judged.good;
  }

  /** Asks idle partitions again, now that the step's other records have arrived. */
  async #probe(session: Session): Promise<void> {
    const wanted = this.#unproved(session);
    if (!wanted.includes(true)) return;
    this.#hold(session, await this.#reading.fetch(() => this.#parts.source.probe(wanted)));
    this.#applyPending();
    // With nothing to read either, what says nothing for now would be asked without a pause.
    if (this.#readable(session).includes(true) || !this.#unproved(session).includes(true)) return;
    await this.#parts.clock.sleep(this.#parts.limits.readWaitMs, this.#abort.signal);
  }

  /** Which partitions are idle, and need a fetch before time may move past them. */
  #unproved({ task, idleness, pending }: Session): boolean[] {
    return pending.map((held, p) => held === null && task.isIdle(p) && idleness.needsProbe(p));
  }

  /** Fenced: the state is dropped; the task is claimed again if it is still ours. */
  async #fenced(error: Fenced): Promise<void> {
    const { task, log } = this.#parts;
    this.#owned = null;
    this.#health.wasFenced('another owner wrote this task, or the store went back in time');
    log.warn({ task }, `fenced at ${error.message}: the state is dropped`);
    const ask = () => this.#parts.stillOurs(this.#abort.signal);
    if (!(await withRetry('asking whose the task is', this.#retry, ask)))
      throw new ClickrateError('task_lost', `task ${task} is owned by another process`);
    await this.start();
    // A store that is empty is told of as the source is opened.
    const { number } = this.#current().session;
    if (number > 0 && number < error.number - 1)
      log.warn(
        { task },
        `the store has lost commits ${number + 1} to ${error.number - 1} of this task: ` +
          'their events are counted again',
      );
  }

  #current(): Owned {
    if (this.#owned === null) throw new ClickrateError('internal', 'the pipeline is not started');
    return this.#owned;
  }
}
