/** What a sink tells of itself: how far behind it is, and what somebody should look at. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, settingsWith } from '../../src/config.ts';
import { silentLog } from '../../src/log.ts';
import { Sink } from '../../src/sink/sink.ts';
import { MemoryStore } from '../../src/stores/memory.ts';
import { iso } from '../support/fake-job.ts';
import { Random } from '../support/random.ts';
import { SimClock } from '../support/sim-clock.ts';
import { SinkLogs } from '../support/sink-logs.ts';

const T0 = 1_795_472_400_000;

test('it says what it has not read, and what is none of its results, while it is ready', async () => {
  const clock = new SimClock(T0);
  const result = (product: string, windowMs: number) => ({
    value: {
      product_id: product,
      window_start: iso(T0),
      window_end: iso(T0 + windowMs),
      impressions: 1,
      clicks: 0,
    },
  });
  const records = [result('a', 10_000), { value: 'none' }, result('b', 1_000)];
  const source = new SinkLogs(
    [
      { name: 'res-0', kind: 'results', records },
      { name: 'res-1', kind: 'results', records: [] },
      { name: 'pro-0', kind: 'progress', records: [] },
    ],
    clock,
    new Random(1),
  );
  // Of one it is not known how long it is, and one has lost its end.
  Object.assign(source, { ends: [10, null, -1] });
  const store = new MemoryStore({ writer: 'sink' });
  const sink = new Sink({
    task: 'sink',
    store,
    clock,
    source,
    settings: settingsWith({}),
    limits: LIMITS,
    log: silentLog,
    owner: 'me',
    isGone: () => false,
    newToken: () => 'token',
    writeNumber: async () => 0,
  });
  const before = sink.health();
  assert.deepEqual([before.live, before.lagRecords, sink.isOwner], [null, undefined, false]);
  const abort = new AbortController();
  const running = sink.run(abort.signal);
  for (let n = 0; sink.health().live?.partitions[0]?.position !== 3; n++) {
    assert.ok(n < 1_000);
    await new Promise(setImmediate);
  }
  const { ready, reasons, lagRecords, sights, live } = sink.health();
  assert.deepEqual([ready, lagRecords, sink.isOwner], [true, 7, true]);
  assert.deepEqual(reasons, [
    '1 results have windows of another length: see windowMs',
    "1 records are none of the job's",
  ]);
  assert.deepEqual(
    sights?.map(({ end }) => end),
    [10, null, -1],
  );
  assert.deepEqual(
    live!.partitions.map(({ name, topicId }) => [name, topicId]),
    source.partitions.map((name) => [name, 't']),
  );
  abort.abort();
  await running;
  const { state, live: after } = sink.health();
  assert.deepEqual([state, after, sink.isOwner], ['stopped', null, false]);
});
