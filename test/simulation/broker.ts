/** The brokers: the partitions' leaders, who is up, and the connections that lanes fetch over. */
import { ClickrateError } from '../../src/errors.ts';
import type { BrokerAddress, BrokerLine, Room } from '../../src/sources/kafka/connection.ts';
import type { Random } from '../support/random.ts';
import type { Outage, SimLog } from '../support/sim-source.ts';
import {
  type BrokerLog,
  brokerLog,
  fetchAnswer,
  parseFetch,
  type StoredBatch,
  throttledAnswer,
} from './broker-bytes.ts';
import type { Network } from './network.ts';
import type { Process, Scheduler } from './scheduler.ts';

const BROKERS = 3;
const OFFSET_OUT_OF_RANGE = 1;
const NOT_LEADER = 6;

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

  #throttledToMs = -Infinity;

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

  /** A quota is used up: for so long most fetches are answered with nothing, not even the end. */
  throttle(ms: number): void {
    this.#throttledToMs = Math.max(this.#throttledToMs, this.#scheduler.nowMs + ms);
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
    const isThrottled = this.#scheduler.nowMs < this.#throttledToMs && this.#random.chance(0.8);
    if (isThrottled) return throttledAnswer(correlation, this.#random.int(10, 1_500));
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
class SimLine implements BrokerLine {
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

  request(bytes: Buffer, room: Room): Promise<Buffer> {
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
      answer.then(
        (bytes) => {
          // After a failure nothing is written any more; who asked has been told.
          if (this.#failure === null) resolve(this.#received(bytes, room));
        },
        (error: ClickrateError) => {
          this.#fail(error.message);
          reject(error);
        },
      );
    });
  }

  /** As the real one: into a buffer that is used again. */
  #received(bytes: Buffer, room: Room): Buffer {
    const buffer = room(bytes.length);
    bytes.copy(buffer);
    return buffer.subarray(0, bytes.length);
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
