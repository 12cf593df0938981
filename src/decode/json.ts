/**
 * A JSON validator over bytes, exactly as strict as fatal UTF-8 decoding and `JSON.parse`, without
 * recursion or allocation. It moves a cursor; `false` means "not JSON".
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Room of the bit stack at first; it grows for what nests deeper. */
const NESTING_WORDS = 4096;

/** 1 for the bytes that may stand in a string as they are: printable ASCII but `"` and `\`. */
export const PLAIN = new Uint8Array(256);
for (let b = 0x20; b < 0x80; b++) PLAIN[b] = b === QUOTE || b === BACKSLASH ? 0 : 1;

export class JsonCursor {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  end = 0;
  /** Whether the last string had an escape. */
  escaped = false;
  /** Bit stack of the open brackets: 1 an object, 0 an array. */
  #nesting = new Uint32Array(NESTING_WORDS);

  set(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  /** The byte at the cursor, or -1 at the end. */
  peek(): number {
    return this.at < this.end ? this.bytes[this.at] : -1;
  }

  skipSpace(): void {
    const { bytes, end } = this;
    let at = this.at;
    while (at < end) {
      const b = bytes[at];
      if (b !== 0x20 && b !== 0x0a && b !== 0x0d && b !== 0x09) break;
      at++;
    }
    this.at = at;
  }

  /** Passes a string; the cursor is at its opening quote. */
  string(): boolean {
    const { bytes, end } = this;
    const plain = PLAIN;
    this.escaped = false;
    let at = this.at + 1;
    for (;;) {
      while (at < end && plain[bytes[at]] === 1) at++;
      if (at >= end) return false;
      const b = bytes[at];
      if (b === QUOTE) {
        this.at = at + 1;
        return true;
      }
      if (b === BACKSLASH) {
        const length = this.#escape(at);
        if (length === 0) return false;
        this.escaped = true;
        at += length;
      } else {
        const length = utf8Length(bytes, at, end);
        if (length === 0) return false;
        at += length;
      }
    }
  }

  /** Length of the escape at `at`; 0 when it is none. */
  #escape(at: number): number {
    const { bytes, end } = this;
    if (at + 1 >= end) return 0;
    switch (bytes[at + 1]) {
      case 0x22:
      case 0x5c:
      case 0x2f:
      case 0x62:
      case 0x66:
      case 0x6e:
      case 0x72:
      case 0x74:
        return 2;
      case 0x75:
        if (at + 6 > end) return 0;
        for (let n = at + 2; n < at + 6; n++) if (!isHex(bytes[n])) return 0;
        return 6;
      default:
        return 0;
    }
  }

  /** Passes a number; the cursor is at its first byte. */
  number(): boolean {
    const { bytes, end } = this;
    let at = this.at;
    if (bytes[at] === 0x2d) at++;
    if (at >= end) return false;
    if (bytes[at] === 0x30) at++;
    else {
      const from = at;
      while (at < end && isDigit(bytes[at])) at++;
      if (at === from) return false;
    }
    if (at < end && bytes[at] === 0x2e) {
      const from = ++at;
      while (at < end && isDigit(bytes[at])) at++;
      if (at === from) return false;
    }
    if (at < end && (bytes[at] | 0x20) === 0x65) {
      at++;
      if (at < end && (bytes[at] === 0x2b || bytes[at] === 0x2d)) at++;
      const from = at;
      while (at < end && isDigit(bytes[at])) at++;
      if (at === from) return false;
    }
    this.at = at;
    return true;
  }

  /** Passes `true`, `false` or `null`. */
  #word(): boolean {
    const word = this.bytes[this.at] === 0x74 ? TRUE : this.bytes[this.at] === 0x66 ? FALSE : NULL;
    if (this.at + word.length > this.end) return false;
    for (let n = 0; n < word.length; n++) if (this.bytes[this.at + n] !== word[n]) return false;
    this.at += word.length;
    return true;
  }

  /** Passes a string, number or word. */
  #scalar(): boolean {
    const b = this.peek();
    if (b === QUOTE) return this.string();
    if (b === 0x2d || isDigit(b)) return this.number();
    return b === -1 ? false : this.#word();
  }

  /** Passes any value; the cursor is at its first byte. */
  value(): boolean {
    let depth = 0;
    for (;;) {
      const b = this.peek();
      if (b === 0x7b || b === 0x5b) {
        this.at++;
        this.#open(depth, b === 0x7b);
        this.skipSpace();
        const isEmpty = this.peek() === (b === 0x7b ? 0x7d : 0x5d);
        if (!isEmpty) {
          depth++;
          if (b === 0x7b && !this.#key()) return false;
          continue;
        }
        this.at++;
      } else if (!this.#scalar()) return false;
      // A value ended: go on behind it, closing what closes.
      for (;;) {
        if (depth === 0) return true;
        this.skipSpace();
        const isObject = this.#isObject(depth - 1);
        const next = this.peek();
        if (next === 0x2c) {
          this.at++;
          this.skipSpace();
          if (isObject && !this.#key()) return false;
          break;
        }
        if (next !== (isObject ? 0x7d : 0x5d)) return false;
        this.at++;
        depth--;
      }
    }
  }

  /** Passes `"key" :` and the space around. */
  #key(): boolean {
    if (this.peek() !== QUOTE || !this.string()) return false;
    this.skipSpace();
    if (this.peek() !== 0x3a) return false;
    this.at++;
    this.skipSpace();
    return true;
  }

  #open(depth: number, isObject: boolean): void {
    const word = depth >>> 5;
    if (word >= this.#nesting.length) {
      const larger = new Uint32Array(this.#nesting.length * 2);
      larger.set(this.#nesting);
      this.#nesting = larger;
    }
    const bit = 1 << (depth & 31);
    if (isObject) this.#nesting[word] |= bit;
    else this.#nesting[word] &= ~bit;
  }

  #isObject(depth: number): boolean {
    return ((this.#nesting[depth >>> 5] >>> (depth & 31)) & 1) === 1;
  }
}

const TRUE = [0x74, 0x72, 0x75, 0x65];
const FALSE = [0x66, 0x61, 0x6c, 0x73, 0x65];
const NULL = [0x6e, 0x75, 0x6c, 0x6c];

function isDigit(b: number): boolean {
  return b >= 0x30 && b <= 0x39;
}

function isHex(b: number): boolean {
  return isDigit(b) || ((b | 0x20) >= 0x61 && (b | 0x20) <= 0x66);
}

/** Length of the UTF-8 sequence of two to four bytes at `at`; 0 when there is none. */
function utf8Length(bytes: Uint8Array, at: number, end: number): number {
  const b = bytes[at];
  const length =
    b >= 0xc2 && b < 0xe0 ? 2 : b >= 0xe0 && b < 0xf0 ? 3 : b >= 0xf0 && b < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > end) return 0;
  for (let n = 1; n < length; n++) if ((bytes[at + n] & 0xc0) !== 0x80) return 0;
  const second = bytes[at + 1];
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  if (b === 0xe0 && second < 0xa0) return 0;
  if (b === 0xed && second > 0x9f) return 0;
  if (b === 0xf0 && second < 0x90) return 0;
  if (b === 0xf4 && second > 0x8f) return 0;
  return length;
}
