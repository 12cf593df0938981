/**
 * The recent changes as text, for readers that keep up and for those who come back. Bounded in
 * number and bytes; what is no longer here cannot be resumed.
 */

/** One change. `rows` and `removed` name the products it touched, also where it has no text. */
export type Entry = {
  number: number;
  rows: readonly string[];
  removed: readonly string[];
  /** The whole event; null for a change that came while nobody listened. */
  bytes: Buffer | null;
  /** Where each row's text begins in `bytes`; after the last, one byte past the end of its text. */
  starts: Uint32Array;
};

type Held = Entry & { textBefore: number };

/** What an entry costs beside its text, and for each product it names. */
const ENTRY_BYTES = 200;
const PRODUCT_BYTES = 16;
/** Of the array, what may be entries that are gone. */
const DEAD_SHARE = 0.1;

export class Ring {
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  #entries: Held[] = [];
  /** Index of the oldest entry: those before it are gone. */
  #head = 0;
  #bytes = 0;
  /** Bytes of text of all changes so far. */
  #text = 0;
  /** The newest change without text. */
  #lastLight = -Infinity;
  /** Number of the last change, in here or not. */
  last = 0;

  constructor(maxEntries: number, maxBytes: number) {
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#entries.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Forgets everything; the next change is `number` + 1. */
  clear(number: number): void {
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#lastLight = -Infinity;
    this.last = number;
  }

  /** Adds the next change; the newest one stays whatever its size. */
  push(entry: Entry): void {
    this.#entries.push({ ...entry, textBefore: this.#text });
    this.last = entry.number;
    this.#text += entry.bytes?.length ?? 0;
    if (entry.bytes === null) this.#lastLight = entry.number;
    this.#bytes += sizeOf(entry);
    while (this.size > 1 && (this.size > this.#maxEntries || this.#bytes > this.#maxBytes)) {
      this.#bytes -= sizeOf(this.#entries[this.#head]);
      // Its bytes go now, the array later.
      this.#entries[this.#head++].bytes = null;
    }
    if (this.#head < 1_000 || this.#head < this.#entries.length * DEAD_SHARE) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }

  /** Whether every change after `number` is here. */
  reaches(number: number): boolean {
    return number <= this.last && number >= this.last - this.size;
  }

  /** Bytes of text after `number`, which is reached; Infinity where a change has no text. */
  lag(number: number): number {
    if (number === this.last) return 0;
    return number < this.#lastLight ? Infinity : this.#text - this.at(number + 1).textBefore;
  }

  /** The change with this number, which must be here. */
  at(number: number): Held {
    return this.#entries[this.#entries.length - 1 - (this.last - number)];
  }
}

function sizeOf({ rows, removed, bytes }: Entry): number {
  return ENTRY_BYTES + (rows.length + removed.length) * PRODUCT_BYTES + (bytes?.length ?? 0);
}
