/** A member of a group over a client that does what a test says. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import {
  type Consumer,
  MultipleErrors,
  NetworkError,
  Reader,
  ResponseError,
  type Writer,
} from '@platformatic/kafka';
import { LIMITS, OPTIONS } from '../../src/config.ts';
import { silentLog } from '../../src/log.ts';
import { KafkaCluster } from '../../src/sources/kafka/cluster.ts';
import { GroupMember } from '../../src/sources/kafka/group.ts';
import { SimClock } from '../support/sim-clock.ts';

const OFFSET_COMMIT = 8;

/** A clock on which only waits before another try are over, and what is given up. */
class StandingClock extends SimClock {
  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted || ms <= LIMITS.retryMinMs) resolve();
      else signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

/** A client whose coordinator is `coordinatorId`. */
class FakeConsumer extends EventEmitter {
  readonly topics = { track() {} };
  readonly groupId = 'clickrate';
  readonly groupInstanceId = null;
  memberId: string | null = 'member';
  generationId = 1;
  coordinatorId: number | null = 2;
  joins = 0;
  asked = 0;
  isClosed = false;
  /** Members that it said are leaving. */
  readonly left: string[] = [];
  /** Of so many of its joins. */
  failure: Error | null = null;
  failures = Infinity;
  /** Its coordinator does not answer. */
  isSilent = false;
  /** There is a connection to its coordinator. */
  isReached = false;
  /** Error code of the coordinator's next answers. */
  reply = async () => 0;
  /** Offsets by partition, as the group was told them. */
  readonly told: Record<number, number>[] = [];
  /** What its joins wait for. */
  answer: Promise<void> = Promise.resolve();

  async joinGroup(): Promise<void> {
    this.joins++;
    await this.answer;
    if (this.failure !== null && this.failures-- > 0) throw this.failure;
  }

  async findGroupCoordinator(): Promise<number> {
    this.asked++;
    return 2;
  }

  async connectToBrokers(): Promise<Map<number, unknown>> {
    return new Map(this.isReached ? [[2, this]] : []);
  }

  /** What is sent to the coordinator, as the library sends it. */
  async send(key: number, version: number, request: () => Writer, ...rest: unknown[]) {
    const answer = rest.at(-1) as (error: Error | null) => void;
    if (key === OFFSET_COMMIT) this.told.push(offsetsIn(Reader.from(request().buffer)));
    const code = await this.reply();
    answer(code === 0 ? null : new ResponseError(key, version, { '/': [code, null] }, {}));
  }

  /** As the library does it: where its leaving is not answered, it is not closed. */
  async close(): Promise<void> {
    if (this.memberId !== null) {
      this.left.push(this.memberId);
      if (this.isSilent) throw new Error('no answer');
    }
    this.isClosed = true;
  }

  joined(...partitions: number[]): void {
    const assignments = [{ topic: 'impressions', partitions }];
    this.emit('consumer:group:join', { groupId: this.groupId, assignments });
  }
}

function offsetsIn(request: Reader): Record<number, number> {
  request.readString();
  request.readInt32();
  request.readString();
  request.readNullableString();
  const topics = request.readArray((topic) => {
    topic.readString();
    return topic.readArray((at) => {
      const offset = [at.readInt32(), Number(at.readInt64())];
      at.readInt32();
      at.readNullableString();
      return offset;
    });
  });
  return Object.fromEntries(topics.flat());
}

/** As the library says that its coordinator is not among the brokers. */
export function brokerGone(): Error {
  const said = { canRetry: true, hasStaleMetadata: true };
  const one = new NetworkError('the broker is not available in the metadata', said);
  return new MultipleErrors('heartbeat failed 2 times.', [one, one]);
}

/** @param failure of the first client's joins */
export async function member(failure: Error | null = null, groupInstance = '', limits = LIMITS) {
  const consumers: FakeConsumer[] = [];
  const options = { ...OPTIONS, groupInstance };
  const cluster = new KafkaCluster(options, {
    consumer: () => {
      const consumer = new FakeConsumer();
      if (consumers.push(consumer) === 1) consumer.failure = failure;
      return consumer as unknown as Consumer;
    },
    connect: () => assert.fail('nothing is fetched'),
  });
  const assigned: (readonly number[])[] = [];
  const warnings: string[] = [];
  const group = new GroupMember({
    cluster,
    topic: 'impressions',
    clock: new StandingClock(0),
    limits,
    log: { ...silentLog, warn: (_, line) => void warnings.push(line) },
    onAssigned: (partitions) => assigned.push(partitions),
  });
  await group.start();
  return { consumers, cluster, group, assigned, warnings };
}

export const turn = () => new Promise(setImmediate);
