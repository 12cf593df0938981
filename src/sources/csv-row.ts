/**
 * One row of a CSV file (RFC 4180), found in its bytes. A quote means something only where a field
 * begins; anywhere else it is a character like others. One that is never closed, or closed in a
 * later line in the middle of a text, tears its row: that is its first line then, so that it
 * swallows no other rows.
 */
const QUOTE = 0x22;
const COMMA = 0x2c;
export const NEWLINE = 0x0a;
const RETURN = 0x0d;
/** Quotes that are closed further than this behind their row's beginning tear it. */
const MAX_QUOTED_BYTES = 1_048_576;

export class CsvRow {
  /** Fields of the row. */
  count = 0;
  /** Its quotes are broken: what the row has is not known, it is one line. */
  isTorn = false;
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  /**
   * Takes the row that begins at `start`; returns where its newline is (where `bytes` end: the file
   * does), or -1 when it lies behind them.
   */
  read(bytes: Uint8Array, start: number, isLast: boolean): number {
    const end = bytes.length;
    if (bytes.buffer !== this.#bytes.buffer || bytes.byteOffset !== this.#bytes.byteOffset)
      this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset);
    this.#start = start;
    this.count = 0;
    this.isTorn = false;
    for (let at = start; ; at++) {
      const from = at;
      if (bytes[at] === QUOTE) {
        at = behindQuotes(bytes, at + 1, Math.min(end, start + MAX_QUOTED_BYTES));
        if (at < 0 && !isLast && end < start + MAX_QUOTED_BYTES) return -1;
        if (at < 0 || isInText(bytes, from, at)) return this.#tear(bytes, isLast);
      }
      while (at < end && bytes[at] !== COMMA && bytes[at] !== NEWLINE) at++;
      this.#starts[this.count] = from;
      this.#ends[this.count++] = at;
      if (bytes[at] === COMMA) continue;
      return at < end || isLast ? this.#end(at) : -1;
    }
  }

  /** The row is its first line. */
  #tear(bytes: Uint8Array, isLast: boolean): number {
    const newline = bytes.indexOf(NEWLINE, this.#start);
    if (newline < 0 && !isLast) return -1;
    this.isTorn = true;
    this.count = 1;
    this.#starts[0] = this.#start;
    return this.#end(newline < 0 ? bytes.length : newline);
  }

  /** The row ends at `at`; a return before it is not part of it. */
  #end(at: number): number {
    const hasReturn = this.#bytes[at - 1] === RETURN;
    this.#ends[this.count - 1] = hasReturn ? at - 1 : at;
    return at;
  }

  get isBlank(): boolean {
    return this.count === 1 && this.#ends[0] === this.#start;
  }

  /** The row's bytes, without what ends it. */
  get raw(): Buffer {
    return this.#bytes.subarray(this.#start, this.#ends[this.count - 1]);
  }

  /** What field `n` says; undefined when the row has fewer. */
  field(n: number): string | undefined {
    if (n >= this.count) return undefined;
    const start = this.#starts[n];
    const end = this.#ends[n];
    if (this.#bytes[start] !== QUOTE) return this.#text(start, end);
    const behind = behindQuotes(this.#bytes, start + 1, end);
    const close = behind < 0 ? end : behind - 1;
    return this.#text(start + 1, close).replaceAll('""', '"') + this.#text(close + 1, end);
  }

  #text(start: number, end: number): string {
    return this.#bytes.toString('utf8', start, end);
  }
}

/**
 * Whether quotes from `from` to `behind` reach over lines and end in the middle of a text: then
 * they most likely were never closed, and end where other quotes begin.
 */
function isInText(bytes: Uint8Array, from: number, behind: number): boolean {
  const next = bytes[behind];
  if (next === undefined || next === COMMA || next === NEWLINE || next === RETURN) return false;
  const newline = bytes.indexOf(NEWLINE, from);
  return newline >= 0 && newline < behind;
}

/** Index behind the quote that closes a field; two in a row are one that does not. */
function behindQuotes(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    if (bytes[at] !== QUOTE) continue;
    if (at + 1 >= end || bytes[at + 1] !== QUOTE) return at + 1;
    at++;
  }
  return -1;
}
