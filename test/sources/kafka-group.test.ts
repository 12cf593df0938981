/** Our side of the consumer group, with a client that does what a test says. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { type Consumer, MultipleErrors, NetworkError } from '@platformatic/kafka';
import { LIMITS, OPTIONS } from '../../src/config.ts';
import { silentLog } from '../../src/log.ts';
import { KafkaCluster } from '../../src/sources/kafka/cluster.ts';
import { GroupMember } from '../../src/sources/kafka/group.ts';
import { SimClock } from '../support/sim-clock.ts';

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
  /** Of its joins. */
  failure: Error | null = null;
  /** Its coordinator does not answer. */
  isSilent = false;
  /** What its joins wait for. */
  answer: Promise<void> = Promise.resolve();

  async joinGroup(): Promise<void> {
    this.joins++;
    await this.answer;
    if (this.failure !== null) throw this.failure;
  }

  async findGroupCoordinator(): Promise<number> {
    this.asked++;
    return 2;
  }

  async connectToBrokers(): Promise<Map<number, unknown>> {
    return new Map();
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

/** As the library says that its coordinator is not among the brokers. */
function brokerGone(): Error {
  const said = { canRetry: true, hasStaleMetadata: true };
  const one = new NetworkError('the broker is not available in the metadata', said);
  return new MultipleErrors('heartbeat failed 2 times.', [one, one]);
}

/** @param failure of the first client's joins */
async function member(failure: Error | null = null) {
  const consumers: FakeConsumer[] = [];
  const cluster = new KafkaCluster(OPTIONS, {
    consumer: () => {
      const consumer = new FakeConsumer();
      if (consumers.push(consumer) === 1) consumer.failure = failure;
      return consumer as unknown as Consumer;
    },
    connect: () => assert.fail('nothing is fetched'),
  });
  const assigned: (readonly number[])[] = [];
  const group = new GroupMember({
    ...{
      cluster,
      topic: 'impressions',
      clock: new StandingClock(0),
      limits: LIMITS,
      log: silentLog,
    },
    onAssigned: (partitions) => assigned.push(partitions),
  });
  await group.start();
  return { consumers, cluster, group, assigned };
}

const turn = () => new Promise(setImmediate);

test('where heartbeats stall another client joins, and the old one is not heard', async (t) => {
  const { consumers, group, assigned } = await member();
  t.after(() => group.stop());
  const [old] = consumers;
  old.joined(0, 1);
  assert.deepEqual(group.assigned, [0, 1]);
  old.emit('consumer:heartbeat:error', { error: new Error('the broker is not available') });
  assert.match(group.trouble ?? '', /heartbeats fail: the broker is not available/);
  old.emit('consumer:heartbeat:stalled', { lastHeartbeat: null, stalledFor: 15_000 });
  await turn();
  assert.deepEqual([consumers.length, old.isClosed, consumers[1].joins], [2, true, 1]);
  assert.deepEqual(group.assigned, []);
  assert.match(group.trouble ?? '', /no heartbeat went through/);
  old.joined(2);
  old.emit('consumer:heartbeat:stalled', { lastHeartbeat: null, stalledFor: 15_000 });
  old.emit('error', new Error('closed'));
  await turn();
  assert.deepEqual([consumers.length, consumers[1].joins], [2, 1]);
  consumers[1].joined(1);
  assert.deepEqual(group.assigned, [1]);
  assert.equal(group.trouble, null);
  assert.deepEqual(assigned, [[0, 1], [1]]);
});

test('a coordinator that has left the cluster is not asked again: the same member goes on', async (t) => {
  const { consumers, group } = await member();
  t.after(() => group.stop());
  consumers[0].joined(0, 1);
  consumers[0].memberId = 'one';
  const passing = new MultipleErrors('heartbeat failed 2 times.', [new NetworkError('refused')]);
  consumers[0].emit('consumer:heartbeat:error', { error: passing });
  assert.equal(consumers.length, 1);
  consumers[0].emit('consumer:heartbeat:error', { error: brokerGone() });
  await turn();
  assert.deepEqual([consumers.length, consumers[1].memberId, consumers[1].joins], [2, 'one', 1]);
});

test('nor while it joins', async (t) => {
  const { consumers, group } = await member(brokerGone());
  t.after(() => group.stop());
  assert.deepEqual([consumers.length, consumers[0].joins, consumers[1].joins], [2, 1, 1]);
});

test('who is given up does not leave the group for the member that goes on, and is closed', async (t) => {
  const { consumers, group } = await member();
  t.after(() => group.stop());
  const [old] = consumers;
  old.isSilent = true;
  old.joined(0);
  old.emit('consumer:heartbeat:stalled', { lastHeartbeat: null, stalledFor: 15_000 });
  await turn();
  assert.equal(consumers[1].memberId, 'member');
  assert.ok(!old.left.includes('member'));
  assert.ok(old.isClosed);
});

test('another client joins though the join of the old one is not answered, or is too late', async (t) => {
  const { consumers, group } = await member();
  t.after(() => group.stop());
  const [old] = consumers;
  const join = Promise.withResolvers<void>();
  old.answer = join.promise;
  old.emit('error', new Error('a rejoin failed'));
  await turn();
  assert.equal(old.joins, 2);
  old.emit('consumer:heartbeat:stalled', { lastHeartbeat: null, stalledFor: 15_000 });
  await turn();
  assert.equal(consumers[1].joins, 1);
  join.resolve();
  await turn();
  consumers[1].emit('error', new Error('a rejoin failed'));
  await turn();
  assert.deepEqual([consumers.length, consumers[1].joins], [2, 2]);
});

test('no client begins any more once it is stopped', async () => {
  const { consumers, group } = await member();
  const join = Promise.withResolvers<void>();
  consumers[0].answer = join.promise;
  consumers[0].failure = brokerGone();
  consumers[0].emit('error', new Error('a rejoin failed'));
  await group.stop();
  join.resolve();
  await turn();
  assert.equal(consumers.length, 1);
});

test('nothing stalls any more once it is stopped', async () => {
  const { consumers, group } = await member();
  await group.stop();
  consumers[0].emit('consumer:heartbeat:stalled', { lastHeartbeat: null, stalledFor: 15_000 });
  assert.equal(consumers.length, 1);
});

test('who the coordinator is the heartbeats find out, nobody else', async (t) => {
  const { consumers, group } = await member();
  t.after(() => group.stop());
  const [consumer] = consumers;
  consumer.joined(0);
  consumer.coordinatorId = null;
  const { signal } = new AbortController();
  await assert.rejects(group.isOurs(0, signal), { code: 'source_unavailable' });
  consumer.coordinatorId = 2;
  await assert.rejects(group.isOurs(0, signal), /it cannot be reached/);
  assert.equal(consumer.asked, 0);
});
