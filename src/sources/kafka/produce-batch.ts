/**
 * A Produce request of one partition, written straight into the buffer that is sent: the request's
 * head, the head of a record batch (format 2), then record after record. Version 9 of the request
 * is the first with compact lengths (Kafka 2.6). Layout: kafka.apache.org/protocol and the record
 * batch in kafka.apache.org/documentation.
 */
import { crc32c } from '../../crc32c.ts';
import { viewOf } from '../../text-bytes.ts';
import { LONGEST_EVENT, writeEvent, writeName } from '../event-text.ts';
import { BATCH_HEAD_BYTES, CHECKED_FROM } from './batch-head.ts';

const PRODUCE_KEY = 0;
const PRODUCE_VERSION = 9;
const ALL_REPLICAS = -1;
/** How long the broker waits for the other replicas. */
const ACK_TIMEOUT_MS = 10_000;

/** The size of the records takes five bytes, though a small one would fit in fewer. */
const SIZE_BYTES = 5;
/** Tagged fields of the partition, the topic and the request: none. */
const TAIL_BYTES = 3;
/** A record's numbers, at most: its size, attributes, time, offset, sizes of key and value. */
const NUMBERS_BYTES = 26;
const FIRST_BYTES = 65_536;
/** Of the sizes of a generated event. */
const EVENT_SIZE_BYTES = 2;

/** Producers number their batches, so that a broker takes each once. */
export type ProducerId = { id: bigint; epoch: number };

export class ProduceBatch {
  #bytes: Buffer;
  #view: DataView;
  /** Where the record batch begins, and where the next record goes. */
  readonly #batchAt: number;
  #at: number;
  #count = 0;
  /** When the first record was added, epoch milliseconds. */
  #createdMs = 0;

  constructor(clientId: string, topic: string, partition: number) {
    const head = requestHead(clientId, topic, partition);
    this.#bytes = Buffer.allocUnsafe(FIRST_BYTES);
    this.#view = viewOf(this.#bytes);
    this.#batchAt = head.copy(this.#bytes) + SIZE_BYTES;
    this.#at = this.#batchAt + BATCH_HEAD_BYTES;
  }

  /** Records in it. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of the record batch. */
  get size(): number {
    return this.#at - this.#batchAt;
  }

  /** Empties it, to be filled again from `nowMs` on. */
  clear(nowMs: number): void {
    this.#createdMs = nowMs;
    this.#count = 0;
    this.#at = this.#batchAt + BATCH_HEAD_BYTES;
  }

  /** Adds a record; a `keyEnd` before `keyStart` means no key. */
  add(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    start: number,
    end: number,
    headers: Buffer | null,
  ): void {
    const keyLength = keyEnd < keyStart ? -1 : keyEnd - keyStart;
    const length = end - start;
    const keyBytes = keyLength < 0 ? 0 : keyLength;
    const offset = this.#count++;
    const size =
      2 +
      sizeOf(offset) +
      sizeOf(keyLength) +
      keyBytes +
      sizeOf(length) +
      length +
      (headers === null ? 1 : headers.length);
    this.#makeRoom(size + NUMBERS_BYTES);
    this.#varint(size);
    // No attributes; the time of the first record.
    this.#bytes[this.#at++] = 0;
    this.#bytes[this.#at++] = 0;
    this.#varint(offset);
    this.#varint(keyLength);
    if (keyBytes > 0) this.#copy(key, keyStart, keyEnd);
    this.#varint(length);
    this.#copy(value, start, end);
    if (headers === null) this.#bytes[this.#at++] = 0;
    else this.#copy(headers, 0, headers.length);
  }

  /** Adds a generated event; see `EventOut`. Its product is the key. */
  addEvent(
    kind: number,
    product: number,
    ts: number,
    user: number,
    session: number,
    id: Uint32Array | null,
    from: number,
  ): void {
    this.#makeRoom(LONGEST_EVENT + NUMBERS_BYTES);
    const bytes = this.#bytes;
    const view = this.#view;
    const sizeAt = this.#at;
    // No attributes; the time of the first record.
    view.setInt16(sizeAt + EVENT_SIZE_BYTES, 0);
    this.#at += EVENT_SIZE_BYTES + 2;
    this.#varint(this.#count++);
    const keyAt = this.#at + 1;
    const keyEnd = writeName(view, keyAt, product);
    bytes[this.#at] = (keyEnd - keyAt) * 2;
    const start = keyEnd + EVENT_SIZE_BYTES;
    const end = writeEvent(view, start, kind, product, ts, user, session, id, from);
    // No headers.
    bytes[end] = 0;
    writeEventSize(bytes, keyEnd, end - start);
    writeEventSize(bytes, sizeAt, end + 1 - sizeAt - EVENT_SIZE_BYTES);
    this.#at = end + 1;
  }

  /** The request, ready to be sent; the same arguments give the same bytes. */
  sealed({ id, epoch }: ProducerId, sequence: number): Buffer {
    const bytes = this.#bytes;
    const size = this.size;
    writeSize(bytes, this.#batchAt - SIZE_BYTES, size + 1);
    let at = bytes.writeBigInt64BE(0n, this.#batchAt);
    // What follows the length; leader epoch unknown; format 2.
    at = bytes.writeInt32BE(size - 12, at);
    at = bytes.writeInt32BE(-1, at);
    at = bytes.writeInt8(2, at);
    const crcAt = at;
    // Neither compressed nor transactional; the records' own time.
    at = bytes.writeInt16BE(0, at + 4);
    at = bytes.writeInt32BE(this.#count - 1, at);
    at = bytes.writeBigInt64BE(BigInt(this.#createdMs), at);
    at = bytes.writeBigInt64BE(BigInt(this.#createdMs), at);
    at = bytes.writeBigInt64BE(id, at);
    at = bytes.writeInt16BE(epoch, at);
    at = bytes.writeInt32BE(sequence, at);
    bytes.writeInt32BE(this.#count, at);
    const checked = bytes.subarray(this.#batchAt + CHECKED_FROM, this.#at);
    bytes.writeUInt32BE(crc32c(checked), crcAt);
    bytes.fill(0, this.#at, this.#at + TAIL_BYTES);
    const end = this.#at + TAIL_BYTES;
    bytes.writeInt32BE(end - 4, 0);
    return bytes.subarray(0, end);
  }

  #makeRoom(size: number): void {
    if (this.#at + size + TAIL_BYTES <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + size * 2));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
    this.#view = viewOf(larger);
  }

  #copy(from: Uint8Array, start: number, end: number): void {
    const bytes = this.#bytes;
    let at = this.#at;
    // A call costs more than a few bytes.
    if (end - start > 24) {
      bytes.set(start === 0 && end === from.length ? from : from.subarray(start, end), at);
      at += end - start;
    } else for (let n = start; n < end; n++) bytes[at++] = from[n];
    this.#at = at;
  }

  #varint(value: number): void {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
  }
}

/** The length of a generated event, or of its record: a number of two bytes (64 to 8 191). */
function writeEventSize(bytes: Buffer, at: number, size: number): void {
  bytes[at] = ((size << 1) & 0x7f) | 0x80;
  bytes[at + 1] = size >>> 6;
}

/** Bytes of a zigzag number. */
function sizeOf(value: number): number {
  const rest = ((value << 1) ^ (value >> 31)) >>> 0;
  return rest < 0x80 ? 1 : rest < 0x4000 ? 2 : rest < 0x20_0000 ? 3 : rest < 0x1000_0000 ? 4 : 5;
}

/** An unsigned number in exactly five bytes. */
function writeSize(bytes: Buffer, at: number, value: number): void {
  for (let n = 0; n < SIZE_BYTES; n++)
    bytes[at + n] = ((value >>> (7 * n)) & 0x7f) | (n < SIZE_BYTES - 1 ? 0x80 : 0);
}

/** Everything before the size of the records; the request's own size comes when it is sealed. */
function requestHead(clientId: string, topic: string, partition: number): Buffer {
  const client = Buffer.from(clientId);
  const name = Buffer.from(topic);
  const head = Buffer.alloc(64 + client.length + name.length);
  let at = head.writeInt16BE(PRODUCE_KEY, 4);
  at = head.writeInt16BE(PRODUCE_VERSION, at);
  // Behind the correlation id.
  at = head.writeInt16BE(client.length, at + 4);
  at += client.copy(head, at);
  // No tagged fields, no transaction.
  at += 2;
  at = head.writeInt16BE(ALL_REPLICAS, at);
  at = head.writeInt32BE(ACK_TIMEOUT_MS, at);
  // Compact lengths count from 1: one topic, its name, one partition.
  at = head.writeUInt8(2, at);
  const length = name.length + 1;
  if (length >= 0x80) at = head.writeUInt8((length & 0x7f) | 0x80, at);
  at = head.writeUInt8(length >= 0x80 ? length >>> 7 : length, at);
  at += name.copy(head, at);
  at = head.writeUInt8(2, at);
  at = head.writeInt32BE(partition, at);
  return head.subarray(0, at);
}

/** The error code of the one partition in an answer, its size in front; 0: taken. */
export function answeredError(answer: Buffer): number {
  // Size, correlation id, tagged fields (none), one topic, its name, one partition, its number.
  let at = 4 + 4 + 1 + 1;
  let length = answer[at++] ?? 0;
  if (length >= 0x80) length = (length & 0x7f) | ((answer[at++] ?? 0) << 7);
  at += length - 1 + 1 + 4;
  return at + 2 <= answer.length ? answer.readInt16BE(at) : -1;
}
