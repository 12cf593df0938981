/** What is put and flushed, over lanes whose batches a test acknowledges or gives up. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { OPTIONS } from '../../src/config.ts';
import { ClickrateError } from '../../src/errors.ts';
import type { Delivery, ProduceLane } from '../../src/sources/kafka/produce-lane.ts';
import { Sender } from '../../src/sources/kafka/sender.ts';

const BATCH_BYTES = 1_000;

function setUp(t: TestContext) {
  const sender = new Sender(OPTIONS);
  t.after(() => sender.close());
  /** A batch with two records. */
  const put = () => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const delivery = { batch: { size: BATCH_BYTES }, records: 0, done: promise, resolve, reject };
    const lane = { open: () => delivery } as unknown as ProduceLane;
    sender.room(lane, 1);
    sender.room(lane, 1);
    return delivery as unknown as Delivery;
  };
  return { sender, put };
}

test('a flush waits for all, and tells once what was given up', async (t) => {
  const { sender, put } = setUp(t);
  const [first, second, third] = [put(), put(), put()];
  let isFlushed = false;
  const flushed = sender.flush().finally(() => {
    isFlushed = true;
  });
  first.resolve();
  second.reject(new ClickrateError('source_unavailable', 'it is not taken in time'));
  await new Promise(setImmediate);
  assert.equal(isFlushed, false);
  third.resolve();
  await assert.rejects(flushed, { code: 'source_unavailable' });
  assert.deepEqual([sender.sent, sender.lost, sender.waitingBytes], [4, 2, 0]);
  await sender.flush();
});

test('a flush that may leave some waits only until no more are left', async (t) => {
  const { sender, put } = setUp(t);
  const [first, second, third] = [put(), put(), put()];
  const flushed = sender.flush(2 * BATCH_BYTES);
  first.resolve();
  await flushed;
  assert.equal(sender.waitingBytes, 2 * BATCH_BYTES);
  // Given up between two calls: the next one says so, though it need not wait.
  second.reject(new ClickrateError('source_unavailable', 'it is not taken in time'));
  await new Promise(setImmediate);
  await assert.rejects(sender.flush(2 * BATCH_BYTES), { code: 'source_unavailable' });
  third.resolve();
});
