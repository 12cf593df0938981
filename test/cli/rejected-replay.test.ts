/** What of the topic of rejected events is sent again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sendAgain } from '../../src/cli/rejected.ts';
import type { ReadRecord } from '../../src/sources/kafka/reader.ts';
import type { ReplayPosition } from '../../src/sources/kafka/replay-position.ts';
import type { Outgoing, Sender } from '../../src/sources/kafka/sender.ts';

test('a record of somebody else holds up none of the others', async () => {
  const headers = { reason: 'not_json', topic: 'clicks', partition: '0', offset: '7' };
  const record = { partition: 0, timeMs: 0, key: null, value: Buffer.from('x') };
  async function* records(): AsyncGenerator<ReadRecord> {
    yield { ...record, offset: 0, headers: {} };
    yield { ...record, offset: 1, headers };
  }
  const sent: Outgoing[] = [];
  const passed: number[] = [];
  const sender = { send: async (some: Outgoing[]) => void sent.push(...some) };
  const position = {
    isDone: () => false,
    pass: (_: number, offset: number) => void passed.push(offset),
    remember: async () => {},
  };
  const counts = await sendAgain(records(), {
    reason: null,
    position: position as unknown as ReplayPosition,
    sender: sender as unknown as Sender,
  });
  assert.deepEqual(
    sent.map(({ topic }) => topic),
    ['clicks'],
  );
  assert.deepEqual(counts, { sent: 1, passed: 1, cut: 0 });
  assert.deepEqual(passed, [1, 2]);
});
