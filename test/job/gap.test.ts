/** A job that goes on must find what it has not read; Flink itself says nothing where it does not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLogs, type DataLogs, type GoingOn, logsOf } from '../../src/cli/flink-logs.ts';
import { ClickrateError } from '../../src/errors.ts';

type Log = { first?: number; end?: number; committed?: number | null };

const log = (name: string, { first = 0, end = 100, committed = null }: Log) => ({
  id: `id-${name}`,
  name,
  first,
  end,
  committed,
});
const IDS = { impressions: 'a', clicks: 'b' };
const found = (impressions: Log, clicks: Log, topicIds = IDS): DataLogs => ({
  topicIds,
  logs: [log('impressions-0', impressions), log('clicks-0', clicks)],
});

const AT = {
  group: 'g-flink',
  topicIds: IDS,
  skipped: {},
  isLiving: false,
  onGap: 'stop',
} as const;

/** What is said of what is skipped; throws what is refused. */
function said(logs: DataLogs, more: Partial<GoingOn> = {}): string[] {
  const sentences: string[] = [];
  checkLogs(logs, { ...AT, ...more }, (sentence) => void sentences.push(sentence));
  return sentences;
}

const refuses = (message: RegExp) => ({ code: 'source_gap', message });

test('a job whose unread records are all there goes on', () => {
  assert.deepEqual(said(found({ first: 40, committed: 40 }, { committed: 100 })), []);
  // A partition that never had a record; one that is new.
  assert.deepEqual(said(found({ committed: 7 }, { first: 9, end: 9 })), []);
  assert.deepEqual(said(found({}, {})), []);
});

test('records that were deleted before they were read are told, and how many', () => {
  const logs = found({ first: 40, committed: 25 }, { committed: 100 });
  const sentence = /impressions-0 to offset 25, but its log begins at 40: 15 records were deleted/;
  assert.throws(() => said(logs), refuses(sentence));
  assert.throws(() => said(logs, { isLiving: true }), refuses(/--on-gap skip/));
  const [skipped, ...more] = said(logs, { onGap: 'skip' });
  assert.match(skipped, sentence);
  assert.match(skipped, /^skipped: /);
  assert.deepEqual(more, []);
});

test('what was skipped is not told again while no record has come since', () => {
  const before = found({ first: 40, committed: 25 }, { committed: 100 });
  const skipped = checkLogs(before, { ...AT, onGap: 'skip' }, () => {});
  assert.deepEqual(said(before, { skipped }), []);
  // It stays known, also where nothing was skipped anew.
  assert.deepEqual(
    checkLogs(before, { ...AT, skipped }, () => {}),
    skipped,
  );
  const more = found({ first: 60, committed: 25 }, { committed: 100 });
  const sentence = /to offset 40, but its log begins at 60: 20 records were deleted/;
  assert.throws(() => said(more, { skipped }), refuses(sentence));
  const remembered = (logs: DataLogs) => checkLogs(logs, { ...AT, skipped }, () => {});
  for (const committed of [40, 41])
    assert.deepEqual(remembered(found({ first: 40, committed }, {})), {});
});

test('a log that ends before what was read is another one, or lost its end', () => {
  const logs = found({ committed: 100 }, { end: 3, committed: 8 });
  assert.throws(() => said(logs), refuses(/clicks-0 to offset 8, but its log ends at 3/));
});

test('a topic that was made anew is told by its id: Kafka forgets its offsets', () => {
  const logs = found({ committed: 100 }, {}, { ...IDS, clicks: 'c' });
  assert.throws(() => said(logs), refuses(/topic clicks was deleted and made anew/));
  assert.match(said(logs, { onGap: 'skip' })[0], /^skipped: topic clicks/);
  // Deployed by a version that remembered no ids.
  assert.deepEqual(said(logs, { topicIds: undefined }), []);
});

test('without committed offsets nobody knows whether records of a cut log were read', () => {
  const logs = found({ first: 40 }, { first: 2 });
  assert.throws(() => said(logs), refuses(/g-flink has no committed offsets.*impressions-0/));
  assert.throws(() => said(found({}, { first: 1 })), refuses(/clicks-0 begins at 1/));
  // Of one that was read the other's offsets are known to be none: nothing of it was skipped.
  const read = found({ first: 40 }, { committed: 100 });
  assert.deepEqual(
    checkLogs(read, AT, () => {}),
    {},
  );
  // It has begun just now.
  assert.deepEqual(said(logs, { isLiving: true }), []);
});

test('a coordinator that is not there yet, as in a new cluster, is asked again', async () => {
  let asked = 0;
  const committed = async () => {
    if (asked++ === 0) throw new ClickrateError('source_unavailable', 'not the coordinator');
    return null;
  };
  const cluster = {
    topic: async () => ({ id: 'a', partitionsCount: 1 }),
    committed,
    bounds: async () => ({ first: 0, end: 0 }),
  } as unknown as Parameters<typeof logsOf>[0];
  assert.equal((await logsOf(cluster, ['one'])).logs[0].committed, null);
  assert.equal(asked, 2);
  const refused = async () => {
    throw new ClickrateError('config_invalid', 'no such login');
  };
  await assert.rejects(logsOf({ ...cluster, committed: refused }, ['one']), /no such login/);
});

test('every partition of the data topics is asked for, each once', async () => {
  const asked: string[] = [];
  const cluster = {
    topic: async (name: string) => ({ id: `id-${name}`, partitionsCount: 2 }),
    bounds: async () => ({ first: 1, end: 5 }),
    committed: async (topic: string, partition: number) => {
      asked.push(`${topic}-${partition}`);
      return partition === 0 ? 3 : null;
    },
  } as unknown as Parameters<typeof logsOf>[0];
  assert.deepEqual(await logsOf(cluster, ['one', 'one']), {
    topicIds: { one: 'id-one' },
    logs: [
      { id: 'id-one 0', name: 'one-0', first: 1, end: 5, committed: 3 },
      { id: 'id-one 1', name: 'one-1', first: 1, end: 5, committed: null },
    ],
  });
  assert.deepEqual(asked, ['one-0', 'one-1']);
});
