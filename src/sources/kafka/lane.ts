/**
 * One topic partition as it is read: one connection to its leader, one fetch in flight, and the
 * next one sent as soon as an answer is handed over. Two answers at most are held.
 */
import type { Clock } from '../../clock.ts';
import { type Limits, SETTINGS } from '../../config.ts';
import { ClickrateError, isRetryable, messageOf } from '../../errors.ts';
import { recordBatch } from '../../event.ts';
import type { Fetch } from '../source.ts';
import { BatchWalk } from './batches.ts';
import { answerBuffers } from './buffers.ts';
import type { KafkaCluster } from './cluster.ts';
import type { BrokerLine } from './connection.ts';
import { FetchRequest, readFetchHead, refusal } from './fetch.ts';
import { type Answered, Reached } from './reached.ts';

export type LaneParts = {
  cluster: KafkaCluster;
  clock: Clock;
  limits: Limits;
  topic: string;
  partition: number;
  /** Index in the source's list of partitions. */
  index: number;
  /** So long without events it is idle; left out where that is nobody's concern. */
  idleAfterMs?: number;
  /** Called when an answer, or a failure, has arrived. */
  onArrival(): void;
  /** Told each failure that may pass, and null when an answer comes. */
  onTrouble?(reason: string | null): void;
};

/** An answer, and the buffer it lies in. */
type Arrived = Answered & { bytes: Buffer; buffer: Buffer | null };

export class Lane {
  readonly #parts: LaneParts;
  readonly #topicId: string;
  readonly #request: FetchRequest;
  readonly #walk: BatchWalk;
  readonly #records = recordBatch(new Uint8Array(0), 1_024);
  readonly #reached: Reached;
  #connection: BrokerLine | null = null;
  #isInFlight = false;
  #arrived: Arrived | null = null;
  /** The answer being handed over, in pieces where it is compressed. */
  #current: Arrived | null = null;
  /** Where the answer under way is put, and what was handed over last. */
  #filling: Buffer | null = null;
  #lent: Buffer | null = null;
  /** As the answer saw them: the end of what may be read, and of the log, open transactions too. */
  #end: number | null = null;
  #logEnd = 0;
  #failure: unknown = null;
  /** After failures that may pass: how long it is left alone, and until when. */
  #waitMs = 0;
  #retryAtMs = -Infinity;
  #isClosed = false;
  /** Why it cannot be read for now; null when it can. */
  trouble: string | null = null;
  /** Offset of the next record to hand over. */
  position: number;

  constructor(parts: LaneParts, topicId: string, position: number) {
    const { cluster, topic, partition, limits, idleAfterMs = SETTINGS.idleAfterMs } = parts;
    this.#parts = parts;
    this.#reached = new Reached(idleAfterMs);
    this.#topicId = topicId;
    this.position = position;
    const { clientId } = cluster.options;
    this.#request = new FetchRequest(clientId, topicId, partition, limits.fetchBytes);
    this.#walk = new BatchWalk(`${topic}-${partition}`, limits.fetchBytes);
  }

  /** End of what may be read as last seen; null before the first answer. */
  get end(): number | null {
    return this.#end;
  }

  /** Records behind it that wait for the end of an open transaction. */
  get uncommitted(): number {
    return this.#logEnd - (this.#end ?? 0);
  }

  /** Whether `take` has something to give, or to throw. */
  get isReady(): boolean {
    return this.#current !== null || this.#arrived !== null || this.#failure !== null;
  }

  /** Sends a fetch unless one is under way or waits; the broker answers after `waitMs` at most. */
  ask(waitMs: number): void {
    const isEarly = this.#parts.clock.monotonicMs() < this.#retryAtMs;
    if (this.#isInFlight || this.isReady || this.#isClosed || isEarly) return;
    this.#isInFlight = true;
    void this.#fetch(waitMs).then(
      (arrived) => this.#settle(() => this.#takeOrFail(arrived)),
      (error: unknown) => this.#settle(() => this.#fail(error)),
    );
  }

  #settle(outcome: () => void): void {
    this.#isInFlight = false;
    if (!this.#isClosed) outcome();
    // What was not taken is read by nobody.
    this.#giveBack(this.#filling);
    this.#filling = null;
    if (!this.#isClosed) this.#parts.onArrival();
  }

  #giveBack(buffer: Buffer | null): void {
    if (buffer !== null) answerBuffers.give(buffer);
  }

  async #fetch(waitMs: number): Promise<Arrived> {
    const { clock } = this.#parts;
    const connection = await this.#connected();
    const sentAtMs = clock.monotonicMs();
    const request = this.#request.at(this.position, waitMs);
    const bytes = await connection.request(request, (size) => this.#room(size));
    return { bytes, buffer: this.#filling, sentAtMs, arrivedAtMs: clock.monotonicMs(), waitMs };
  }

  #room(size: number): Buffer {
    this.#filling = answerBuffers.take(size);
    return this.#filling;
  }

  async #connected(): Promise<BrokerLine> {
    if (this.#connection !== null) {
      if (!this.#connection.isClosed) return this.#connection;
      this.#reached.lost();
    }
    const { cluster, topic, partition } = this.#parts;
    const { topicId, ...address } = await cluster.leader(topic, partition);
    if (topicId !== this.#topicId)
      throw new ClickrateError('topic_renewed', `topic ${topic} was deleted and made anew`);
    const connection = cluster.reach.connect(address, cluster.clientOptions);
    this.#connection = connection;
    await connection.open();
    if (this.#isClosed) connection.close();
    return connection;
  }

  #takeOrFail(arrived: Arrived): void {
    try {
      this.#take(arrived);
    } catch (error) {
      this.#fail(error);
    }
  }

  #take(arrived: Arrived): void {
    const head = readFetchHead(arrived.bytes);
    if (head.throttledMs !== null) {
      // Neither records nor the end of the log: nothing is handed over, nobody idle by it.
      this.#retryAtMs = this.#parts.clock.monotonicMs() + head.throttledMs;
      return;
    }
    if (head.error !== 0) {
      const { topic, partition } = this.#parts;
      this.#fail(refusal(head.error, `${topic}-${partition}`, this.position));
      return;
    }
    this.#end = head.stableOffset;
    this.#logEnd = Math.max(head.highWatermark, head.stableOffset);
    this.#walk.begin({ ...head, bytes: arrived.bytes }, this.position);
    this.#arrived = arrived;
    this.#filling = null;
    this.#reached.answered(arrived);
    this.#parts.onTrouble?.(null);
    this.trouble = null;
    this.#waitMs = 0;
  }

  /** Another leader, or another topic of this name, is asked for before the next fetch. */
  #fail(error: unknown): void {
    this.#connection?.close();
    this.#connection = null;
    if (!isRetryable(error)) {
      this.#failure = error;
      return;
    }
    const { limits, clock } = this.#parts;
    this.trouble = messageOf(error);
    this.#parts.onTrouble?.(this.trouble);
    this.#reached.lost();
    this.#waitMs = Math.min(limits.retryMaxMs, Math.max(limits.retryMinMs, this.#waitMs * 2));
    this.#retryAtMs = clock.monotonicMs() + this.#waitMs;
  }

  /**
   * Hands over what has come, to be read until the next call; null when nothing has. Throws
   * `source_gap`, `source_damaged`, `topic_renewed`.
   */
  take(): Fetch | null {
    if (this.#failure !== null) throw this.#failure;
    this.release();
    if (this.#current === null) {
      this.#current = this.#arrived;
      this.#arrived = null;
    }
    const answer = this.#current;
    if (answer === null) return null;
    const { clock, index } = this.#parts;
    this.#walk.next(this.#records, clock.wallMs());
    this.position = this.#walk.position;
    if (this.#walk.isDone) {
      this.#current = null;
      this.#lent = answer.buffer;
    }
    // Behind what is written and not committed yet something is still to come: nobody is idle.
    const end = this.#walk.isDone && this.position >= this.#logEnd;
    return {
      partition: index,
      records: this.#records,
      next: this.position,
      end,
      sentAtMs: answer.sentAtMs,
      arrivedAtMs: answer.arrivedAtMs,
      reachableSinceMs: this.#reached.sinceMs,
    };
  }

  /** What was handed over is read no more; the next `take` says so too. */
  release(): void {
    this.#giveBack(this.#lent);
    this.#lent = null;
  }

  /** As `release`; and nothing more is fetched. */
  close(): void {
    this.#isClosed = true;
    this.#connection?.close();
    this.release();
    for (const answer of [this.#current, this.#arrived]) this.#giveBack(answer?.buffer ?? null);
    this.#current = null;
    this.#arrived = null;
  }
}
