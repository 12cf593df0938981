/**
 * Text put straight into the bytes it becomes, four at a time. Where many short texts make a long
 * one, strings take longer than all the rest, and what they leave behind must be collected.
 */

/** ASCII that is written as words; the last word may reach beyond its end. */
export type Piece = { words: Int32Array; length: number };

/** So many bytes a piece or a number may write behind its end. */
const BEHIND = 3;
/** More than the digits of any safe integer. */
export const LONGEST_NUMBER = 20;
/** Bytes of UTF-8 that a unit of a string has at most. */
const LONGEST_UNIT = 3;
const LAST_ASCII = 0x7f;
/** Longer texts are written sooner by Node than unit by unit. */
const SHORT_UNITS = 32;
const SMALLEST_BYTES = 64;
/** Of memory that is used again: some 2 000 rows of the live stream. */
const KEPT_BYTES = 1_048_576;

const encoder = new TextEncoder();
const [ZERO, ONE, POINT, MINUS] = encoder.encode('01.-');

export function pieceOf(text: string): Piece {
  const words = new Int32Array(Math.ceil(text.length / 4));
  for (let n = 0; n < text.length; n++) words[n >> 2] |= text.charCodeAt(n) << (8 * (n & 3));
  return { words, length: text.length };
}

/** The number whose bytes in memory are those of up to four letters. */
export function wordOf(text: string): number {
  return pieceOf(text).words[0];
}

/** The four decimal digits of 0 to 9999, as they lie in memory. */
export const DIGITS = Int32Array.from({ length: 10_000 }, (_, n) => {
  const digit = (unit: number) => 0x30 + (Math.floor(n / unit) % 10);
  return digit(1_000) | (digit(100) << 8) | (digit(10) << 16) | (digit(1) << 24);
});

/** Each of these answers the end of what it wrote at `at`. */
export function writePiece(view: DataView, at: number, { words, length }: Piece): number {
  for (let n = 0; n < words.length; n++) view.setInt32(at + 4 * n, words[n], true);
  return at + length;
}

/** Decimal digits of a whole number of at least 0. */
export function writeNumber(view: DataView, at: number, value: number): number {
  if (value < 10_000) return writeShort(view, at, value);
  const high = Math.floor(value / 10_000);
  const end = writeNumber(view, at, high);
  view.setInt32(end, DIGITS[value - high * 10_000], true);
  return end + 4;
}

/** The same of one below 10 000. */
export function writeShort(view: DataView, at: number, value: number): number {
  const digits = value < 10 ? 1 : value < 100 ? 2 : value < 1_000 ? 3 : 4;
  view.setInt32(at, DIGITS[value] >>> (8 * (4 - digits)), true);
  return at + digits;
}

/** Bytes that grow; whoever writes reserves room first. */
export class TextBytes {
  #bytes: Buffer;
  #view: DataView;
  /** Where the next byte goes. */
  at = 0;

  constructor(room: number) {
    this.#bytes = Buffer.allocUnsafe(Math.max(room, SMALLEST_BYTES));
    this.#view = viewOf(this.#bytes);
  }

  /** Room for so many bytes more. */
  reserve(more: number): void {
    const needed = this.at + more + BEHIND;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.at);
    this.#bytes = larger;
    this.#view = viewOf(larger);
  }

  piece(piece: Piece): void {
    this.at = writePiece(this.#view, this.at, piece);
  }

  /** A whole number of at least 0. */
  number(value: number): void {
    this.at = writeNumber(this.#view, this.at, value);
  }

  byte(value: number): void {
    this.#bytes[this.at++] = value;
  }

  /** Puts ASCII where `room` bytes were left free at `at`; what lies behind moves if it must. */
  insert(at: number, room: number, text: string): void {
    if (text.length !== room) {
      this.#bytes.copyWithin(at + text.length, at + room, this.at);
      this.at += text.length - room;
    }
    for (let n = 0; n < text.length; n++) this.#bytes[at + n] = text.charCodeAt(n);
  }

  /** A whole number. */
  integer(value: number): void {
    if (value < 0) this.byte(MINUS);
    this.number(Math.abs(value));
  }

  /** A number of at most six decimals that is not below 0: the same text as `String`. */
  share(share: number): void {
    const millionths = Math.round(share * 1_000_000);
    if (millionths > 1_000_000) this.text(String(share));
    else if (millionths % 1_000_000 === 0) this.byte(millionths === 0 ? ZERO : ONE);
    else {
      this.byte(ZERO);
      this.byte(POINT);
      const high = Math.floor(millionths / 10_000);
      this.#view.setInt16(this.at, DIGITS[high] >>> 16, true);
      this.#view.setInt32(this.at + 2, DIGITS[millionths - high * 10_000], true);
      this.at += 6;
      for (let rest = millionths; rest % 10 === 0; rest /= 10) this.at--;
    }
  }

  /** Text of ASCII, or bytes as they are. */
  text(text: string | Uint8Array): void {
    if (typeof text === 'string')
      for (let n = 0; n < text.length; n++) this.#bytes[this.at + n] = text.charCodeAt(n);
    else this.#bytes.set(text, this.at);
    this.at += text.length;
  }

  /** Any text, in UTF-8; it makes its own room. */
  any(text: string): void {
    this.reserve(text.length * LONGEST_UNIT);
    if (text.length > SHORT_UNITS) {
      this.at += this.#bytes.write(text, this.at);
      return;
    }
    for (let n = 0; n < text.length; n++) {
      const unit = text.charCodeAt(n);
      if (unit > LAST_ASCII) {
        this.at += n;
        this.at += this.#bytes.write(text.slice(n), this.at);
        return;
      }
      this.#bytes[this.at + n] = unit;
    }
    this.at += text.length;
  }

  /** A copy of what was written; the next is written over it. */
  take(): Buffer {
    const taken = Buffer.from(this.done());
    this.clear();
    return taken;
  }

  /** Begins anew, in the same memory unless it is more than is usual. */
  clear(): void {
    this.at = 0;
    if (this.#bytes.length <= KEPT_BYTES) return;
    this.#bytes = Buffer.allocUnsafe(SMALLEST_BYTES);
    this.#view = viewOf(this.#bytes);
  }

  /** Bytes of memory it has. */
  get room(): number {
    return this.#bytes.length;
  }

  /** What was written; it stays as it is, so nothing more may be. */
  done(): Buffer {
    return this.#bytes.subarray(0, this.at);
  }
}

/** A view over the same bytes. */
export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Some programs put it before UTF-8. */
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
export const MARK_BYTES = BYTE_ORDER_MARK.length;

/** Bytes of the byte order mark that `bytes` begin with: 0 where they do not. */
export function markOf(bytes: Uint8Array): number {
  return BYTE_ORDER_MARK.every((byte, n) => bytes[n] === byte) ? MARK_BYTES : 0;
}
