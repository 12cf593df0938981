/**
 * One topic partition as it is written: one connection to its leader, one batch in flight, and the
 * next one filled meanwhile. A batch that was sent stays as it is and is sent again, the same
 * bytes, until it is acknowledged: the broker knows its number and takes it once.
 */
import { type Connection, initProducerIdV4, protocolErrorsCodesById } from '@platformatic/kafka';
import type { Clock } from '../../clock.ts';
import { LIMITS } from '../../config.ts';
import { ClickrateError, isRetryable, messageOf } from '../../errors.ts';
import { type KafkaCluster, unavailable } from './cluster.ts';
import { BrokerConnection } from './connection.ts';
import { answeredError, ProduceBatch, type ProducerId } from './produce-batch.ts';

/**
 * A broker takes batches of up to 1 MiB; a longer record than this has one of its own. With what is
 * around it such a batch fits a buffer of 512 KiB.
 */
const BATCH_BYTES = 520_000;
/** Empty batches kept to be filled again: what fills a connection that is kept busy. */
const SPARE_BATCHES = 4;

const TOO_LARGE = ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'];
/** The broker no longer knows the numbers of this producer. */
const LOST_NUMBERS = [
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
];

export type ProduceLaneParts = {
  cluster: KafkaCluster;
  clock: Clock;
  topic: string;
  partition: number;
  /** How long a batch is tried; Infinity: until it is taken. */
  giveUpMs: number;
  /** Told of each try that failed. */
  onTrouble(sentence: string): void;
};

/** A batch on its way, and who waits for it. */
export type Delivery = {
  lane: ProduceLane;
  batch: ProduceBatch;
  /** Records in it, also when the batch has been emptied. */
  records: number;
  deadlineMs: number;
  /** Settles when it is acknowledged, or given up. */
  done: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
};

export class ProduceLane {
  readonly #parts: ProduceLaneParts;
  readonly #queue: Delivery[] = [];
  readonly #stop = new AbortController();
  /** Empty ones to be filled again. */
  readonly #spares: ProduceBatch[] = [];
  #isRunning = false;
  #connection: BrokerConnection | null = null;
  #producer: ProducerId | null = null;
  #sequence = 0;
  /** Whether the batch being delivered was sent: it may be in the log. */
  #isUncertain = false;
  /** Why the last try failed; null when it did not. */
  #trouble: unknown = null;

  constructor(parts: ProduceLaneParts) {
    this.#parts = parts;
  }

  /** The batch that takes the next record, of so many bytes; `run` sends it. */
  open(recordBytes: number): Delivery {
    const last = this.#queue.at(-1);
    // The first of the queue is in flight while the lane runs.
    const isFree = last !== undefined && !(this.#isRunning && this.#queue.length === 1);
    if (isFree && last.batch.size + recordBytes <= BATCH_BYTES) return last;
    const { cluster, topic, partition, clock, giveUpMs } = this.#parts;
    const { clientId } = cluster.options;
    const batch = this.#spares.pop() ?? new ProduceBatch(clientId, topic, partition);
    batch.clear(clock.wallMs());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Whoever waits hears of it; nobody has to.
    promise.catch(() => {});
    const deadlineMs = clock.monotonicMs() + giveUpMs;
    const state = { lane: this, batch, records: 0, deadlineMs };
    const delivery = { ...state, done: promise, resolve, reject };
    this.#queue.push(delivery);
    return delivery;
  }

  /** Sends what waits, in order. */
  run(): void {
    if (this.#isRunning || this.#queue.length === 0) return;
    this.#isRunning = true;
    void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      try {
        await this.#deliver(first);
        first.resolve();
      } catch (error) {
        first.reject(error);
      }
      this.#queue.shift();
      if (this.#spares.length < SPARE_BATCHES) this.#spares.push(first.batch);
    }
    this.#isRunning = false;
  }

  async #deliver({ batch, deadlineMs }: Delivery): Promise<void> {
    const { clock, onTrouble } = this.#parts;
    const { signal } = this.#stop;
    this.#isUncertain = false;
    for (let waitMs = LIMITS.retryMinMs; ; waitMs = Math.min(waitMs * 2, LIMITS.retryMaxMs)) {
      try {
        this.#mustBeOpen();
        if (clock.monotonicMs() > deadlineMs)
          throw this.#trouble ?? this.#failure('it is not taken in time');
        await this.#attempt(batch);
        this.#trouble = null;
        return;
      } catch (error) {
        this.#connection?.close();
        this.#connection = null;
        const leftMs = deadlineMs - clock.monotonicMs();
        if (!isRetryable(error) || leftMs <= 0 || signal.aborted) {
          // Its number cannot be given to another then.
          if (this.#isUncertain) this.#producer = null;
          throw error;
        }
        this.#trouble = error;
        onTrouble(messageOf(error));
        await clock.sleep(Math.min(waitMs, leftMs), signal);
      }
    }
  }

  async #attempt(batch: ProduceBatch): Promise<void> {
    const connection = await this.#connected();
    this.#producer ??= await this.#newProducer(connection);
    const request = batch.sealed(this.#producer, this.#sequence);
    this.#isUncertain = true;
    const answer = await connection.request(request);
    const code = answeredError(answer);
    const name = String(protocolErrorsCodesById[code] ?? code);
    // A duplicate was taken before, and its answer lost.
    if (code !== 0 && name !== 'DUPLICATE_SEQUENCE_NUMBER') {
      if (LOST_NUMBERS.includes(name)) this.#producer = null;
      throw TOO_LARGE.includes(name) ? this.#tooLarge(batch) : this.#failure(name);
    }
    this.#sequence = (this.#sequence + batch.count) & 0x7fff_ffff;
  }

  async #connected(): Promise<BrokerConnection> {
    if (this.#connection !== null && !this.#connection.isClosed) return this.#connection;
    const { cluster, topic, partition } = this.#parts;
    const { host, port } = await cluster.leader(topic, partition);
    // `close` ends the connection that there is: nobody would end a later one.
    this.#mustBeOpen();
    const connection = new BrokerConnection({ host, port }, cluster.clientOptions);
    this.#connection = connection;
    await connection.open();
    return connection;
  }

  async #newProducer(connection: BrokerConnection): Promise<ProducerId> {
    try {
      const { api } = initProducerIdV4;
      const answer = await api.async(connection as unknown as Connection, null, 0);
      this.#sequence = 0;
      return { id: answer.producerId, epoch: answer.producerEpoch };
    } catch (error) {
      throw isRetryable(error) ? error : unavailable('asking for a producer id', error);
    }
  }

  #mustBeOpen(): void {
    if (this.#stop.signal.aborted) throw this.#failure('closed before it was acknowledged');
  }

  #failure(why: string): ClickrateError {
    const { topic, partition } = this.#parts;
    return new ClickrateError('source_unavailable', `sending to ${topic}-${partition}: ${why}`);
  }

  #tooLarge({ size }: ProduceBatch): ClickrateError {
    const { topic } = this.#parts;
    return new ClickrateError(
      'topic_settings',
      `topic ${topic} takes no batch of ${size} bytes: its max.message.bytes must be 1 MiB or more`,
    );
  }

  /** Gives up what is not acknowledged. */
  close(): void {
    this.#stop.abort();
    this.#connection?.close();
  }
}
