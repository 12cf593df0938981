/** What the JobManager's metrics tell of events that the window operator dropped on its own. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { JobManager } from '../../src/flink/jobmanager.ts';

const NAME = 'GlobalWindowAggregate[9].numLateRecordsDropped';
const SUM = `get=${encodeURIComponent(NAME)}&agg=sum`;

/** A JobManager of one job that knows its metrics from the `n`th look on. */
async function managerOf(t: TestContext, n: number): Promise<JobManager> {
  let looks = 0;
  const answerTo = (url = '') => {
    if (url === '/jobs/j') return { vertices: [{ id: 'source' }, { id: 'window' }] };
    const [path, query] = url.split('?');
    if (path !== '/jobs/j/vertices/window/subtasks/metrics') return [];
    if (query !== undefined) return query === SUM ? [{ id: NAME, sum: 3 }] : [];
    return ++looks < n ? [] : [{ id: 'numRecordsIn' }, { id: NAME }];
  };
  const server = createServer(({ url }, response) => {
    response.end(JSON.stringify(answerTo(url)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return new JobManager(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

test('events dropped by the window operator are summed, once the metric is known', async (t) => {
  assert.equal(await (await managerOf(t, 1)).lateDropped('j', 0), 3);
  assert.equal(await (await managerOf(t, 3)).lateDropped('j', 5_000), 3);
});

test('a metric that does not come is not known, not 0', async (t) => {
  assert.equal(await (await managerOf(t, Infinity)).lateDropped('j', 0), null);
});
