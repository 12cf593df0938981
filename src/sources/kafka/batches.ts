/**
 * Walks the record batches of a fetch answer (message format 2) and says where each record's value
 * lies: no object and no copy a record. Batches that are compressed are decompressed into one
 * buffer that is used again. Format: kafka.apache.org/documentation/#recordbatch.
 */

import { crc32c } from '../../crc32c.ts';
import { ClickrateError, messageOf } from '../../errors.ts';
import type { RecordBatch } from '../../event.ts';
import { BATCH_HEAD_BYTES, CHECKED_FROM } from './batch-head.ts';
import { decompress } from './decompress.ts';
import type { Aborted } from './fetch.ts';
import { walkRecords } from './records.ts';

const ABORT_MARKER = 0;
/** From the beginning of a marker's record to the end of its type. */
const MARKER_BYTES = 9;

/** Outputs up to so many times what is handed over at once are used again. */
const LARGEST_KEPT = 8;

const CODEC_BITS = 0x07;
const APPEND_TIME_BIT = 0x08;
const TRANSACTION_BIT = 0x10;
const CONTROL_BIT = 0x20;

/** The part of an answer that holds batches, and which of its transactions were aborted. */
export type Answer = { bytes: Buffer; start: number; end: number; aborted: Aborted[] };

export class BatchWalk {
  readonly #place: string;
  readonly #maxBytes: number;
  #answer: Answer | null = null;
  #at = 0;
  #position = 0;
  #toAbort: Aborted[] = [];
  readonly #aborting = new Set<bigint>();
  #output = new Uint8Array(0);
  #used = 0;

  /** `place` names topic and partition; an output of about `maxBytes` is handed over at once. */
  constructor(place: string, maxBytes: number) {
    this.#place = place;
    this.#maxBytes = maxBytes;
  }

  /** Whether the answer was walked to its end. */
  get isDone(): boolean {
    return this.#answer === null;
  }

  /** Offset after the last batch that was walked. */
  get position(): number {
    return this.#position;
  }

  /** Takes an answer to the fetch of `position`; earlier records in it are passed over. */
  begin(answer: Answer, position: number): void {
    this.#answer = answer;
    // One record may unpack to far more than is asked for; that room is not kept for ever.
    if (this.#output.length > LARGEST_KEPT * this.#maxBytes) this.#output = new Uint8Array(0);
    this.#at = answer.start;
    this.#position = position;
    this.#toAbort = [...answer.aborted].sort((a, b) => a.firstOffset - b.firstOffset);
    this.#aborting.clear();
  }

  /**
   * Fills `out` from the next batches: all that are not compressed, or some that are. `wallMs` is
   * the largest arrival of records that carry their producer's time. Throws `source_damaged`.
   */
  next(out: RecordBatch, wallMs: number): void {
    out.count = 0;
    this.#used = 0;
    let isPlain: boolean | null = null;
    while (this.#answer !== null) {
      const { bytes, end } = this.#answer;
      const at = this.#at;
      const size = end - at >= BATCH_HEAD_BYTES ? 12 + bytes.readInt32BE(at + 8) : Infinity;
      // What does not fit the answer is cut off by the broker and comes again.
      if (at + size > end) {
        this.#answer = null;
        break;
      }
      const isBatchPlain = (bytes.readInt16BE(at + CHECKED_FROM) & CODEC_BITS) === 0;
      if (isPlain !== null && isPlain !== isBatchPlain && out.count > 0) return;
      isPlain = isBatchPlain;
      this.#walk(bytes, at, size, out, wallMs);
      this.#at = at + size;
      if (this.#used >= this.#maxBytes) return;
    }
  }

  #walk(bytes: Buffer, at: number, size: number, out: RecordBatch, wallMs: number): void {
    const base = Number(bytes.readBigInt64BE(at));
    this.#check(bytes, at, size, base);
    const attributes = bytes.readInt16BE(at + CHECKED_FROM);
    const next = base + bytes.readInt32BE(at + 23) + 1;
    this.#beginAborted(next);
    if (attributes & CONTROL_BIT) this.#control(bytes, at, size, base);
    else if (next > this.#position && !this.#isAborted(bytes, at, attributes)) {
      const from = this.#position;
      const isAppendTime = (attributes & APPEND_TIME_BIT) !== 0;
      const firstMs = Number(bytes.readBigInt64BE(at + (isAppendTime ? 35 : 27)));
      const batch = {
        base,
        count: bytes.readInt32BE(at + 57),
        firstMs,
        isAppendTime,
        wallMs,
        from,
      };
      const codec = attributes & CODEC_BITS;
      const rows = { bytes: bytes as Uint8Array, start: at + BATCH_HEAD_BYTES, end: at + size };
      if (codec !== 0) this.#decompress(rows, codec, base);
      out.bytes = rows.bytes;
      if (!walkRecords(rows.bytes, rows.start, rows.end, batch, out))
        throw this.#damaged(base, 'its records do not fit its size');
    }
    this.#position = Math.max(this.#position, next);
  }

  #check(bytes: Buffer, at: number, size: number, base: number): void {
    if (size < BATCH_HEAD_BYTES) throw this.#damaged(base, `it has only ${size} bytes`);
    const magic = bytes[at + 16];
    if (magic !== 2)
      throw this.#damaged(base, `it has message format ${magic}; formats before 2 are not read`);
    const sum = crc32c(bytes.subarray(at + CHECKED_FROM, at + size));
    if (sum !== bytes.readUInt32BE(at + 17)) throw this.#damaged(base, 'its checksum is wrong');
  }

  /** A marker ends a transaction: what follows of its producer is not aborted with it. */
  #control(bytes: Buffer, at: number, size: number, base: number): void {
    // Compaction takes old markers, and leaves the empty batch of one that is its producer's last.
    if (bytes.readInt32BE(at + 57) === 0) return;
    if (size < BATCH_HEAD_BYTES + MARKER_BYTES) throw this.#damaged(base, 'its marker is cut off');
    // The record: length, attributes, two deltas, a byte each; the key: its length, version, type.
    const type = bytes.readInt16BE(at + BATCH_HEAD_BYTES + 7);
    if (type === ABORT_MARKER) this.#aborting.delete(bytes.readBigInt64BE(at + 43));
  }

  /** Also before a marker: an answer may begin with the one that ends a transaction of its list. */
  #beginAborted(next: number): void {
    while (this.#toAbort.length > 0 && this.#toAbort[0].firstOffset < next)
      this.#aborting.add((this.#toAbort.shift() as Aborted).producerId);
  }

  #isAborted(bytes: Buffer, at: number, attributes: number): boolean {
    return (
      (attributes & TRANSACTION_BIT) !== 0 && this.#aborting.has(bytes.readBigInt64BE(at + 43))
    );
  }

  /** Puts the records of a compressed batch behind those before it; `rows` becomes their place. */
  #decompress(
    rows: { bytes: Uint8Array; start: number; end: number },
    codec: number,
    base: number,
  ): void {
    let plain: Uint8Array;
    try {
      plain = decompress(codec, (rows.bytes as Buffer).subarray(rows.start, rows.end));
    } catch (error) {
      throw this.#damaged(base, `it cannot be decompressed: ${messageOf(error)}`);
    }
    const used = this.#used + plain.length;
    if (used > this.#output.length) {
      const larger = new Uint8Array(Math.max(used, this.#maxBytes * 2));
      larger.set(this.#output.subarray(0, this.#used));
      this.#output = larger;
    }
    this.#output.set(plain, this.#used);
    rows.bytes = this.#output;
    rows.start = this.#used;
    rows.end = used;
    this.#used = used;
  }

  #damaged(offset: number, what: string): ClickrateError {
    return new ClickrateError(
      'source_damaged',
      `the batch at ${this.#place} offset ${offset} is damaged: ${what}`,
    );
  }
}
