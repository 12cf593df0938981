/** The records of one batch: where their keys and values lie. The hot path of the Kafka source. */
import type { RecordBatch } from '../../event.ts';

/** What the head of a batch says of its records. */
export type BatchHead = {
  base: number;
  count: number;
  /** The append time of all, or what the records' times are counted from. */
  firstMs: number;
  isAppendTime: boolean;
  /** Records that carry their producer's time arrived then, at the latest. */
  wallMs: number;
  /** Records before this offset are passed over. */
  from: number;
};

export class RecordWalk {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;

  /** Adds the records in `[start, end)` to `out`; false when they do not fit exactly. */
  walk(bytes: Uint8Array, start: number, end: number, head: BatchHead, out: RecordBatch): boolean {
    const { base, count, firstMs, isAppendTime, wallMs, from } = head;
    // A record has at least 7 bytes.
    if (count < 0 || count * 7 > end - start) return false;
    makeRoom(out, out.count + count);
    const { starts, ends, arrivals, offsets } = out;
    const keyStarts = out.keyStarts as Uint32Array;
    const keyEnds = out.keyEnds as Uint32Array;
    this.#bytes = bytes;
    this.#at = start;
    let row = out.count;
    for (let n = 0; n < count; n++) {
      const length = this.#varint();
      const stop = this.#at + length;
      if (length < 6 || stop > end) return false;
      // Attributes: none are in use.
      this.#at++;
      const deltaMs = this.#varlong();
      const offset = base + this.#varint();
      const keyLength = this.#varint();
      const keyStart = this.#at;
      if (keyLength > 0) this.#at += keyLength;
      const keyEnd = this.#at;
      const valueLength = this.#varint();
      const valueEnd = this.#at + (valueLength > 0 ? valueLength : 0);
      if (valueEnd > stop || keyEnd > stop) return false;
      starts[row] = this.#at;
      ends[row] = valueEnd;
      // A key of length -1 is none; an empty one differs from it.
      keyStarts[row] = keyLength < 0 ? keyEnd + 1 : keyStart;
      keyEnds[row] = keyEnd;
      arrivals[row] = isAppendTime ? firstMs : Math.min(firstMs + deltaMs, wallMs);
      offsets[row] = offset;
      if (offset >= from) row++;
      this.#at = stop;
    }
    out.count = row;
    return this.#at === end;
  }

  /** A zigzag number of up to 32 bits. */
  #varint(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.#at++];
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let value = byte & 0x7f;
    let shift = 7;
    do {
      byte = bytes[this.#at++];
      value |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80 && shift < 35);
    return (value >>> 1) ^ -(value & 1);
  }

  /** A zigzag number of up to 64 bits; beyond 2^53 it is no longer exact. */
  #varlong(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.#at++];
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let value = byte & 0x7f;
    let scale = 0x80;
    for (let n = 1; byte >= 0x80 && n < 10; n++) {
      byte = bytes[this.#at++];
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
    }
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }
}

/** Room for `rows` records in every column, those of the keys included. */
function makeRoom(out: RecordBatch, rows: number): void {
  if (rows <= out.starts.length && out.keyStarts !== undefined) return;
  const room = Math.max(rows, out.starts.length * 2);
  out.starts = enlarged(out.starts, new Uint32Array(room));
  out.ends = enlarged(out.ends, new Uint32Array(room));
  out.arrivals = enlarged(out.arrivals, new Float64Array(room));
  out.offsets = enlarged(out.offsets, new Float64Array(room));
  out.keyStarts = enlarged(out.keyStarts ?? new Uint32Array(0), new Uint32Array(room));
  out.keyEnds = enlarged(out.keyEnds ?? new Uint32Array(0), new Uint32Array(room));
}

function enlarged<T extends Uint32Array | Float64Array>(column: T, larger: T): T {
  larger.set(column);
  return larger;
}
