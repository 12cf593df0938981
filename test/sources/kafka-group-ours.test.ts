/** What a member asks and tells the group's coordinator: whether a task is ours, and positions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { member, turn } from './group-member.ts';

const UNKNOWN_MEMBER_ID = 25;
const REBALANCE_IN_PROGRESS = 27;
const FENCED_INSTANCE_ID = 82;
const { signal } = new AbortController();

/** A member with the partitions 0 and 1, whose coordinator can be asked. */
async function joined(groupInstance = '') {
  const world = await member(null, groupInstance);
  const [consumer] = world.consumers;
  consumer.isReached = true;
  consumer.joined(1, 0);
  return { ...world, consumer };
}

test('ours is what the group gave us, if the coordinator knows us still', async (t) => {
  const { consumer, group } = await joined();
  t.after(() => group.stop());
  assert.deepEqual(group.assigned, [0, 1]);
  assert.deepEqual([await group.isOurs(0, signal), await group.isOurs(2, signal)], [true, false]);
  consumer.reply = async () => UNKNOWN_MEMBER_ID;
  assert.equal(await group.isOurs(0, signal), false);
  assert.deepEqual(group.assigned, []);
  assert.match(group.trouble ?? '', /out of the consumer group/);
  // Heartbeats that still go through are of the member that it was.
  consumer.emit('consumer:heartbeat:end', {});
  assert.match(group.trouble ?? '', /out of the consumer group/);
  consumer.reply = () => assert.fail('who is no member need not ask');
  assert.equal(await group.isOurs(0, signal), false);
});

test('an answer about the member that we were is none: what was shared out anew counts', async (t) => {
  const { consumer, group } = await joined();
  t.after(() => group.stop());
  consumer.reply = async () => {
    consumer.joined(0);
    return UNKNOWN_MEMBER_ID;
  };
  assert.equal(await group.isOurs(0, signal), true);
  consumer.reply = async () => {
    consumer.joined(1);
    return UNKNOWN_MEMBER_ID;
  };
  assert.equal(await group.isOurs(0, signal), false);
  assert.deepEqual(group.assigned, [1]);
});

test('a second process of the same name is told of, once until the name is ours again', async (t) => {
  const { consumer, group, warnings } = await joined('one');
  t.after(() => group.stop());
  consumer.reply = async () => FENCED_INSTANCE_ID;
  // Two tasks that were fenced ask at once; the library joins again under the name meanwhile.
  const answers = [group.isOurs(0, signal), group.isOurs(1, signal)];
  assert.deepEqual(await Promise.all(answers), [false, false]);
  const told = /another process is in the consumer group as one, too: .*--group-instance/;
  assert.match(group.trouble ?? '', told);
  assert.deepEqual(warnings.length, 1);
  assert.match(warnings[0], told);
  consumer.joined(0, 1);
  assert.equal(group.trouble, null);
  // The name may be taken again before anybody is fenced: then positions are refused.
  group.acknowledge('impressions', 0, 5);
  await group.stop();
  assert.equal(warnings.length, 2);
});

test('while partitions are shared out the new ones are waited for, but not by who stops', async (t) => {
  const { consumer, group } = await joined();
  t.after(() => group.stop());
  consumer.reply = async () => REBALANCE_IN_PROGRESS;
  const stopping = new AbortController();
  const answers: boolean[] = [];
  const ask = async () => answers.push(await group.isOurs(0, stopping.signal));
  const asked = ask();
  await turn();
  assert.deepEqual(answers, []);
  consumer.joined(1);
  await asked;
  assert.deepEqual(answers, [false]);
  const askedAgain = ask();
  await turn();
  assert.deepEqual(answers, [false]);
  stopping.abort();
  await askedAgain;
});

test('heartbeats that go through again end the trouble', async (t) => {
  const { consumer, group } = await joined();
  t.after(() => group.stop());
  consumer.emit('consumer:heartbeat:error', { error: new Error('timeout') });
  assert.match(group.trouble ?? '', /heartbeats fail: timeout/);
  consumer.emit('consumer:heartbeat:end', {});
  assert.equal(group.trouble, null);
});

test('the last positions are told before a stop is done, once', async () => {
  const { consumer, group } = await joined();
  const answered = Promise.withResolvers<number>();
  consumer.reply = () => answered.promise;
  for (const offset of [5, 7]) group.acknowledge('impressions', 0, offset);
  let isStopped = false;
  const stopped = group.stop().then(() => {
    isStopped = true;
  });
  await turn();
  assert.deepEqual(consumer.told, [{ 0: 7 }]);
  assert.equal(isStopped, false);
  answered.resolve(0);
  await stopped;
  assert.equal(consumer.told.length, 1);
});

test('who is not in the group tells it no positions', async () => {
  const { consumer, group } = await joined();
  consumer.emit('error', new Error('a rejoin failed'));
  group.acknowledge('impressions', 0, 7);
  await group.stop();
  assert.deepEqual(consumer.told, []);
});
