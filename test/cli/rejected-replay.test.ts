/** What of the topic of rejected events is listed, and what is sent again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linesOf, sendAgain } from '../../src/cli/rejected.ts';
import type { ReadRecord } from '../../src/sources/kafka/reader.ts';
import type { ReplayPosition } from '../../src/sources/kafka/replay-position.ts';
import type { Outgoing, Sender } from '../../src/sources/kafka/sender.ts';

const RECORD = { partition: 0, timeMs: 0, key: null, value: Buffer.from('x') };

function headersOf(topic: string, partition: number, offset: number): ReadRecord['headers'] {
  return { reason: 'not_json', topic, partition: `${partition}`, offset: `${offset}` };
}

async function* recordsOf(all: ReadRecord['headers'][]): AsyncGenerator<ReadRecord> {
  for (const [offset, headers] of all.entries()) yield { ...RECORD, offset, headers };
}

/** What is sent of records with these headers, and how far it came. */
async function sentOf(all: ReadRecord['headers'][]) {
  const sent: Outgoing[] = [];
  const passed: number[] = [];
  const sender = { send: async (some: Outgoing[]) => void sent.push(...some) };
  const position = {
    isDone: () => false,
    pass: (_: number, offset: number) => void passed.push(offset),
    remember: async () => {},
  };
  const counts = await sendAgain(recordsOf(all), {
    reason: null,
    position: position as unknown as ReplayPosition,
    sender: sender as unknown as Sender,
  });
  return { topics: sent.map(({ topic }) => topic), passed, counts };
}

test('a record of somebody else holds up none of the others', async () => {
  const { topics, passed, counts } = await sentOf([{}, headersOf('clicks', 0, 7)]);
  assert.deepEqual(topics, ['clicks']);
  assert.deepEqual(counts, { sent: 1, passed: 1, cut: 0 });
  assert.deepEqual(passed, [1, 2]);
});

test('an origin that was written twice is sent once, however long ago it was', async () => {
  const many = Array.from({ length: 5_000 }, (_, n) => headersOf('clicks', 0, n * 1e9));
  const others = [headersOf('clicks', 1, 0), headersOf('impressions', 0, 0)];
  const { topics, counts } = await sentOf([...many, ...others, ...many, ...others]);
  assert.deepEqual(counts, { sent: 5_002, passed: 5_002, cut: 0 });
  assert.deepEqual(topics.slice(-2), ['clicks', 'impressions']);
});

test('each record of somebody else is listed, and of ours one for each origin', async () => {
  const ours = headersOf('clicks', 0, 7);
  const foreign = [{}, {}, { topic: 'clicks', partition: '0' }, { topic: 'clicks', offset: 'x' }];
  const all = [...foreign, ours, ours, ...foreign];
  const originsOf = async (reason: string | null) => {
    const origins: unknown[] = [];
    for await (const line of linesOf(recordsOf(all), reason)) origins.push(JSON.parse(line).origin);
    return origins;
  };
  const nobody = foreign.map(() => null);
  assert.deepEqual(await originsOf(null), [...nobody, 'clicks-0', ...nobody]);
  assert.deepEqual(await originsOf('not_json'), ['clicks-0']);
  const { topics, counts } = await sentOf(all);
  assert.deepEqual([topics, counts], [['clicks'], { sent: 1, passed: all.length - 1, cut: 0 }]);
});
