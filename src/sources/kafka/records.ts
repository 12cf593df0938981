/** The records of one batch: where their keys and values lie. The hot path of the Kafka source. */
import type { RecordBatch } from '../../event.ts';
import { arrivalOf, type BatchHead, walkUsual } from './usual-records.ts';

/** Adds the records in `[start, end)` to `out`; false when they do not fit exactly. */
export function walkRecords(
  bytes: Uint8Array,
  start: number,
  end: number,
  head: BatchHead,
  out: RecordBatch,
): boolean {
  const { base, count, firstMs, isAppendTime, wallMs, from } = head;
  // A record has at least 7 bytes.
  if (count < 0 || count * 7 > end - start) return false;
  makeRoom(out, out.count + count);
  if (walkUsual(bytes, start, end, head, out)) return true;
  const { starts, ends, arrivals, offsets } = out;
  const keyStarts = out.keyStarts as Uint32Array;
  const keyEnds = out.keyEnds as Uint32Array;
  let at = start;
  let row = out.count;
  for (let n = 0; n < count; n++) {
    const length = sizedVarint(bytes, at);
    at += length & 7;
    const stop = at + (length >>> 4);
    if (length < MIN_LENGTH || (length & NEGATIVE) !== 0 || stop > end) return false;
    // Attributes: none are in use. With the append time of the batch the record's own is passed.
    at++;
    arrivals[row] = isAppendTime ? firstMs : arrivalOf(firstMs + varlong(bytes, at), wallMs);
    while (bytes[at++] >= 0x80);
    const delta = sizedVarint(bytes, at);
    at += delta & 7;
    const keyLength = sizedVarint(bytes, at);
    at += keyLength & 7;
    const hasKey = (keyLength & NEGATIVE) === 0;
    // A key of length -1 is none; an empty one differs from it.
    keyStarts[row] = hasKey ? at : at + 1;
    keyEnds[row] = at;
    if (hasKey) {
      at += keyLength >>> 4;
      keyEnds[row] = at;
    }
    const valueLength = sizedVarint(bytes, at);
    at += valueLength & 7;
    starts[row] = at;
    if ((valueLength & NEGATIVE) === 0) at += valueLength >>> 4;
    ends[row] = at;
    if (at > stop || delta === 0 || keyLength === 0 || valueLength === 0) return false;
    const offset = base + ((delta & NEGATIVE) === 0 ? delta >>> 4 : -1 - (delta >>> 4));
    offsets[row] = offset;
    if (offset >= from) row++;
    at = stop;
  }
  out.count = row;
  return at === end;
}

/** Of what `sizedVarint` returns: set when the number is negative, which it is one further. */
const NEGATIVE = 8;
/** The shortest length of a record, with its size of one byte. */
const MIN_LENGTH = 6 << 4;

/**
 * A zigzag number below 2^27 and how many bytes it takes in one number, since two would be an
 * object: size in three bits, sign in one, the magnitude above. 0: it is larger, or no varint.
 */
function sizedVarint(bytes: Uint8Array, at: number): number {
  const a = bytes[at];
  if (a < 0x80) return (a << 3) | 1;
  const b = bytes[at + 1];
  if (b < 0x80) return (b << 10) | ((a & 0x7f) << 3) | 2;
  return longVarint(bytes, at);
}

function longVarint(bytes: Uint8Array, start: number): number {
  let value = 0;
  for (let n = 0; n < 5; n++) {
    const byte = bytes[start + n];
    value += (byte & 0x7f) * 2 ** (7 * n);
    if (byte < 0x80) return value < 2 ** 28 ? (value << 3) | (n + 1) : 0;
  }
  return 0;
}

/** A zigzag number of up to 64 bits; beyond 2^53 it is no longer exact. */
function varlong(bytes: Uint8Array, start: number): number {
  let value = 0;
  for (let n = 0, scale = 1; n < 10; n++, scale *= 0x80) {
    const byte = bytes[start + n];
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
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
