/** Our side of the consumer group, with a client that does what a test says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MultipleErrors, NetworkError, ResponseError } from '@platformatic/kafka';
import { LIMITS } from '../../src/config.ts';
import { brokerGone, member, turn } from './group-member.ts';

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

test('what is refused is told with the reason that the broker gives', async (t) => {
  const { consumers, group } = await member();
  t.after(() => group.stop());
  consumers[0].joined(0);
  const notCoordinator = new ResponseError(12, 4, { '/': [16, null] }, {});
  consumers[0].emit('consumer:heartbeat:error', { error: notCoordinator });
  assert.match(group.trouble ?? '', /heartbeats fail: .*Heartbeat.*: .*correct coordinator/);
  const unknownMember = new ResponseError(14, 5, { '/': [25, null] }, {});
  consumers[0].emit('error', new MultipleErrors('the rejoin failed', [unknownMember]));
  assert.match(group.trouble ?? '', /not in the consumer group: .*SyncGroup.*: .*this member/);
});

test('a night without a coordinator is told more and more rarely', async (t) => {
  const limits = { ...LIMITS, retryMaxMs: LIMITS.retryMinMs };
  const { consumers, group, warnings } = await member(null, '', limits);
  t.after(() => group.stop());
  const [consumer] = consumers;
  consumer.failure = new Error('nobody answers');
  consumer.failures = 100;
  consumer.emit('error', new Error('a rejoin failed'));
  await turn();
  const told = warnings.filter((line) => line.endsWith('group fails: nobody answers'));
  assert.equal(told.length, 7, 'of the 1st, 2nd, 4th … 64th');
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
