/**
 * Partitions as brokers keep them, in record batches, and fetches as they travel: in the protocol's
 * own layout, for the real lanes to read.
 */
import { crc32c } from '../../src/crc32c.ts';
import { ProduceBatch } from '../../src/sources/kafka/produce-batch.ts';
import type { Random } from '../support/random.ts';
import type { SimLog } from '../support/sim-source.ts';

const HEAD_AT = 5;
const APPEND_TIME = 0x08;

export type StoredBatch = { base: number; next: number; arrivalMs: number; bytes: Buffer };

/** One topic partition on its leader; nobody leads it while `leader` is -1. */
export type BrokerLog = {
  topic: string;
  partition: number;
  batches: StoredBatch[];
  leader: number;
  logStart: number;
};

export function parseFetch(bytes: Buffer) {
  let at = 14 + bytes.readInt16BE(12) + 1 + 4;
  const waitMs = bytes.readInt32BE(at);
  // Wait, least and most bytes, isolation, session, one topic.
  at += 4 + 4 + 4 + 1 + 8 + 1;
  const topic = bytes[at]! >>> 4 === 0xc ? 'clicks' : 'impressions';
  const partition = bytes.readInt32BE(at + 17);
  return { waitMs, topic, partition, offset: Number(bytes.readBigInt64BE(at + 25)) };
}

export function fetchAnswer(
  correlation: number,
  error: number,
  end: number,
  logStart: number,
  batches: readonly Buffer[],
  stableEnd = end,
): Buffer {
  const head = Buffer.alloc(78 + HEAD_AT);
  // Size, correlation, tags; throttle; no error; session; one topic, its id; one partition.
  let at = head.writeInt32BE(correlation, 4) + 1 + 4 + 2 + 4;
  at = head.writeUInt8(2, at) + 16;
  at = head.writeUInt8(2, at) + 4;
  at = head.writeInt16BE(error, at);
  at = head.writeBigInt64BE(BigInt(end), at);
  at = head.writeBigInt64BE(BigInt(stableEnd), at);
  at = head.writeBigInt64BE(BigInt(logStart), at);
  // No aborted transactions, no other replica.
  at = head.writeUInt8(1, at);
  at = head.writeInt32BE(-1, at);
  let size = batches.reduce((sum, batch) => sum + batch.length, 0) + 1;
  for (; size >= 0x80; size = Math.floor(size / 0x80))
    at = head.writeUInt8((size % 0x80) | 0x80, at);
  at = head.writeUInt8(size, at);
  const bytes = Buffer.concat([head.subarray(0, at), ...batches, Buffer.alloc(3)]);
  bytes.writeInt32BE(bytes.length - 4, 0);
  return bytes;
}

/** The answer of a broker that did not look, because a quota is used up: no topic is in it. */
export function throttledAnswer(correlation: number, throttleMs: number): Buffer {
  const bytes = Buffer.alloc(21);
  bytes.writeInt32BE(bytes.length - 4, 0);
  bytes.writeInt32BE(correlation, 4);
  bytes.writeInt32BE(throttleMs, 9);
  // A list of no topics.
  bytes.writeUInt8(1, 19);
  return bytes;
}

/** Cuts a log into batches; the records of a batch arrive together, when its first one does. */
export function brokerLog(log: SimLog, random: Random): BrokerLog {
  const [topic, partition] = log.partition.split('-') as [string, string];
  const produce = new ProduceBatch('sim', topic, Number(partition));
  const batches: StoredBatch[] = [];
  const { records } = log;
  for (let from = 0; from < records.length; ) {
    const first = records[from]!;
    const most = random.int(1, 40);
    produce.clear(first.arrivalMs);
    let to = from;
    while (to < records.length && to - from < most) {
      const record = records[to]!;
      if (record.offset !== first.offset + to - from) break;
      if (record.arrivalMs > first.arrivalMs + 300) break;
      record.arrivalMs = first.arrivalMs;
      const { bytes } = record;
      produce.add(bytes, 0, -1, bytes, 0, bytes.length, null);
      to++;
    }
    const bytes = appended(produce, first.offset, first.arrivalMs);
    batches.push({
      base: first.offset,
      next: records[to - 1]!.offset + 1,
      arrivalMs: first.arrivalMs,
      bytes,
    });
    from = to;
  }
  const logStart = batches[0]?.base ?? 0;
  return { topic, partition: Number(partition), batches, leader: random.int(0, 2), logStart };
}

/** The batch as the broker keeps it: with its offset, and the time at which it was appended. */
function appended(produce: ProduceBatch, base: number, arrivalMs: number): Buffer {
  const request = produce.sealed({ id: -1n, epoch: -1 }, -1);
  const end = request.length - 3;
  const bytes = Buffer.from(request.subarray(end - produce.size, end));
  bytes.writeBigInt64BE(BigInt(base), 0);
  bytes.writeInt16BE(APPEND_TIME, 21);
  bytes.writeBigInt64BE(BigInt(arrivalMs), 35);
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  return bytes;
}
