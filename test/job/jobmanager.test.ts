/** What the JobManager tells: events that the window operator dropped, a stop that failed. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { slotsLacking } from '../../src/flink/deploy.ts';
import type { Job } from '../../src/flink/job.ts';
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
  return managerThat(t, answerTo);
}

async function managerThat(t: TestContext, answerTo: (url?: string) => unknown) {
  const server = createServer(({ url }, response) => {
    response.end(JSON.stringify(answerTo(url)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return new JobManager(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

function laterEachLook(t: TestContext): void {
  let nowMs = Date.now();
  t.mock.method(Date, 'now', () => {
    nowMs += 100_000;
    return nowMs;
  });
}

test('events dropped by the window operator are summed, once the metric is known', async (t) => {
  assert.equal(await (await managerOf(t, 1)).lateDropped('j', 0), 3);
  assert.equal(await (await managerOf(t, 3)).lateDropped('j', 5_000), 3);
});

test('a metric that does not come is not known, not 0', async (t) => {
  assert.equal(await (await managerOf(t, Infinity)).lateDropped('j', 0), null);
});

test('a stop that failed says why, and how to go on', async (t) => {
  const trace =
    'java.lang.RuntimeException: x\nCaused by: org.apache.flink.CheckpointException: it restarts\n';
  const failed = { 'failure-cause': { 'stack-trace': trace } };
  const manager = await managerThat(t, (url) =>
    url === '/jobs/j/stop'
      ? { 'request-id': 'r' }
      : { status: { id: 'COMPLETED' }, operation: failed },
  );
  const message =
    'no savepoint was taken: it restarts; deploy goes on from the newest checkpoint of a job that ' +
    'was cancelled';
  await assert.rejects(manager.stop('j'), { code: 'flink_failed', message });
});

test('a stop whose savepoint was taken, but the job did not end, names the savepoint', async (t) => {
  const path = 'file:/savepoints/savepoint-1';
  const way = `once the job has ended, deploy --from ${path} goes on from its savepoint`;
  const stopThat = async (operation: unknown, job: unknown) => {
    const manager = await managerThat(t, (url) => {
      if (url === '/jobs/j/stop') return { 'request-id': 'r' };
      return url === '/jobs/j' ? job : { status: { id: 'COMPLETED' }, operation };
    });
    return manager.stop('j');
  };
  // As Flink 2.2.1 says it.
  const said =
    `A savepoint has been created at: ${path}, but the corresponding job j failed during ` +
    'stopping. The savepoint is consistent, but might have uncommitted transactions.';
  const name =
    'org.apache.flink.runtime.scheduler.stopwithsavepoint.StopWithSavepointStoppingException';
  const trace = `java.util.concurrent.CompletionException: ${name}: ${said}\nCaused by: ${name}: ${said}\n`;
  const failed = { 'failure-cause': { 'stack-trace': trace } };
  await assert.rejects(stopThat(failed, null), {
    code: 'flink_failed',
    message: `job j failed as it stopped; ${way}`,
  });
  laterEachLook(t);
  await assert.rejects(stopThat({ location: path }, { state: 'FAILING', vertices: [] }), {
    code: 'flink_failed',
    message: `job j has not ended within 300 s: it is FAILING; ${way}`,
  });
});

test('a job that does not end is not waited for without an end', { timeout: 10_000 }, async (t) => {
  const manager = await managerThat(t, () => ({ state: 'CANCELLING', vertices: [] }));
  laterEachLook(t);
  const message = 'job j has not ended within 300 s: it is CANCELLING';
  await assert.rejects(manager.cancel('j'), { code: 'flink_failed', message });
});

test('one that does not answer is said to be silent, for how long', async (t) => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => silent.closeAllConnections());
  t.after(() => silent.close());
  const after = AbortSignal.timeout;
  t.mock.method(AbortSignal, 'timeout', () => after(50));
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const message = `the JobManager at ${url}: no answer within 30 s`;
  await assert.rejects(new JobManager(url).jobs(), { code: 'flink_unavailable', message });
});

test('slots of the job that is replaced are free for the new one', async (t) => {
  const cluster = (total: number, available: number) =>
    managerThat(t, (url) =>
      url === '/overview'
        ? { 'slots-total': total, 'slots-available': available }
        : { vertices: [{ parallelism: 1 }, { parallelism: 2 }] },
    );
  const needing = (parallelism: number) => ({ parallelism }) as Job;
  const replaced = { id: 'j', name: 'clickrate', state: 'RUNNING', startedMs: 0 };
  const manager = await cluster(4, 1);
  assert.equal(await slotsLacking(manager, needing(1), null), null);
  assert.equal(
    await slotsLacking(manager, needing(2), null),
    'too few task slots: the job needs 2, there are 1',
  );
  assert.equal(await slotsLacking(manager, needing(3), replaced), null);
  const lacking = await slotsLacking(manager, needing(4), replaced);
  assert.equal(lacking, 'too few task slots: the job needs 4, there are 3');
  // It restarts, and holds none of the two that there are.
  assert.match((await slotsLacking(await cluster(2, 2), needing(3), replaced)) ?? '', /are 2$/);
});
