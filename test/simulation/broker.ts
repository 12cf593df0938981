/**
 * The brokers: partitions as bytes in record batches, their leaders, and the fetch answers, in the
 * protocol's own layout, that the real lanes read.
 */
import { ClickrateError } from '../../src/errors.ts';
import type { BrokerAddress, BrokerLine } from '../../src/sources/kafka/connection.ts';
import { crc32c } from '../../src/sources/kafka/crc32c.ts';
import { ProduceBatch } from '../../src/sources/kafka/produce-batch.ts';
import type { Random } from '../support/random.ts';
import type { Outage, SimLog } from '../support/sim-source.ts';
import type { Network } from './network.ts';
import type { Process, Scheduler } from './scheduler.ts';

const BROKERS = 3;
const HEAD_AT = 5;
const APPEND_TIME = 0x08;
const OFFSET_OUT_OF_RANGE = 1;
const NOT_LEADER = 6;

type StoredBatch = { base: number; next: number; arrivalMs: number; bytes: Buffer };

/** One topic partition on its leader; nobody leads it while `leader` is -1. */
export type BrokerLog = {
  topic: string;
  partition: number;
  batches: StoredBatch[];
  leader: number;
  logStart: number;
};

export class Brokers {
  readonly logs: BrokerLog[];
  /** Where each log has begun, by log. */
  readonly starts: number[][];
  readonly outages: Outage[] = [];
  readonly topicId: (topic: string) => string;
  readonly isUp = new Array<boolean>(BROKERS).fill(true);
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #lines = new Set<SimLine>();

  constructor(logs: readonly SimLog[], scheduler: Scheduler, random: Random) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.logs = logs.map((log) => brokerLog(log, random));
    this.starts = this.logs.map(({ logStart }) => [logStart]);
    this.topicId = (topic) =>
      `${topic === 'clicks' ? 'c' : 'a'}0000000-0000-4000-8000-000000000000`;
  }

  /** Connections of a process that are open. */
  linesOf(process: Process): number {
    return [...this.#lines].filter((line) => line.process === process).length;
  }

  /** The process is dead. */
  dropOf(process: Process): void {
    for (const line of this.#lines) if (line.process === process) this.#lines.delete(line);
  }

  log(topic: string, partition: number): BrokerLog {
    const log = this.logs.find((one) => one.topic === topic && one.partition === partition);
    if (log === undefined) throw new Error(`no log ${topic}-${partition}`);
    return log;
  }

  /** Offset behind the last record that has arrived. */
  endOf({ batches, logStart }: BrokerLog): number {
    const now = this.#scheduler.trueMs;
    const arrived = firstWith(batches, ({ arrivalMs }) => arrivalMs > now);
    return Math.max(logStart, batches[arrived - 1]?.next ?? 0);
  }

  connect(process: Process, network: Network, { host }: BrokerAddress): BrokerLine {
    const line = new SimLine(this, this.#scheduler, network, process, Number(host.at(-1)));
    this.#lines.add(line);
    return line;
  }

  forget(line: SimLine): void {
    this.#lines.delete(line);
  }

  /** A broker dies; after an election others lead what it led. It comes back with nothing. */
  down(broker: number, ms: number): void {
    this.isUp[broker] = false;
    for (const line of [...this.#lines]) if (line.broker === broker) line.cut();
    for (const log of this.logs) if (log.leader === broker) this.moveLeader(log);
    this.#scheduler.after(ms, null, () => {
      this.isUp[broker] = true;
    });
  }

  /** Nobody leads it until the election is over. */
  moveLeader(log: BrokerLog): void {
    const fromMs = this.#scheduler.trueMs;
    const electionMs = this.#random.pick([50, 800, 4_000]);
    const outage = { partition: this.logs.indexOf(log), fromMs, toMs: fromMs + electionMs };
    this.outages.push(outage);
    log.leader = -1;
    this.#scheduler.after(electionMs, null, () => {
      const able = [0, 1, 2].filter((broker) => this.isUp[broker]);
      if (log.leader === -1 && able.length > 0) log.leader = this.#random.pick(able);
      else if (log.leader === -1) this.moveLeader(log);
    });
  }

  /** Oldest batches go, as by retention. */
  truncate(log: BrokerLog, share: number): boolean {
    const arrived = log.batches.filter(({ arrivalMs }) => arrivalMs <= this.#scheduler.trueMs);
    const batch = arrived[Math.floor(arrived.length * share)];
    if (batch === undefined || batch.base <= log.logStart) return false;
    log.logStart = batch.base;
    this.starts[this.logs.indexOf(log)]!.push(batch.base);
    return true;
  }

  /** When a fetch of `offset` is answered: when there is something, or after `waitMs`. */
  answerAt(log: BrokerLog, offset: number, waitMs: number): number {
    const { trueMs, nowMs } = this.#scheduler;
    const next = log.batches[firstAfter(log.batches, offset)];
    const arrivesInMs = Math.max(0, (next?.arrivalMs ?? Number.POSITIVE_INFINITY) - trueMs);
    return nowMs + Math.min(waitMs, arrivesInMs);
  }

  /** The answer of `broker` to a fetch, as bytes. */
  answer(broker: number, log: BrokerLog, offset: number, correlation: number): Buffer {
    const end = this.endOf(log);
    const { logStart } = log;
    if (log.leader !== broker) return fetchAnswer(correlation, NOT_LEADER, -1, -1, []);
    if (offset < logStart || offset > end)
      return fetchAnswer(correlation, OFFSET_OUT_OF_RANGE, -1, logStart, []);
    const now = this.#scheduler.trueMs;
    const batches: Buffer[] = [];
    const most = this.#random.pick([1, 3, 10]);
    for (let at = firstAfter(log.batches, offset); batches.length < most; at++) {
      const batch = log.batches[at];
      if (batch === undefined || batch.arrivalMs > now) break;
      batches.push(batch.bytes);
    }
    return fetchAnswer(correlation, 0, end, logStart, batches);
  }
}

/** Index of the batch that holds `offset` or comes after it. */
function firstAfter(batches: readonly StoredBatch[], offset: number): number {
  return firstWith(batches, ({ next }) => next > offset);
}

/** Index of the first batch that `is`, as are all after it. */
function firstWith(batches: readonly StoredBatch[], is: (batch: StoredBatch) => boolean): number {
  let low = 0;
  let high = batches.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (is(batches[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A connection to one broker, as a lane uses it. */
export class SimLine implements BrokerLine {
  readonly broker: number;
  readonly #brokers: Brokers;
  readonly #scheduler: Scheduler;
  readonly #network: Network;
  readonly process: Process;
  #failure: ClickrateError | null = null;
  #reject: ((error: ClickrateError) => void) | null = null;

  constructor(
    brokers: Brokers,
    scheduler: Scheduler,
    network: Network,
    process: Process,
    broker: number,
  ) {
    this.#brokers = brokers;
    this.#scheduler = scheduler;
    this.#network = network;
    this.process = process;
    this.broker = broker;
  }

  get isClosed(): boolean {
    return this.#failure !== null;
  }

  open(): Promise<void> {
    const execute = () => {
      if (!this.#brokers.isUp[this.broker]) this.#fail('nobody answers there');
      if (this.#failure !== null) throw this.#failure;
    };
    return this.#network.call(this.process, 'broker', execute, { isOfLine: true });
  }

  request(bytes: Buffer): Promise<Buffer> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const { offset, waitMs, topic, partition } = parseFetch(bytes);
    const log = this.#brokers.log(topic, partition);
    const holdMs = this.#brokers.answerAt(log, offset, waitMs) - this.#scheduler.nowMs;
    const answer = this.#network.call(
      this.process,
      'broker',
      () => this.#brokers.answer(this.broker, log, offset, 1),
      { holdMs, isOfLine: true },
    );
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      answer.then(resolve, (error: ClickrateError) => {
        this.#fail(error.message);
        reject(error);
      });
    });
  }

  /** The other end is gone: the process hears of it. */
  cut(): void {
    this.#scheduler.after(1, this.process, () => this.#fail('the connection was closed'));
  }

  #fail(reason: string): void {
    this.#failure ??= new ClickrateError('source_unavailable', `broker: ${reason}`);
    this.#brokers.forget(this);
    this.#reject?.(this.#failure);
    this.#reject = null;
  }

  close(): void {
    this.#fail('closed');
  }
}

function parseFetch(bytes: Buffer) {
  let at = 14 + bytes.readInt16BE(12) + 1 + 4;
  const waitMs = bytes.readInt32BE(at);
  // Wait, least and most bytes, isolation, session, one topic.
  at += 4 + 4 + 4 + 1 + 8 + 1;
  const topic = bytes[at]! >>> 4 === 0xc ? 'clicks' : 'impressions';
  const partition = bytes.readInt32BE(at + 17);
  return { waitMs, topic, partition, offset: Number(bytes.readBigInt64BE(at + 25)) };
}

function fetchAnswer(
  correlation: number,
  error: number,
  end: number,
  logStart: number,
  batches: readonly Buffer[],
): Buffer {
  const head = Buffer.alloc(78 + HEAD_AT);
  // Size, correlation, tags; throttle; no error; session; one topic, its id; one partition.
  let at = head.writeInt32BE(correlation, 4) + 1 + 4 + 2 + 4;
  at = head.writeUInt8(2, at) + 16;
  at = head.writeUInt8(2, at) + 4;
  at = head.writeInt16BE(error, at);
  at = head.writeBigInt64BE(BigInt(end), at);
  at = head.writeBigInt64BE(BigInt(end), at);
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

/** Cuts a log into batches; the records of a batch arrive together, when its first one does. */
function brokerLog(log: SimLog, random: Random): BrokerLog {
  const [topic, partition] = log.partition.split('-') as [string, string];
  const produce = new ProduceBatch('sim', topic, Number(partition));
  const batches: StoredBatch[] = [];
  const { records } = log;
  for (let from = 0; from < records.length; ) {
    const first = records[from]!;
    const most = random.int(1, 40);
    produce.clear();
    let to = from;
    while (to < records.length && to - from < most) {
      const record = records[to]!;
      if (record.offset !== first.offset + to - from) break;
      if (record.arrivalMs > first.arrivalMs + 300) break;
      record.arrivalMs = first.arrivalMs;
      const { bytes } = record;
      produce.add(bytes, 0, -1, bytes, 0, bytes.length, null, first.arrivalMs);
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
