/**
 * Follows the stream of changes on a connection of its own, which waits in Redis for the next one.
 * After a break it goes on behind the last change it saw. When what it finds there does not follow
 * from that one (trimmed, flushed, rolled back by a failover), it goes on from the present under
 * another incarnation, which tells readers to load again.
 */
import type { Clock } from '../../clock.ts';
import { messageOf, traceOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Change } from '../store.ts';
import { changeOf, type Entry } from './changes.ts';
import type { Connection } from './connection.ts';
import { KEYS } from './keys.ts';
import { type Position, readPosition } from './load.ts';
import type { SentRows } from './sent-rows.ts';

/** How long Redis may hold the answer back when nothing happens. */
const BLOCK_MS = 1_000;
/** Changes of one answer. */
const READ_CHANGES = 100;
/** Waits after a failure: first and longest. */
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 1_000;

/** The incarnation of a store that was never written. */
export const EMPTY = 'empty';

export type FollowerParts = {
  connection: Connection;
  clock: Clock;
  log: Log;
  timeoutMs: number;
  sent: SentRows;
  onChange(change: Change): void;
  /** Called when it cannot follow any more: the address may be that of another server by now. */
  onLost(why: unknown): void;
};

export class Follower {
  readonly #parts: FollowerParts;
  readonly #stopped = new AbortController();
  #position: Position | null = null;
  #positioning: Promise<void> | null = null;
  /** Counts up when the stream broke within one incarnation of the store. */
  #generation = 0;
  #heardMs: number | null = null;
  /** The log says that changes are not followed. */
  #isTold = false;
  /** Why Redis is not followed right now, or null. */
  trouble: string | null = 'Redis has not answered yet';

  constructor(parts: FollowerParts) {
    this.#parts = parts;
    parts.sent.areWanted = true;
    void this.#run();
  }

  /** The last change seen; null before the first contact. */
  get number(): number | null {
    return this.#position?.number ?? null;
  }

  /** Monotonic time of the last answer; null before the first. */
  get heardMs(): number | null {
    return this.#heardMs;
  }

  /** Names incarnations as changes are named at present. */
  naming(): (incarnation: string | null) => string {
    const generation = this.#generation;
    const ours = this.#position?.incarnation;
    return (incarnation) => {
      const name = incarnation ?? EMPTY;
      return incarnation === ours && generation > 0 ? `${name}~${generation}` : name;
    };
  }

  /** Resolves when it is fixed from where it follows: later changes will all be told. */
  async positioned(): Promise<void> {
    if (this.#position !== null) return;
    this.#positioning ??= this.#takePosition().finally(() => {
      this.#positioning = null;
    });
    await this.#positioning;
  }

  async #takePosition(): Promise<void> {
    this.#position = await readPosition(this.#parts.connection);
    this.#heard();
  }

  stop(): void {
    this.#stopped.abort();
    this.#parts.connection.close();
  }

  #heard(): void {
    this.#heardMs = this.#parts.clock.monotonicMs();
    this.trouble = null;
    if (this.#isTold) this.#parts.log.info({}, 'changes are followed again');
    this.#isTold = false;
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { clock, log } = this.#parts;
    const { signal } = this.#stopped;
    let waitMs = RETRY_MIN_MS;
    while (!signal.aborted) {
      try {
        await this.positioned();
        await this.#compare();
        for (;;) {
          await this.#next();
          waitMs = RETRY_MIN_MS;
        }
      } catch (error) {
        if (signal.aborted) return;
        const why = messageOf(error);
        if (this.trouble === null) {
          log.warn(traceOf(error), `changes cannot be followed: ${why}`);
          this.#isTold = true;
          this.#parts.onLost(error);
        }
        this.trouble = why;
        await clock.sleep(waitMs, signal);
        waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
      }
    }
  }

  /** Waits for changes and tells them; where none come, sees whether none were to come. */
  async #next(): Promise<void> {
    const entries = await this.#read(BLOCK_MS);
    this.#heard();
    if (entries.length === 0) await this.#compare();
    for (const entry of entries) await this.#take(entry);
  }

  async #read(blockMs: number): Promise<Entry[]> {
    const { connection, timeoutMs } = this.#parts;
    const block = blockMs === 0 ? [] : ['BLOCK', String(blockMs)];
    const command = ['XREAD', 'COUNT', String(READ_CHANGES), ...block, 'STREAMS', KEYS.changes];
    const answer = await connection.send<[[string, Entry[]]] | null>(
      [...command, `${this.#position!.number}-0`],
      blockMs + timeoutMs,
    );
    return answer === null ? [] : answer[0][1];
  }

  async #take(entry: Entry): Promise<void> {
    const { mark, before, ...change } = changeOf(entry, this.#parts.sent);
    const position = this.#position!;
    if (change.number <= position.number) return;
    const { incarnation, number, windowMs } = change;
    const isSame = position.incarnation === null || position.incarnation === incarnation;
    if (!isSame || before !== position.mark || number !== position.number + 1) {
      await this.#startAgain();
      return;
    }
    this.#position = { incarnation, number, mark, windowMs };
    this.#parts.onChange({ ...change, incarnation: this.naming()(incarnation) });
  }

  /** Whether the store still is where we are, or further on with the changes to get there. */
  async #compare(): Promise<void> {
    const ours = this.#position!;
    const theirs = await readPosition(this.#parts.connection);
    this.#heard();
    const same = ours.incarnation === null || theirs.incarnation === ours.incarnation;
    if (same && theirs.number === ours.number && theirs.mark === ours.mark) {
      this.#position = theirs;
      return;
    }
    if (same && theirs.number > ours.number && (await this.#read(0)).length > 0) return;
    await this.#startAgain();
  }

  /** Goes on from the present, and tells it so that readers load. */
  async #startAgain(): Promise<void> {
    const before = this.#position!;
    const position = await readPosition(this.#parts.connection);
    this.#generation = position.incarnation === before.incarnation ? this.#generation + 1 : 0;
    this.#position = position;
    const { number, windowMs, incarnation } = position;
    this.#parts.log.info({ number }, 'the stream of changes broke: results are to be loaded again');
    this.#parts.onChange({
      incarnation: this.naming()(incarnation),
      number,
      windowMs: windowMs ?? 0,
      rows: [],
      removals: [],
    });
  }
}
