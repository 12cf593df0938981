/** What `/metrics` says of a running engine is what the ledger says, and what was done. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitsOf } from '../../src/cli/open-store.ts';
import { LIMITS } from '../../src/config.ts';
import { VERDICTS } from '../../src/event.ts';
import { METRIC_PREFIX, SERIES } from '../../src/metrics.ts';
import { eventually, start, temporary } from '../support/processes.ts';
import { embedded, event, feed, LAG, scrape } from './engine.ts';

type Ledger = { total: { received: number; verdicts: Record<string, number> } };

const BASE = Date.UTC(2019, 10, 24);

/** Two windows, a revision of the first, a duplicate, one too late, and three kinds of junk. */
async function knownInput(url: string): Promise<void> {
  const twice = event('a', BASE + 300, { event_id: 'x' });
  await feed(url, [event('a', BASE + 100), twice, twice, event('b', BASE + 1_200)]);
  await eventually(async () => (await fetch(`${url}/ctr/a`)).status === 200, 30_000, 20);
  await feed(url, [event('a', BASE + 700), event('b', BASE + 1_300)]);
  const revised = 'clickrate_revisions_total{task="0"}';
  await eventually(async () => (await scrape(url)).get(revised) === 1, 30_000, 20);
  await feed(url, [event('b', BASE + 20_000)]);
  await feed(url, [
    ...[event('a', BASE + 800), '{"product_id": 1', '[]', '[]'],
    event('a', Date.now() + 60_000),
  ]);
}

test('every column of the ledger, the lag, the commits and revisions are told', async (t) => {
  const engine = await embedded(temporary(t));
  t.after(() => engine.stop());
  const { url } = engine;
  await knownInput(url);
  // It is of the last commit, the metrics are of the present.
  const ledger = await eventually(async () => {
    const found = (await (await fetch(`${url}/v1/ledger`)).json()) as Ledger;
    return found.total.received === 12 && found;
  });
  const series = await scrape(url);
  const task = 'task="0"';
  const value = (name: string, labels = '') => series.get(`clickrate_${name}${labels}`);

  let sum = 0;
  for (const verdict of VERDICTS) {
    const counted = value('events_total', `{${task},verdict="${verdict}"}`);
    assert.equal(counted, ledger.total.verdicts[verdict], verdict);
    sum += counted ?? Number.NaN;
  }
  assert.equal(sum, 12);
  const { verdicts } = ledger.total;
  const { counted, duplicate, too_late, not_json, not_object, future_timestamp } = verdicts;
  assert.deepEqual(
    { counted, duplicate, too_late, not_json, not_object, future_timestamp },
    { counted: 6, duplicate: 1, too_late: 1, not_json: 1, not_object: 2, future_timestamp: 1 },
  );

  assert.equal(series.get(LAG), 0);
  assert.equal(value('position', `{${task},partition="journal-0"}`), 12);
  assert.equal(value('revisions_total', `{${task}}`), 1);
  assert.equal(value('ready'), 1);
  assert.equal(value('task_ready', `{${task}}`), 1);
  assert.equal(value('fenced_total', `{${task}}`), 0);
  assert.equal(value('held_elsewhere_products', `{${task}}`), 0);
  assert.equal(value('kept_limit_bytes'), LIMITS.keptTotalBytes);
  assert.equal(limitsOf({ store: 'redis' }, LIMITS).keptTotalBytes, LIMITS.keptRedisBytes);
  const commits = value('commits_total', `{${task}}`) ?? 0;
  assert.ok(commits >= 2);
  assert.equal(value('commit_duration_seconds_count', `{${task}}`), commits);
  assert.equal(value('commit_duration_seconds_bucket', `{${task},le="+Inf"}`), commits);
  assert.ok((value('commit_duration_seconds_sum', `{${task}}`) ?? 0) > 0);
  assert.ok((value('commit_age_seconds', `{${task}}`) ?? 99) < 10);
  const lagSeconds = value('watermark_lag_seconds', `{${task}}`) ?? 0;
  const watermark = value('watermark_seconds', `{${task}}`) ?? 0;
  assert.ok(Math.abs(lagSeconds + watermark - Date.now() / 1_000) < 5);
  assert.ok((value('process_open_fds') ?? -1) >= (process.platform === 'linux' ? 3 : 0));
  assert.ok(value('process_max_fds')! > value('process_open_fds')!);
  assert.equal(value('http_requests_total', '{route="/v1/events",status="202"}'), 4);
  assert.equal(value('http_request_duration_seconds_count', '{route="/v1/events"}'), 4);
});

test('every series that comes out is listed, with exactly its labels', async (t) => {
  const engine = await embedded(temporary(t));
  t.after(() => engine.stop());
  const { url } = engine;
  await feed(url, [event('a', BASE)]);
  const found = [...(await scrape(url)).keys()];
  assert.ok(found.length > SERIES.size / 2, `${found.length} series`);
  for (const series of found) {
    const [, name, labels = ''] = /^([a-z_]+)(?:\{(.*)\})?$/.exec(series) ?? assert.fail(series);
    assert.ok(name.startsWith(METRIC_PREFIX));
    const names = [...labels.matchAll(/([a-z]+)="/g)].map(([, label]) => label);
    assert.deepEqual(names.sort(), [...(SERIES.get(name) ?? assert.fail(name))].sort(), name);
  }
});

test('readers of the stream and their snapshots are counted', async (t) => {
  const engine = await embedded(temporary(t));
  t.after(() => engine.stop());
  const abort = new AbortController();
  const response = await fetch(`${engine.url}/v1/stream`, { signal: abort.signal });
  await response.body?.getReader().read();
  await eventually(async () => {
    const series = await scrape(engine.url);
    assert.equal(series.get('clickrate_stream_readers'), 1);
    assert.equal(series.get('clickrate_stream_snapshots_total'), 1);
    return true;
  });
  abort.abort();
  const gone = async () => (await scrape(engine.url)).get('clickrate_stream_readers') === 0;
  await eventually(gone);
});

test('with no file left to open as many are told as may be', {
  skip: process.platform !== 'linux' && 'only Linux tells',
}, async () => {
  const script = `
    import { openSync } from 'node:fs';
    import { MOST_FILES, openFiles } from './src/open-files.ts';
    const before = openFiles();
    try {
      for (;;) openSync('/dev/null');
    } catch {
      console.log(MOST_FILES, openFiles(), before > 3 && before < 100);
    }`;
  const command = 'ulimit -n 100; exec "$0" "$@"';
  const words = [process.execPath, '--input-type=module-typescript', '--eval', script];
  const child = start('sh', ['-c', command, ...words]);
  await child.ended;
  assert.equal(child.output(), '100 100 true\n');
});
