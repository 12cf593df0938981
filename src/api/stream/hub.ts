/**
 * The live stream: every change is made text once, and written to all readers together, once a
 * tick. A reader that does not keep up is not written to: when its socket takes more it gets what
 * it lacks, exact while that is little, else one change that holds the newest state of every
 * product it missed, else a new snapshot. So a slow reader costs the others nothing.
 */
import type { ServerResponse } from 'node:http';
import { ClickrateError, messageOf } from '../../errors.ts';
import type { Change } from '../../stores/store.ts';
import type { Context } from '../parts.ts';
import type { ResultsListener } from '../results.ts';
import { Backlog } from './backlog.ts';
import { beyond } from './held.ts';
import { StreamReader, type Supply } from './reader.ts';
import { SideEvents } from './side.ts';
import { snapshotHead } from './texts.ts';
import { Ticker } from './ticker.ts';

const HEARTBEAT = ': heartbeat\n\n';

export class StreamHub implements ResultsListener, Supply {
  readonly #context: Context;
  readonly #backlog: Backlog;
  readonly #side: SideEvents;
  readonly #readers = new Set<StreamReader>();
  readonly #ticker: Ticker;
  #heartbeat: NodeJS.Timeout | null = null;
  /** Everything up to this number was written at a tick. */
  #ticked = 0;
  #lastReaderMs = -Infinity;

  constructor(context: Context) {
    this.#context = context;
    this.#backlog = new Backlog(context);
    this.#side = new SideEvents(context);
    this.#ticker = new Ticker(context.parts.clock, () => this.#tick());
  }

  /** Begins to hear changes. */
  start(): void {
    const { results, watch, parts } = this.#context;
    results.listen(this);
    watch.onLook(() => this.#look());
    this.#heartbeat = setInterval(() => this.#beat(), parts.limits.heartbeatMs);
    this.#heartbeat.unref();
  }

  /** Ends every reader. */
  close(): void {
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat);
    this.#ticker.stop();
    for (const reader of this.#readers) reader.end();
    this.#readers.clear();
  }

  /** Throws `store_unavailable` before the first load, `stream_full` when there are too many. */
  checkRoom(): void {
    const { results, parts } = this.#context;
    results.mustBeLoaded();
    const limit = parts.limits.streamReaders;
    if (this.#readers.size < limit) return;
    throw new ClickrateError('stream_full', `${limit} readers are the limit; try again later`);
  }

  /** Takes a reader whose head has been sent. `lastId` is the id of the last event it had. */
  add(response: ServerResponse, filter: ReadonlySet<string> | null, lastId: string | undefined) {
    const place = lastId === undefined ? null : this.#placeOf(lastId);
    const name = lastId === undefined ? 'snapshot' : 'reset';
    const reader = new StreamReader(response, this, filter, place, name, () => this.#nowMs());
    this.#readers.add(reader);
    this.#context.stream.readers = this.#readers.size;
    response.on('close', () => this.#gone(reader));
    reader.pump();
  }

  changed(change: Change): void {
    this.#backlog.push(change, this.#isHeard());
    if (this.#readers.size > 0) this.#ticker.wake();
    else this.#ticked = change.number;
  }

  replaced(): void {
    const { number } = this.#context.results.place!;
    this.#backlog.clear(number);
    this.#ticked = number;
    for (const reader of this.#readers) reader.forget();
    this.#ticker.wake();
  }

  /** Also for a while after the last reader has gone: it may come back and want every change. */
  #isHeard(): boolean {
    const { streamStallMs } = this.#context.parts.limits;
    return this.#readers.size > 0 || this.#nowMs() - this.#lastReaderMs < streamStallMs;
  }

  #nowMs(): number {
    return this.#context.parts.clock.monotonicMs();
  }

  /** The number of an id that can be resumed exactly, else null. */
  #placeOf(id: string): number | null {
    const cut = id.lastIndexOf('-');
    const digits = id.slice(cut + 1);
    if (id.slice(0, cut) !== this.#backlog.incarnation || !/^\d{1,15}$/.test(digits)) return null;
    return this.#backlog.reaches(Number(digits)) ? Number(digits) : null;
  }

  /** One write a reader: what is new, the same bytes for all who have the rest. */
  #tick(): void {
    const { last } = this.#backlog;
    const from = this.#ticked;
    this.#ticked = last;
    const run = from < last && this.#backlog.reaches(from) ? this.#backlog.run(from) : null;
    for (const reader of this.#readers) {
      const isNext = reader.place === from && reader.filter === null && reader.isFree;
      if (isNext && run !== null && run.last === last) {
        reader.place = last;
        reader.write(run.bytes);
      } else {
        reader.lags();
        reader.pump();
      }
    }
  }

  /** The next pieces of a reader, or null when it has everything or has to wait. */
  next(reader: StreamReader): Buffer[] | null {
    const { place, filter } = reader;
    const { last } = this.#backlog;
    if (place === null || !this.#backlog.reaches(place)) {
      void this.#giveSnapshot(reader);
      return null;
    }
    if (place === last) {
      reader.isUpToDate = true;
      return this.#side.next(reader);
    }
    reader.place = last;
    if (filter !== null) return this.#backlog.filtered(place, filter);
    const run = this.#backlog.run(place);
    if (run === null) return this.#coalesced(reader, place);
    reader.place = run.last;
    return [run.bytes];
  }

  /** The newest state of what it missed; of too many products all is told anew, made in turns. */
  #coalesced(reader: StreamReader, place: number): Buffer[] | null {
    const pieces = this.#backlog.coalesced(place);
    if (pieces !== null) return [...pieces];
    reader.forget();
    void this.#giveSnapshot(reader);
    return null;
  }

  async #giveSnapshot(reader: StreamReader): Promise<void> {
    reader.isWaiting = true;
    try {
      const snapshot = await this.#backlog.snapshot(reader.filter);
      const { incarnation, number } = snapshot;
      // Else all was loaded anew, or too much has happened, while it was made: once more.
      if (incarnation === this.#backlog.incarnation && this.#backlog.reaches(number)) {
        this.#context.stream.snapshots++;
        reader.place = number;
        reader.queue([snapshotHead(reader.snapshotName, snapshot), ...snapshot.pieces]);
        reader.snapshotName = 'reset';
      }
      reader.isWaiting = false;
      reader.pump();
    } catch (error) {
      this.#context.parts.log.warn({ err: messageOf(error) }, 'a snapshot failed');
      reader.drop();
    }
  }

  /** Each second: news beside the changes, and readers that have stalled for too long go. */
  #look(): void {
    this.#backlog.tidy();
    if (this.#readers.size === 0) return;
    this.#side.look();
    const { streamStallMs, streamHeldBytes } = this.#context.parts.limits;
    const before = this.#nowMs() - streamStallMs;
    for (const reader of this.#readers) {
      if (reader.hasStalled(before)) this.#drop(reader);
      else reader.pump();
    }
    for (const reader of beyond(this.#readers, streamHeldBytes)) this.#drop(reader);
  }

  #gone(reader: StreamReader): void {
    this.#readers.delete(reader);
    this.#context.stream.readers = this.#readers.size;
    this.#lastReaderMs = this.#nowMs();
  }

  #drop(reader: StreamReader): void {
    this.#context.stream.dropped++;
    this.#gone(reader);
    reader.drop();
  }

  #beat(): void {
    for (const reader of this.#readers) {
      if (!reader.isFree) continue;
      const { place, filter } = reader;
      // Changes that do not concern its filter move its place all the same.
      const id =
        filter === null || place === null ? '' : `id: ${this.#backlog.incarnation}-${place}\n`;
      reader.write(Buffer.from(id + HEARTBEAT));
    }
  }
}
