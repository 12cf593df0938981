/** The client library's consumer as far as our code uses it, at the simulated brokers and group. */
import { EventEmitter } from 'node:events';
import { type Connection, type Consumer, Reader, Writer } from '@platformatic/kafka';
import { FETCH_KEY, FETCH_VERSION } from '../../src/sources/kafka/fetch.ts';
import type { Brokers } from './broker.ts';
import type { Group, Member } from './group.ts';
import type { Network } from './network.ts';
import type { Process } from './scheduler.ts';

const HEARTBEAT_KEY = 12;

export class SimConsumer extends EventEmitter implements Member {
  readonly topics = { track() {} };
  readonly groupId = 'clickrate';
  readonly groupInstanceId = null;
  readonly coordinatorId = 0;
  memberId: string | null = null;
  generationId = 0;
  readonly process: Process;
  readonly #group: Group;
  readonly #brokers: Brokers;
  readonly #network: Network;
  readonly #partitions: number;
  #joining: (() => void) | null = null;
  /** Thrown out before it heard that it was in: heartbeats begin then, and say so. */
  #isOut = false;
  isClosed = false;

  constructor(
    parts: { group: Group; brokers: Brokers; network: Network },
    process: Process,
    partitions: number,
  ) {
    super();
    this.process = process;
    this.#group = parts.group;
    this.#brokers = parts.brokers;
    this.#network = parts.network;
    this.#partitions = partitions;
  }

  asConsumer(): Consumer {
    return this as unknown as Consumer;
  }

  #ask<T>(execute: () => T): Promise<T> {
    return this.#network.call(this.process, 'broker', execute);
  }

  async joinGroup(): Promise<void> {
    await this.#ask(() => this.#group.join(this));
    await new Promise<void>((resolve) => {
      this.#joining = resolve;
    });
  }

  joined(id: string, generation: number, partitions: number[]): void {
    if (this.memberId !== id || this.isClosed || generation < this.generationId) return;
    this.generationId = generation;
    this.#joining?.();
    this.#joining = null;
    const assignments = partitions.length === 0 ? [] : [{ topic: 'impressions', partitions }];
    this.emit('consumer:group:join', { groupId: this.groupId, memberId: id, assignments });
    if (this.#isOut) this.thrownOut(id);
  }

  /**
   * Its next heartbeat says so: the library joins again by itself, gives up with an error, or never
   * gets an answer.
   */
  thrownOut(id: string): void {
    if (this.memberId !== id || this.isClosed) return;
    this.#isOut = this.#joining !== null;
    if (this.#isOut) return;
    this.emit('consumer:heartbeat:error', { error: new Error('unknown member') });
    const ending = this.generationId % 3;
    if (ending === 0) this.emit('error', new Error('the heartbeats ended'));
    else if (ending === 1) this.emit('consumer:heartbeat:stalled', { stalledFor: 15_000 });
    else void this.joinGroup().catch((error) => this.emit('error', error));
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const id = this.memberId;
    this.memberId = null;
    if (id !== null) await this.#ask(() => this.#group.leave(id));
  }

  async listApis() {
    return [{ apiKey: FETCH_KEY, maxVersion: FETCH_VERSION }];
  }

  metadata({ topics: [name] }: { topics: [string] }) {
    return this.#ask(() => {
      const partitions = this.#brokers.logs
        .filter(({ topic }) => topic === name)
        .sort((a, b) => a.partition - b.partition)
        .map(({ leader }) => ({ leader }));
      const id = this.#brokers.topicId(name);
      const brokers = [0, 1, 2].map((n) => [n, { host: `broker-${n}`, port: 9_092 }] as const);
      const topic = { id, partitions, partitionsCount: this.#partitions };
      return { topics: new Map([[name, topic]]), brokers: new Map(brokers) };
    });
  }

  listOffsetsWithTimestamps(query: {
    topics: [string];
    partitions: Record<string, [number]>;
    timestamp: bigint;
  }) {
    const name = query.topics[0];
    const partition = query.partitions[name]![0];
    return this.#ask(() => {
      const log = this.#brokers.log(name, partition);
      const end = this.#brokers.endOf(log);
      const answer = (offset: number, timestamp = -1) =>
        new Map([
          [name, new Map([[partition, { offset: BigInt(offset), timestamp: BigInt(timestamp) }]])],
        ]);
      if (query.timestamp === -2n) return answer(log.logStart);
      if (query.timestamp === -1n) return answer(end);
      const found = log.batches.find(
        ({ base, arrivalMs }) =>
          base >= log.logStart && base < end && arrivalMs >= Number(query.timestamp),
      );
      return found === undefined ? answer(-1) : answer(found.base, found.arrivalMs);
    });
  }

  listCommittedOffsets({ topics }: { topics: [{ topic: string; partitions: [number] }] }) {
    return this.#ask(() => {
      const { topic, partitions } = topics[0];
      const offset = this.#group.committed.get(`${topic}-${partitions[0]}`) ?? -1;
      return new Map([[topic, [BigInt(offset)]]]);
    });
  }

  async connectToBrokers(): Promise<Map<number, Connection>> {
    return new Map([[0, { send: this.#send } as unknown as Connection]]);
  }

  /** Answers the two requests that are sent to the coordinator, in the protocol's bytes. */
  readonly #send = (
    key: number,
    version: number,
    payload: () => Writer,
    parse: (correlation: number, key: number, version: number, reader: Reader) => unknown,
    _requestTags: boolean,
    _answerTags: boolean,
    callback: (error: Error | null, value?: unknown) => void,
  ): void => {
    const { buffer } = payload();
    const execute = () => {
      const request = Reader.from(buffer);
      return key === HEARTBEAT_KEY ? this.#heartbeat(request) : this.#commit(request);
    };
    this.#ask(execute)
      .then((answer) => parse(1, key, version, Reader.from(answer)))
      .then(
        (value) => callback(null, value),
        (error: Error) => callback(error),
      );
  };

  #heartbeat(request: Reader): Buffer {
    request.readString();
    const generation = request.readInt32();
    const code = this.#group.code(request.readString(), generation);
    return Writer.create().appendInt32(0).appendInt16(code).appendTaggedFields().buffer;
  }

  #commit(request: Reader): Buffer {
    request.readString();
    const generation = request.readInt32();
    const code = this.#group.code(request.readString(), generation);
    request.readNullableString();
    const topics = request.readArray((r) => ({
      name: r.readString(),
      partitions: r.readArray((at) => {
        const partition = at.readInt32();
        const offset = Number(at.readInt64());
        at.readInt32();
        at.readNullableString();
        return { partition, offset };
      }),
    }));
    for (const { name, partitions } of topics)
      for (const { partition, offset } of partitions)
        if (code === 0) this.#group.take(name, partition, offset);
    return Writer.create()
      .appendInt32(0)
      .appendArray(topics, (writer, { name, partitions }) =>
        writer
          .appendString(name)
          .appendArray(partitions, (w, { partition }) =>
            w.appendInt32(partition).appendInt16(code),
          ),
      )
      .appendTaggedFields().buffer;
  }
}
