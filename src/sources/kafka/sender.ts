/** Writes records to Kafka, once each: acknowledged by all in-sync replicas, idempotent. */
import { findErrorBy, ProduceAcks, Producer } from '@platformatic/kafka';
import { ClickrateError } from '../../errors.ts';
import { clientOptions, type KafkaOptions } from './client.ts';
import { unavailable } from './cluster.ts';

/** A record to send; without a key it goes to any partition. */
export type Outgoing = {
  topic: string;
  key: Buffer | null;
  value: Buffer;
  headers?: Record<string, string>;
};

/** The library tries so often, so far apart: longer than a broker's fail-over takes. */
const RETRIES = { retries: 20, retryDelay: 500 };

/** A broker takes batches of up to 1 MiB; what goes to one partition in one call is one batch. */
const CALL_BYTES = 524_288;
const CALL_RECORDS = 10_000;

export class Sender {
  readonly #options: KafkaOptions;
  #producer: Producer<Buffer, Buffer, string, string>;

  constructor(options: KafkaOptions) {
    this.#options = options;
    this.#producer = this.#connect();
  }

  #connect(): Producer<Buffer, Buffer, string, string> {
    const text = (value?: string) => Buffer.from(value ?? '');
    const producer = new Producer<Buffer, Buffer, string, string>({
      ...clientOptions(this.#options),
      ...RETRIES,
      idempotent: true,
      acks: ProduceAcks.ALL,
      serializers: { headerKey: text, headerValue: text },
    });
    // Calls tell their own errors.
    producer.on('error', () => {});
    return producer;
  }

  /** Resolves when all are acknowledged. Rejects with `source_unavailable` when some are not. */
  async send(records: readonly Outgoing[]): Promise<void> {
    for (let from = 0; from < records.length; ) {
      const to = endOfCall(records, from);
      await this.#call(records.slice(from, to));
      from = to;
    }
  }

  async #call(records: readonly Outgoing[]): Promise<void> {
    const messages = records.map(({ topic, key, value, headers }) => ({
      ...{ topic, value },
      ...(key === null ? {} : { key }),
      ...(headers === undefined ? {} : { headers }),
    }));
    try {
      await this.#producer.send({ messages });
    } catch (error) {
      throw await this.#failed(error as Error);
    }
  }

  /** A producer whose numbers the brokers no longer accept is of no use: another begins anew. */
  async #failed(error: Error): Promise<ClickrateError> {
    const lost = ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'INVALID_PRODUCER_EPOCH'];
    if (lost.some((id) => findErrorBy(error, 'apiId', id))) {
      const old = this.#producer;
      this.#producer = this.#connect();
      await old.close().catch(() => {});
    }
    const failure = unavailable('sending to Kafka', error);
    if (!/unknown topic/i.test(failure.message)) return failure;
    return new ClickrateError(
      'source_unavailable',
      `${failure.message}; make it with: clickrate topics create`,
    );
  }

  async close(): Promise<void> {
    await this.#producer.close().catch(() => {});
  }
}

/** Index behind the last record that fits the call that begins at `from`. */
function endOfCall(records: readonly Outgoing[], from: number): number {
  let bytes = 0;
  let to = from;
  while (to < records.length && to - from < CALL_RECORDS) {
    const { value, key } = records[to];
    bytes += value.length + (key?.length ?? 0);
    if (to > from && bytes > CALL_BYTES) break;
    to++;
  }
  return to;
}
