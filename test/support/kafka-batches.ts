/** Record batches as brokers store them, made by the client library and then changed by hand. */
import { createRecordsBatch, jsCRC32C } from '@platformatic/kafka';

export type Row = { key: string | null; value: string | null };

export type BatchOptions = {
  base: number;
  rows: readonly Row[];
  compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  /** Time of the first record; the others follow by a millisecond. */
  firstMs?: number;
  /** The broker's append time, instead of the records' own. */
  appendMs?: number;
  /** Producer of a transaction. */
  producerId?: bigint;
};

const TRANSACTION = 0x10;
const CONTROL = 0x20;
const APPEND_TIME = 0x08;

export function batchOf(options: BatchOptions): Buffer {
  const { base, rows, compression = 'none', firstMs = 1_000, appendMs, producerId } = options;
  const messages = rows.map(({ key, value }, n) => ({
    topic: 't',
    ...(key === null ? {} : { key: Buffer.from(key) }),
    value: (value === null ? null : Buffer.from(value)) as Buffer,
    timestamp: BigInt(firstMs + n),
  }));
  const bytes = Buffer.from(
    createRecordsBatch(messages, { compression, producerId: producerId ?? -1n }).buffer,
  );
  bytes.writeBigInt64BE(BigInt(base), 0);
  let attributes = bytes.readInt16BE(21);
  if (producerId !== undefined) attributes |= TRANSACTION;
  if (appendMs !== undefined) {
    attributes |= APPEND_TIME;
    bytes.writeBigInt64BE(BigInt(appendMs), 35);
  }
  bytes.writeInt16BE(attributes, 21);
  return sealed(bytes);
}

/** The marker that ends a transaction. */
export function markerOf(base: number, producerId: bigint, isCommit: boolean): Buffer {
  const key = String.fromCharCode(0, 0, 0, isCommit ? 1 : 0);
  const bytes = batchOf({ base, rows: [{ key, value: '\0\0\0\0\0\0' }], producerId });
  bytes.writeInt16BE(TRANSACTION | CONTROL, 21);
  return sealed(bytes);
}

/** With the checksum of what it holds now. */
export function sealed(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(jsCRC32C(bytes.subarray(21)), 17);
  return bytes;
}
