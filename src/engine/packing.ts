/** Packed bytes of checkpoint parts: unsigned LEB128 integers and 64-bit times, nothing else. */
import { ClickrateError } from '../errors.ts';
import { copyOf } from '../event.ts';

/** Writes into one growing buffer; `take` copies out what was written and starts again. */
export class PackWriter {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  /** A whole number in [0, 2^53). */
  uint(value: number): void {
    if (this.#at + 8 > this.#bytes.length) this.#grow();
    const bytes = this.#bytes;
    let at = this.#at;
    let rest = value;
    while (rest > 0x7fff_ffff) {
      bytes[at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    // Most are small: integers from here on.
    let small = rest | 0;
    while (small >= 0x80) {
      bytes[at++] = (small & 0x7f) | 0x80;
      small >>>= 7;
    }
    bytes[at] = small;
    this.#at = at + 1;
  }

  /** Any double: times may be negative. */
  float(value: number): void {
    if (this.#at + 8 > this.#bytes.length) this.#grow();
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  take(): Uint8Array {
    const taken = copyOf(this.#bytes, 0, this.#at);
    this.#at = 0;
    return taken;
  }

  #grow(): void {
    const larger = new Uint8Array(this.#bytes.length * 2);
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** Reads what `PackWriter` wrote; anything else throws `checkpoint_damaged` naming the part. */
export class PackReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #name: string;
  #at = 0;

  constructor(name: string, bytes: Uint8Array) {
    this.#name = name;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** A whole number of at most `limit`. */
  uint(limit = Number.MAX_SAFE_INTEGER): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      if (this.#at >= this.#bytes.length || scale > 2 ** 49) throw this.damaged();
      const byte = this.#bytes[this.#at++];
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    if (value > limit) throw this.damaged();
    return value;
  }

  float(): number {
    if (this.#at + 8 > this.#bytes.length) throw this.damaged();
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  /** A time: an integer. */
  time(): number {
    const value = this.float();
    if (!Number.isSafeInteger(value)) throw this.damaged();
    return value;
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw this.damaged();
  }

  damaged(): ClickrateError {
    return new ClickrateError(
      'checkpoint_damaged',
      `checkpoint part ${this.#name} is damaged near byte ${this.#at}; ` +
        'restore a backup of the store',
    );
  }
}
