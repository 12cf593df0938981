/** One reader of the stream: what it has, what it is to get, and whether its socket takes more. */
import type { ServerResponse } from 'node:http';

/** What a reader asks of the hub when its socket takes more. */
export type Supply = {
  /** The next pieces of the reader, after `place`; null when there are none for now. */
  next(reader: StreamReader): Buffer[] | null;
};

export class StreamReader {
  readonly filter: ReadonlySet<string> | null;
  /** Number of the last change it has or is being sent; null: it needs a snapshot. */
  place: number | null;
  /** What its next snapshot is called. */
  snapshotName: 'snapshot' | 'reset';
  /** A snapshot is being made for it. */
  isWaiting = false;
  /** Versions of the side events it has. */
  statusVersion = 0;
  openVersion = 0;
  /** Whether it has had everything. */
  isUpToDate = false;
  /** Monotonic time at which its socket last took something, or it last had everything. */
  drainedMs: number;
  readonly #response: ServerResponse;
  readonly #supply: Supply;
  readonly #nowMs: () => number;
  #queue: Buffer[] = [];
  #isBlocked = false;
  #isGone = false;

  constructor(
    response: ServerResponse,
    supply: Supply,
    filter: ReadonlySet<string> | null,
    place: number | null,
    snapshotName: 'snapshot' | 'reset',
    nowMs: () => number,
  ) {
    this.#response = response;
    this.#supply = supply;
    this.filter = filter;
    this.place = place;
    this.snapshotName = snapshotName;
    this.#nowMs = nowMs;
    this.drainedMs = nowMs();
    response.on('drain', () => {
      this.#isBlocked = false;
      this.drainedMs = nowMs();
      this.pump();
    });
    // A snapshot may still be made for it: nothing is written any more.
    response.on('close', () => {
      this.#isGone = true;
      this.#queue = [];
    });
    // A client that has left is no fault; `close` follows.
    response.on('error', () => {});
  }

  /** Its socket takes more, and everything it was to be sent has left. */
  get isFree(): boolean {
    return !this.#isBlocked && !this.#isGone && this.#queue.length === 0 && !this.isWaiting;
  }

  /** What waits for its socket; others may wait for the same bytes. */
  get waiting(): readonly Buffer[] {
    return this.#queue;
  }

  /** Sends at once; only for a reader that is free. */
  write(bytes: Buffer): void {
    this.#isBlocked = !this.#response.write(bytes);
  }

  /** Sends what it lacks, piece by piece, as long as the socket takes it. */
  pump(): void {
    while (!this.#isBlocked && !this.#isGone && !this.isWaiting) {
      const piece = this.#queue.shift();
      if (piece !== undefined) {
        this.write(piece);
        continue;
      }
      const pieces = this.#supply.next(this);
      if (pieces === null) return;
      this.#queue = pieces;
    }
  }

  /** Puts a snapshot at the end of what it is to get: from now on it may take some. */
  queue(pieces: readonly Buffer[]): void {
    this.#queue.push(...pieces);
    this.drainedMs = this.#nowMs();
  }

  /** It has taken nothing since then of what it was sent; what is still made it cannot take. */
  hasStalled(sinceMs: number): boolean {
    return !this.isUpToDate && !this.isWaiting && this.drainedMs < sinceMs;
  }

  /** There is more for it than it has. */
  lags(): void {
    if (this.isUpToDate) this.drainedMs = this.#nowMs();
    this.isUpToDate = false;
  }

  /** What came before no longer counts; pieces of an event that has begun are still sent. */
  forget(): void {
    this.place = null;
    this.snapshotName = 'reset';
  }

  end(): void {
    this.#response.end();
  }

  /** Ends it without waiting for what it does not take. */
  drop(): void {
    this.#response.destroy();
  }
}
