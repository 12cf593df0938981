/** Events on their way into Kafka: so many bytes at once, and what has arrived makes room. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../src/config.ts';
import { ClickrateError } from '../../src/errors.ts';
import { KafkaIngest } from '../../src/sources/kafka/ingest.ts';
import type { Sender } from '../../src/sources/kafka/sender.ts';
import { recordsOf } from '../support/records.ts';

test('too much under way is refused; what was taken, or was not, makes room', async () => {
  const gates: PromiseWithResolvers<void>[] = [];
  const send = () => {
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    return gate.promise;
  };
  const topics = { impressions: 'i', clicks: 'c' };
  const limits = { ...LIMITS, journalBytes: 10 };
  const ingest = new KafkaIngest({ send } as unknown as Sender, topics, limits);
  const push = (text: string) => ingest.push(recordsOf([text], 0));
  const full = { code: 'journal_full', retry: true };
  // One that is larger than all there is room for passes where nothing else waits.
  const first = push('123456789012');
  await assert.rejects(push('x'), full);
  gates[0]!.reject(new ClickrateError('source_unavailable', 'no broker answers'));
  await assert.rejects(first, { code: 'source_unavailable' });
  assert.equal(ingest.backlogBytes, 0);
  const [second, third] = [push('12345'), push('12345')];
  await assert.rejects(push('x'), full);
  for (const gate of gates) gate.resolve();
  await Promise.all([second, third]);
  assert.equal(ingest.backlogBytes, 0);
});
