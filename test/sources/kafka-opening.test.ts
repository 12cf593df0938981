/** Where a task begins to read, and from which window on it may publish. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClickrateError } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import type { KafkaCluster } from '../../src/sources/kafka/cluster.ts';
import { type OpeningParts, openPartition } from '../../src/sources/kafka/opening.ts';
import { SimClock } from '../support/sim-clock.ts';

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;

type Topic = {
  id?: string;
  partitions?: number;
  /** Append times of the records from `first` on. */
  first?: number;
  times?: readonly number[];
  committed?: number | null;
};

function partsOf(topic: Topic, more: Partial<OpeningParts> = {}): OpeningParts {
  const { id = 'id1', partitions = 3, first = 0, times = [], committed = null } = topic;
  const cluster = {
    topic: async () => ({ id, partitionsCount: partitions }),
    bounds: async () => ({ first, end: first + times.length }),
    committed: async () => committed,
    firstSince: async (_topic: string, _partition: number, timeMs: number) => {
      const at = times.findIndex((time) => time >= timeMs);
      return at < 0 ? null : { offset: first + at, timeMs: times[at] };
    },
  } as unknown as KafkaCluster;
  const clock = new SimClock(NOW);
  return {
    cluster,
    clock,
    log: silentLog,
    futureMs: 10_000,
    onGap: 'stop',
    onLostStore: 'hour',
    ...more,
  };
}

const NONE = { offset: null, topicId: null };
const open = (
  topic: Topic,
  at: { offset: number | null; topicId: string | null } = NONE,
  more = {},
) => openPartition(partsOf(topic, more), 'clicks', 1, at);

function refuses(code: string, sentence: RegExp) {
  return (error: ClickrateError) => {
    assert.ok(error instanceof ClickrateError);
    assert.equal(error.code, code);
    assert.match(error.message, sentence);
    return true;
  };
}

test('a new group begins at the log: its true beginning needs no floor', async () => {
  assert.deepEqual(await open({ times: [NOW - 5] }), {
    topicId: 'id1/3',
    offset: 0,
    floorMs: null,
    missed: 0,
  });
});

test('a log whose beginning is gone: the floor is its first record + 10 s', async () => {
  const opened = await open({ first: 40, times: [NOW - 9_000, NOW] });
  assert.deepEqual([opened.offset, opened.floorMs], [40, NOW + 1_000]);
  const empty = await open({ first: 40 });
  assert.deepEqual([empty.offset, empty.floorMs], [40, NOW + 10_000]);
});

test('a checkpoint: its position, whatever the group committed', async () => {
  const topic = { times: [1, 2, 3, 4], committed: 1 };
  for (const offset of [0, 3, 4])
    assert.deepEqual(await open(topic, { offset, topicId: 'id1/3' }), {
      topicId: 'id1/3',
      offset,
      floorMs: null,
      missed: 0,
    });
});

test('a lost store: an hour ago, with a floor; or all there is', async () => {
  const times = [NOW - 3 * HOUR, NOW - HOUR + 7, NOW - 5];
  const hour = await open({ times, committed: 3 });
  assert.deepEqual([hour.offset, hour.floorMs], [1, NOW - HOUR + 7 + 10_000]);
  const all = await open({ times, committed: 3 }, NONE, { onLostStore: 'earliest' });
  assert.deepEqual([all.offset, all.floorMs], [0, null]);
  // Less than an hour in all: that is the beginning.
  const young = await open({ times: [NOW - 9, NOW], committed: 2 });
  assert.deepEqual([young.offset, young.floorMs], [0, null]);
  const silent = await open({ times: [NOW - 2 * HOUR], committed: 1 });
  assert.deepEqual([silent.offset, silent.floorMs], [1, NOW - HOUR + 10_000]);
});

test('a gap stops with a sentence, or is skipped, missed and floored', async () => {
  const topic = { first: 100, times: [NOW - 3_000, NOW] };
  const at = { offset: 60, topicId: 'id1/3' };
  await assert.rejects(
    open(topic, at),
    refuses('source_gap', /offset 60 .* begins at 100: 40 rec/),
  );
  const skipped = await open(topic, at, { onGap: 'skip' });
  assert.deepEqual([skipped.offset, skipped.floorMs, skipped.missed], [100, NOW + 7_000, 40]);
  const beyond = { offset: 500, topicId: 'id1/3' };
  await assert.rejects(open(topic, beyond), refuses('source_gap', /500 .* ends at 102/));
  const ended = await open(topic, beyond, { onGap: 'skip' });
  assert.deepEqual([ended.offset, ended.floorMs, ended.missed], [102, NOW + 10_000, 0]);
});

test('a topic made anew begins anew; one with other partitions is refused', async () => {
  const topic = { id: 'id2', times: [NOW], committed: 70 };
  const opened = await open(topic, { offset: 60, topicId: 'id1/3' });
  assert.deepEqual([opened.topicId, opened.offset, opened.floorMs], ['id2/3', 0, null]);
  for (const id of ['id1', 'id2'])
    await assert.rejects(
      open({ id, partitions: 6 }, { offset: 60, topicId: 'id1/3' }),
      refuses('partitions_changed', /6 partitions, the checkpoint was written with 3/),
    );
});
