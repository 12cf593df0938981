/**
 * One row of a CSV file (RFC 4180), found in its bytes. A quote means something only where a field
 * begins; anywhere else it is a character like others, so one of those swallows no rows.
 */
const QUOTE = 0x22;
const COMMA = 0x2c;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

export class CsvRow {
  /** Fields of the row. */
  count = 0;
  /** The file ended within quotes: what the row has is not known. */
  isTorn = false;
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  /**
   * Takes the row that begins at `at`; returns where its newline is (`end`: the file ends), or -1
   * when it lies behind `end`.
   */
  read(bytes: Uint8Array, start: number, end: number, isLast: boolean): number {
    if (bytes.buffer !== this.#bytes.buffer || bytes.byteOffset !== this.#bytes.byteOffset)
      this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset);
    this.#start = start;
    this.count = 0;
    this.isTorn = false;
    for (let at = start; ; at++) {
      const from = at;
      if (bytes[at] === QUOTE && at < end) {
        at = behindQuotes(bytes, at + 1, end);
        if (at < 0) {
          if (!isLast) return -1;
          this.isTorn = true;
          at = end;
        }
      }
      while (at < end && bytes[at] !== COMMA && bytes[at] !== NEWLINE) at++;
      this.#starts[this.count] = from;
      this.#ends[this.count++] = at;
      if (at < end && bytes[at] === COMMA) continue;
      if (at >= end && !isLast) return -1;
      if (at > from && bytes[at - 1] === RETURN && !this.isTorn)
        this.#ends[this.count - 1] = at - 1;
      return at;
    }
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
    if (this.#bytes[start] !== QUOTE || start === end) return this.#text(start, end);
    const behind = behindQuotes(this.#bytes, start + 1, end);
    const close = behind < 0 ? end : behind - 1;
    return this.#text(start + 1, close).replaceAll('""', '"') + this.#text(close + 1, end);
  }

  #text(start: number, end: number): string {
    return this.#bytes.toString('utf8', start, end);
  }
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
