/**
 * The serialised body of `/ctr/latest` or `/ctr/previous`, kept in chunks of slots. A change marks
 * the chunks it touches; they are rebuilt when somebody asks, so an untouched one costs nothing.
 */
import { hash } from 'node:crypto';
import { etagOf } from './etag.ts';
import { originalText, type Rows, spanText, type Which } from './rows.ts';
import { type Serialised, serialised } from './serialised.ts';

/** Slots of a chunk: small enough to rebuild in a millisecond, large enough to write at once. */
const CHUNK_SHIFT = 10;
/** Chunks made before others get their turn: a few milliseconds. */
const CHUNKS_A_TURN = 4;
const PASSES = 3;
/** Bodies up to this many bytes are joined, because one write is cheaper than several. */
const JOINED_BYTES = 262_144;

type Chunk = { bytes: Uint8Array; digest: string };

const OPEN = Buffer.from('{');
const CLOSE = Buffer.from('}');

export class SerialisedBody {
  readonly #rows: Rows;
  readonly #which: Which;
  #chunks: (Chunk | undefined)[] = [];
  #current: Serialised | null = null;

  constructor(rows: Rows, which: Which) {
    this.#rows = rows;
    this.#which = which;
  }

  /** The product in this slot came, changed or left. */
  touch(slot: number): void {
    this.#chunks[slot >> CHUNK_SHIFT] = undefined;
    this.#current = null;
  }

  /** Whether so much has changed that making it at once would hold others up. */
  get isLongToMake(): boolean {
    return this.#stale().length > CHUNKS_A_TURN;
  }

  /** As `get`, but others get their turn while it is made. */
  async made(): Promise<Serialised> {
    // Under constant change some chunks are stale again by the end; those few are made at once.
    for (let pass = 0; pass < PASSES && this.isLongToMake; pass++) await this.#makeStale();
    return this.get();
  }

  async #makeStale(): Promise<void> {
    for (const [i, index] of this.#stale().entries()) {
      this.#chunks[index] ??= this.#chunk(index);
      if (i % CHUNKS_A_TURN === CHUNKS_A_TURN - 1) await new Promise(setImmediate);
    }
  }

  #stale(): number[] {
    if (this.#current !== null) return [];
    const stale: number[] = [];
    for (let i = 0; i << CHUNK_SHIFT < this.#rows.end; i++)
      if (this.#chunks[i] === undefined) stale.push(i);
    return stale;
  }

  get(): Serialised {
    this.#current ??= this.#build();
    return this.#current;
  }

  #build(): Serialised {
    const count = Math.ceil(this.#rows.end / (1 << CHUNK_SHIFT));
    const pieces: Uint8Array[] = [OPEN];
    let digests = '';
    for (let i = 0; i < count; i++) {
      this.#chunks[i] ??= this.#chunk(i);
      const { bytes, digest } = this.#chunks[i]!;
      if (bytes.length === 0) continue;
      // Every chunk begins with a comma; the first does not need it.
      pieces.push(pieces.length === 1 ? bytes.subarray(1) : bytes);
      digests += digest;
    }
    pieces.push(CLOSE);
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const etag = etagOf(digests);
    if (length <= JOINED_BYTES) return serialised(Buffer.concat(pieces, length), etag);
    return { etag, length, pieces, text: null };
  }

  #chunk(index: number): Chunk {
    const rows = this.#rows;
    const from = index << CHUNK_SHIFT;
    const to = Math.min(from + (1 << CHUNK_SHIFT), rows.end);
    let text = '';
    let start = Number.NaN;
    let span = '';
    for (let slot = from; slot < to; slot++) {
      const product = rows.productAt(slot);
      if (product === undefined) continue;
      const counts = rows.countsAt(slot, this.#which);
      if (counts === null) continue;
      if (counts.start !== start) {
        start = counts.start;
        span = spanText(start, rows.windowMs);
      }
      const quoted = JSON.stringify(product);
      text += `,${quoted}:${originalText(quoted, counts, span)}`;
    }
    const bytes = Buffer.from(text);
    return { bytes, digest: hash('sha256', bytes, 'base64url') };
  }
}
