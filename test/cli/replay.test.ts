/** Generated traffic, replayed, gives exactly its truth. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { startDirectoryApi } from '../../src/cli/api-directory.ts';
import { generateCommand } from '../../src/cli/generate.ts';
import { createLogger } from '../../src/cli/logger.ts';
import { replay } from '../../src/cli/replay.ts';
import { LIMITS, OPTIONS, settingsWith } from '../../src/config.ts';
import { silentLog } from '../../src/log.ts';
import { type CsvMapping, parseCsvMapping } from '../../src/sources/csv.ts';
import type { Truth } from '../../src/sources/generate.ts';
import type { TruthRow } from '../../src/sources/truth.ts';
import { embedded, event, feed } from '../operations/engine.ts';
import { eventually, temporary } from '../support/processes.ts';

const lines = (file: string) => readFileSync(file, 'utf8').trimEnd().split('\n');

/** Rows in the order of results: by window, then by the bytes of the product. */
function inOrder(rows: readonly TruthRow[]): TruthRow[] {
  const names = (row: TruthRow) => [row.window_start, row.product_id] as const;
  return [...rows].sort((a, b) => {
    const [[aStart, aName], [bStart, bName]] = [names(a), names(b)];
    return aStart - bStart || (aName < bName ? -1 : 1);
  });
}

function replayed(files: string[], results: string, data?: string, csv?: CsvMapping) {
  return replay({
    files,
    sort: false,
    results,
    settings: settingsWith({}),
    log: silentLog,
    signal: new AbortController().signal,
    ...(data === undefined ? {} : { data }),
    ...(csv === undefined ? {} : { csv }),
  });
}

test('results are the truth about events in time; the ledger has the rest', async (t) => {
  const directory = temporary(t);
  const [out, results, truthFile] = ['events.ndjson.gz', 'results.ndjson', 'truth.json'].map(
    (name) => join(directory, name),
  );
  generateCommand({
    events: 30_000,
    out,
    truth: truthFile,
    startMs: 1_600_000_000_000,
    generator: { products: 20, late: 0.1, disorderMs: 3_000, duplicates: 0.05, broken: 0.01 },
  });
  const truth: Truth = JSON.parse(readFileSync(truthFile, 'utf8'));
  const { ledger } = await replayed([out], results);
  const counted = lines(results).map((line): TruthRow => {
    const { product_id, window_start, impressions, clicks } = JSON.parse(line);
    return { product_id, window_start, impressions, clicks };
  });
  assert.deepEqual(counted, inOrder(truth.windows));
  const { verdicts, received } = ledger;
  assert.equal(verdicts.counted, truth.in_time);
  assert.ok(truth.too_late > 500, `${truth.too_late} are too late`);
  // A copy is too late where its event was, and where it came when its window was gone.
  assert.equal(verdicts.too_late + verdicts.duplicate, truth.too_late + truth.duplicates);
  assert.ok(verdicts.too_late >= truth.too_late);
  assert.equal(received, truth.records);
  assert.equal(truth.events, 30_000);
  const sum = (rows: readonly TruthRow[]) =>
    rows.reduce((total, { impressions, clicks }) => total + impressions + clicks, 0);
  assert.equal(sum(truth.windows), truth.in_time);
  assert.equal(sum(truth.too_late_windows), truth.too_late);
});

test('results are only emptied when new ones will be written', async (t) => {
  const directory = temporary(t);
  const [events, results, data] = ['events', 'results', 'data'].map((n) => join(directory, n));
  writeFileSync(events, '{"product_id":"a","timestamp":5,"event_type":"click"}\n');
  await replayed([events], results, data);
  const first = readFileSync(results, 'utf8');
  assert.match(first, /"product_id":"a"/);
  const again = replayed([events], results, data);
  await assert.rejects(again, { code: 'usage', message: /already holds a replay/ });
  const none = replayed([join(directory, 'nothing')], results);
  await assert.rejects(none, { code: 'file_unreadable', message: /cannot read .*nothing/ });
  assert.equal(readFileSync(results, 'utf8'), first);
});

const FIVE = '{"product_id":"a","timestamp":5,"event_type":"click"}\n';

test('a directory that a server filled takes no replay, and the other way round', async (t) => {
  const directory = temporary(t);
  const [events, served, replayedInto] = ['events', 'served', 'replayed'].map((name) =>
    join(directory, name),
  );
  writeFileSync(events, FIVE);
  const serve = async (data: string) => {
    const engine = await embedded(data);
    try {
      await feed(engine.url, [event('a', 5), event('a', 60_000)]);
      await eventually(async () => (await engine.store.statuses()).has('0'));
    } finally {
      await engine.stop();
    }
  };
  await serve(served);
  const into = replayed([events], join(directory, 'results'), served);
  await assert.rejects(into, { code: 'source_foreign', message: /clickrate run \(task 0\)/ });
  await serve(served);
  await replayed([events], join(directory, 'results'), replayedInto);
  await assert.rejects(embedded(replayedInto), {
    code: 'source_foreign',
    message: /clickrate replay \(task file\)/,
  });
  const db = new DatabaseSync(join(replayedInto, 'clickrate.db'));
  const tasks = db.prepare('SELECT task FROM tasks').all();
  db.close();
  assert.deepEqual(
    tasks.map(({ task }) => task),
    ['file'],
    'nothing was claimed',
  );
});

test('what a replay filled is served as it stands, and not changed', async (t) => {
  const data = temporary(t);
  const serve = (directory: string) =>
    startDirectoryApi({
      options: { ...OPTIONS, port: 0, data: directory },
      settings: settingsWith({}),
      limits: LIMITS,
      log: createLogger({ logLevel: 'silent', logFormat: 'text' }),
    });
  const none = join(data, 'none');
  await assert.rejects(serve(none), { code: 'file_unreadable', message: /is --data right/ });
  assert.ok(!existsSync(none), 'nothing is made');
  const events = 'test/data/open-bandit/bts-men.csv';
  const csv = parseCsvMapping('time=timestamp,product=item_id,clicked=click');
  const results = join(data, 'results.ndjson');
  await replayed([events], results, data, csv);
  const file = join(data, 'clickrate.db');
  const before = readFileSync(file);
  const api = await serve(data);
  try {
    const ask = async (path: string) => await (await fetch(api.url + path)).json();
    const last = new Map(
      lines(results)
        .map((line) => JSON.parse(line))
        .map((result) => [result.product_id, result]),
    );
    const newest = Math.max(...[...last.values()].map(({ window_end }) => window_end));
    for (const [product, { window_end }] of last)
      if (window_end <= newest - settingsWith({}).expiryMs) last.delete(product);
    assert.equal(last.size, 19);
    assert.deepEqual(await ask('/ctr/latest'), Object.fromEntries(last));
    const { total } = (await ask('/v1/ledger')) as { total: Record<string, unknown> };
    assert.equal(total.received, 10_069);
    assert.equal(total.balanced, true);
    const post = await fetch(`${api.url}/v1/events`, { method: 'POST', body: FIVE });
    assert.equal(post.status, 404);
    assert.equal((await fetch(`${api.url}/readyz`)).status, 200);
    const locked = { code: 'directory_locked', message: new RegExp(api.url) };
    await assert.rejects(serve(data), locked);
    await assert.rejects(embedded(data), locked);
  } finally {
    await api.stop();
  }
  assert.ok(readFileSync(file).equals(before));
  await (await serve(data)).stop();
});

test('a directory whose repair was cut off, or that was emptied, takes no replay', async (t) => {
  const directory = temporary(t);
  const events = join(directory, 'events');
  writeFileSync(events, FIVE);
  const fill = (data: string) => replayed([events], join(directory, 'results'), data);
  const [aside, empty] = ['aside', 'empty'].map((name) => join(directory, name));
  for (const data of [aside, empty]) await fill(data);
  mkdirSync(join(aside, 'damaged-1'));
  renameSync(join(aside, 'clickrate.db'), join(aside, 'damaged-1', 'clickrate.db'));
  truncateSync(join(empty, 'clickrate.db'));
  await assert.rejects(fill(aside), { code: 'checkpoint_damaged', message: /a repair left/ });
  await assert.rejects(fill(empty), { code: 'checkpoint_damaged', message: /is empty/ });
});

/** More events than are read in one go. */
function many(file: string): number {
  const events = 20_000;
  const lines = Array.from({ length: events }, (_, n) => event(`p${n % 7}`, n * 20));
  writeFileSync(file, `${lines.join('\n')}\n`);
  return events;
}

test('a replay whose store fails ends when it is told to, and goes on later', async (t) => {
  const directory = temporary(t);
  const [file, data] = [join(directory, 'events'), join(directory, 'data')];
  const events = many(file);
  const abort = new AbortController();
  let other: DatabaseSync | null = null;
  const options = {
    files: [file],
    sort: false,
    data,
    settings: settingsWith({}),
    log: silentLog,
    signal: abort.signal,
  };
  const stopped = replay({
    ...options,
    log: { ...silentLog, warn: () => abort.abort() },
    onKept: () => {
      other ??= new DatabaseSync(join(data, 'clickrate.db'));
      if (!other.isTransaction) other.exec('BEGIN IMMEDIATE');
    },
  });
  await assert.rejects(stopped, {
    code: 'stopping',
    message: 'interrupted; the same command goes on',
  });
  (other as DatabaseSync | null)?.close();
  const { ledger } = await replay({ ...options, signal: new AbortController().signal });
  assert.equal(ledger.verdicts.counted, events);
});

test('interrupted, it says what is whole and how to go on', async (t) => {
  const directory = temporary(t);
  const [file, results] = [join(directory, 'events'), join(directory, 'results')];
  many(file);
  const settings = settingsWith({});
  const common = { files: [file], sort: false, settings, log: silentLog };
  const data = join(directory, 'data');
  for (const [more, message] of [
    [{}, /nothing is kept; with --data/],
    [{ results }, /results is not whole: begin anew$/],
    [{ results, data }, /results is not whole: .* or go on without --results/],
  ] as const) {
    const interrupted = replay({ ...common, ...more, signal: AbortSignal.abort() });
    await assert.rejects(interrupted, { code: 'stopping', message });
  }
});

test('a file that is read is not overwritten, also by another of its names', async (t) => {
  const directory = temporary(t);
  const [events, link] = [join(directory, 'events.ndjson'), join(directory, 'link')];
  writeFileSync(events, '{"product_id":"a","timestamp":1,"event_type":"click"}\n');
  symlinkSync(events, link);
  for (const results of [events, link])
    await assert.rejects(replayed([events], results), { code: 'usage', message: /is read/ });
  assert.equal(lines(events).length, 1);
});

test('results of a window are in the order of their bytes, also beyond the basic plane', async (t) => {
  const directory = temporary(t);
  const [events, results] = [join(directory, 'events.ndjson'), join(directory, 'results.ndjson')];
  // In UTF-16 the surrogates of 😀 come before both U+E000 and ～ (U+FF5E); in UTF-8 behind them.
  const others = ['😀', '～', 'z', '\ue000', 'ab', 'é', 'a', 'B', ''];
  const ids = (window: number) => (window === 0 ? others.slice(2, 3).concat('b', 'é') : others);
  const record = (product_id: string, window: number) =>
    JSON.stringify({ product_id, timestamp: window * 10_000, event_type: 'click' });
  const all = [0, 1].flatMap((window) => ids(window).map((id) => record(id, window)));
  writeFileSync(events, `${all.join('\n')}\n`);
  await replayed([events], results);
  const got = lines(results).map((line) => JSON.parse(line).product_id);
  assert.deepEqual(got, ['b', 'z', 'é', 'B', 'a', 'ab', 'z', 'é', '\ue000', '～', '😀']);
});
