/**
 * What readers lack, as text that is made once for all who lack the same: changes as they were,
 * one change in the place of many, or a snapshot.
 */
import type { Change } from '../../stores/store.ts';
import type { Context } from '../parts.ts';
import { Ring } from './ring.ts';
import {
  coalescedPieces,
  entryOf,
  filteredText,
  lightEntry,
  makeSnapshot,
  PIECE_BYTES,
  type Snapshot,
} from './texts.ts';

/** A snapshot this young is good for others: they get what came since as changes. */
const SHARED_MS = 1_000;

/** Products whose newest state is made in one go, about 3 ms; of more all is told, in turns. */
const COALESCED_PRODUCTS = 1_000;
/** Texts kept for readers that lag alike; beyond that they are made again. */
const KEPT_TEXTS = 32;

/** Changes as they were, up to the number `last`. */
export type Run = { bytes: Buffer; last: number };
type Shared = { number: number; atMs: number; made: Promise<Snapshot> };

export class Backlog {
  readonly #context: Context;
  readonly #ring: Ring;
  /** By the number they begin after; good until the next change. */
  readonly #runs = new Map<number, Run>();
  readonly #coalesced = new Map<number, Buffer[]>();
  #shared: Shared | null = null;

  constructor(context: Context) {
    const { streamChanges, streamBytes } = context.parts.limits;
    this.#context = context;
    this.#ring = new Ring(streamChanges, streamBytes);
  }

  /** Number of the last change. */
  get last(): number {
    return this.#ring.last;
  }

  get incarnation(): string {
    return this.#context.results.place!.incarnation;
  }

  /** Whether a reader that has everything up to `number` can go on from there. */
  reaches(number: number): boolean {
    return this.#ring.reaches(number);
  }

  /** Takes a change; without listeners its text is not made. */
  push(change: Change, isHeard: boolean): void {
    this.#ring.push(isHeard ? entryOf(this.#context, change) : lightEntry(change));
    this.#runs.clear();
    this.#coalesced.clear();
  }

  /** Everything was loaded anew. */
  clear(number: number): void {
    this.#ring.clear(number);
    this.#runs.clear();
    this.#coalesced.clear();
    this.#shared = null;
  }

  /** Changes after `place` as they were, up to about a piece; null when the lag is too long. */
  run(place: number): Run | null {
    const known = this.#runs.get(place);
    if (known !== undefined) return known;
    const ring = this.#ring;
    if (ring.lag(place) > this.#context.parts.limits.streamLagBytes) return null;
    const texts: Buffer[] = [];
    let length = 0;
    let last = place;
    while (last < ring.last) {
      const text = ring.at(last + 1).bytes!;
      if (length > 0 && length + text.length > PIECE_BYTES) break;
      texts.push(text);
      length += text.length;
      last++;
    }
    const run = { bytes: texts.length === 1 ? texts[0] : Buffer.concat(texts, length), last };
    if (this.#runs.size < KEPT_TEXTS) this.#runs.set(place, run);
    return run;
  }

  /**
   * One change for all after `place`: every product they touched, as it is now. Null where those
   * are too many for one go.
   */
  coalesced(place: number): Buffer[] | null {
    const known = this.#coalesced.get(place);
    const touched = known === undefined ? this.#touched(place) : new Set<string>();
    if (touched.size > COALESCED_PRODUCTS) {
      // Nor is a snapshot good that is as old: after it the same would be missing.
      if (this.#shared !== null && this.#shared.number <= place) this.#shared = null;
      return null;
    }
    this.#context.stream.coalesced++;
    if (known !== undefined) return known;
    const { last } = this.#ring;
    const pieces = coalescedPieces(this.#context, this.incarnation, last, touched);
    if (this.#coalesced.size < KEPT_TEXTS) this.#coalesced.set(place, pieces);
    return pieces;
  }

  #touched(place: number): Set<string> {
    const products = new Set<string>();
    for (let number = place + 1; number <= this.#ring.last; number++) {
      const { rows, removed } = this.#ring.at(number);
      for (const product of rows) products.add(product);
      for (const product of removed) products.add(product);
    }
    return products;
  }

  /** All after `place` that concerns `filter`: as it was, or where that is not known, as it is. */
  filtered(place: number, filter: ReadonlySet<string>): Buffer[] {
    const ring = this.#ring;
    if (ring.lag(place) > this.#context.parts.limits.streamLagBytes) {
      const touched = [...this.#touched(place)].filter((product) => filter.has(product));
      if (touched.length === 0) return [];
      this.#context.stream.coalesced++;
      return coalescedPieces(this.#context, this.incarnation, ring.last, touched);
    }
    const pieces: Buffer[] = [];
    for (let number = place + 1; number <= ring.last; number++) {
      const text = filteredText(this.#context, this.incarnation, ring.at(number), filter);
      if (text !== null) pieces.push(text);
    }
    return pieces;
  }

  /** A snapshot that those who come within a second share; with a filter, its own. */
  async snapshot(filter: ReadonlySet<string> | null): Promise<Snapshot> {
    if (filter !== null) return await makeSnapshot(this.#context, filter);
    const atMs = this.#context.parts.clock.monotonicMs();
    const isGood =
      this.#shared !== null &&
      atMs - this.#shared.atMs < SHARED_MS &&
      this.reaches(this.#shared.number);
    if (this.#shared === null || !isGood) {
      const made = makeSnapshot(this.#context, null);
      this.#shared = { number: this.last, atMs, made };
    }
    return await this.#shared.made;
  }

  /** Lets go of the shared snapshot once it is too old. */
  tidy(): void {
    const nowMs = this.#context.parts.clock.monotonicMs();
    if (this.#shared !== null && nowMs - this.#shared.atMs >= SHARED_MS) this.#shared = null;
  }
}
