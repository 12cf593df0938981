/**
 * The Fetch request of one topic partition and the head of its answer, version 13: the first that
 * names topics by id (Kafka 3.1), so that a topic made anew is never taken for the old one.
 * Layout: kafka.apache.org/protocol, FetchRequest and FetchResponse.
 */
import { protocolErrorsCodesById } from '@platformatic/kafka';
import { ClickrateError } from '../../errors.ts';

export const FETCH_KEY = 1;
export const FETCH_VERSION = 13;

const READ_COMMITTED = 1;
const HEADER_BYTES = 14;

/** The one error code that does not pass. */
const OFFSET_OUT_OF_RANGE = 1;

/** Bytes of a fetch request, made once; only what changes is written for each one. */
export class FetchRequest {
  readonly bytes: Buffer;
  readonly #waitAt: number;
  readonly #offsetAt: number;

  /** `topicId`: UUID with dashes. */
  constructor(clientId: string, topicId: string, partition: number, maxBytes: number) {
    const id = Buffer.from(topicId.replaceAll('-', ''), 'hex');
    const client = Buffer.from(clientId);
    const bytes = Buffer.alloc(HEADER_BYTES + client.length + 128);
    let at = 4;
    at = bytes.writeInt16BE(FETCH_KEY, at);
    at = bytes.writeInt16BE(FETCH_VERSION, at);
    at += 4;
    at = bytes.writeInt16BE(client.length, at);
    at += client.copy(bytes, at);
    // No tagged fields in the header; replica -1: a consumer.
    at = bytes.writeInt32BE(-1, at + 1);
    this.#waitAt = at;
    // Wait, then: answer as soon as there is a byte, at most so many.
    at = bytes.writeInt32BE(1, at + 4);
    at = bytes.writeInt32BE(maxBytes, at);
    at = bytes.writeInt8(READ_COMMITTED, at);
    // No fetch session.
    at = bytes.writeInt32BE(0, at);
    at = bytes.writeInt32BE(-1, at);
    // Compact arrays count from 1: one topic, one partition.
    at = bytes.writeUInt8(2, at);
    at += id.copy(bytes, at);
    at = bytes.writeUInt8(2, at);
    at = bytes.writeInt32BE(partition, at);
    // Leader epoch unknown.
    at = bytes.writeInt32BE(-1, at);
    this.#offsetAt = at;
    at = bytes.writeInt32BE(-1, at + 8);
    at = bytes.writeBigInt64BE(-1n, at);
    at = bytes.writeInt32BE(maxBytes, at);
    // Tagged fields of partition and topic, nothing forgotten, no rack, tagged fields.
    at += 2;
    at = bytes.writeUInt8(1, at);
    at = bytes.writeUInt8(1, at);
    at += 1;
    bytes.writeInt32BE(at - 4, 0);
    this.bytes = bytes.subarray(0, at);
  }

  /** The request for records from `offset` on; an empty answer comes after `waitMs`. */
  at(offset: number, waitMs: number): Buffer {
    this.bytes.writeInt32BE(waitMs, this.#waitAt);
    this.bytes.writeBigInt64BE(BigInt(offset), this.#offsetAt);
    return this.bytes;
  }
}

/** Transactions that were aborted: the records of `producerId` from `firstOffset` on. */
export type Aborted = { producerId: bigint; firstOffset: number };

/** What an answer says of the partition; its record batches lie in `[start, end)` of the bytes. */
export type FetchHead = {
  error: number;
  /** The broker did not look: a quota is used up, and for so long there is no use in asking. */
  throttledMs: number | null;
  /** End of the log as consumers may know it; records of open transactions are not read yet. */
  highWatermark: number;
  /** End of what may be read: the last stable offset. */
  stableOffset: number;
  aborted: Aborted[];
  start: number;
  end: number;
};

/**
 * Reads the head of an answer: size, correlation id and tagged fields included. Throws
 * `source_unavailable` where it ends too early.
 */
export function readFetchHead(bytes: Buffer): FetchHead {
  try {
    return headOf(bytes);
  } catch (error) {
    throw error instanceof RangeError ? tornAnswer() : error;
  }
}

const NOTHING = {
  highWatermark: 0,
  stableOffset: 0,
  aborted: [],
  start: 0,
  end: 0,
};

function headOf(bytes: Buffer): FetchHead {
  const reader = new HeadReader(bytes);
  // Size, correlation id, tagged fields; throttle time.
  reader.at = 8;
  reader.tags();
  const throttleMs = reader.int32();
  const error = reader.int16();
  reader.at += 4;
  if (error !== 0) return { ...NOTHING, error, throttledMs: null };
  // An answer without the topic that was asked for says nothing of it.
  if (reader.varint() < 2) return { ...NOTHING, error, throttledMs: throttleMs };
  // The topic's id, an array of one partition, its number.
  reader.at += 16;
  reader.varint();
  reader.at += 4;
  const partitionError = reader.int16();
  const highWatermark = reader.int64();
  const stableOffset = reader.int64();
  // The log's start, which is not told where it would matter: with an error.
  reader.at += 8;
  const aborted = reader.aborted();
  // Preferred read replica.
  reader.at += 4;
  const size = Math.max(0, reader.varint() - 1);
  const start = reader.at;
  if (start + size > bytes.length) throw tornAnswer();
  return {
    error: partitionError,
    throttledMs: null,
    highWatermark,
    stableOffset,
    aborted,
    start,
    end: start + size,
  };
}

/** What the error of an answer means: of the topic partition `name`, asked for from `offset` on. */
export function refusal(code: number, name: string, offset: number): ClickrateError {
  if (code !== OFFSET_OUT_OF_RANGE)
    return new ClickrateError(
      'source_unavailable',
      `the broker refuses to give ${name}: ${protocolErrorsCodesById[code] ?? code}`,
    );
  return new ClickrateError(
    'source_gap',
    `the log of ${name} does not hold offset ${offset}: records were deleted before they were ` +
      'read, or it lost its end; the next start says which',
  );
}

function tornAnswer(): ClickrateError {
  return new ClickrateError('source_unavailable', 'a broker sent an answer that ends too early');
}

class HeadReader {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  int16(): number {
    this.at += 2;
    return this.#bytes.readInt16BE(this.at - 2);
  }

  int32(): number {
    this.at += 4;
    return this.#bytes.readInt32BE(this.at - 4);
  }

  int64(): number {
    this.at += 8;
    return Number(this.#bytes.readBigInt64BE(this.at - 8));
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined) throw tornAnswer();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw tornAnswer();
  }

  tags(): void {
    for (let count = this.varint(); count > 0; count--) {
      this.varint();
      this.at += this.varint();
    }
  }

  aborted(): Aborted[] {
    const list: Aborted[] = [];
    // A compact nullable array: 0 is null, else the count and one.
    for (let count = this.varint(); count > 1; count--) {
      this.at += 8;
      const producerId = this.#bytes.readBigInt64BE(this.at - 8);
      list.push({ producerId, firstOffset: this.int64() });
      this.tags();
    }
    return list;
  }
}
