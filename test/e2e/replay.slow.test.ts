/** Generated streams and their truth: disorder within 3 s, duplicates and broken records lose nothing. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { generateCommand } from '../../src/cli/generate.ts';
import { replay } from '../../src/cli/replay.ts';
import { settingsWith } from '../../src/config.ts';
import { silentLog } from '../../src/log.ts';
import type { GeneratorOptions } from '../../src/sources/generate.ts';
import { temporary } from '../support/processes.ts';

const SETTINGS = settingsWith({});

async function counted(
  t: Parameters<typeof temporary>[0],
  events: number,
  generator: Partial<GeneratorOptions>,
  data?: string,
) {
  const directory = temporary(t);
  const out = join(directory, 'events.ndjson.gz');
  const truth = generateCommand({ events, out, startMs: 1_600_000_000_000, generator });
  const results = join(directory, 'results.ndjson');
  const status = await replay({
    files: [out],
    sort: false,
    results,
    settings: SETTINGS,
    log: silentLog,
    signal: new AbortController().signal,
    ...(data === undefined ? {} : { data }),
  });
  const windows = readFileSync(results, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .map(({ product_id, window_start, impressions, clicks }) => ({
      product_id,
      window_start,
      impressions,
      clicks,
    }));
  return { truth, windows, ledger: status.ledger };
}

/** By window, then by the bytes of the product: the order of results. */
function inOrder<T extends { window_start: number; product_id: string }>(windows: T[]): T[] {
  return windows.sort(
    (a, b) => a.window_start - b.window_start || (a.product_id < b.product_id ? -1 : 1),
  );
}

test('a million events, disordered by 3 s, repeated and broken, give exactly their truth', async (t) => {
  const generator = {
    products: 300,
    zipf: 1,
    disorderMs: 3_000,
    duplicates: 0.02,
    broken: 0.01,
    rate: 20_000,
    seed: 5,
  };
  const { truth, windows, ledger } = await counted(t, 1_000_000, generator, temporary(t));
  assert.deepEqual(windows, inOrder(truth.windows));
  assert.equal(ledger.verdicts.counted, 1_000_000);
  assert.equal(ledger.verdicts.duplicate, truth.duplicates);
  assert.equal(ledger.verdicts.too_late, 0);
  assert.equal(ledger.received, truth.records);
});

test('late events revise or are too late; none is lost from the ledger', async (t) => {
  const { truth, windows, ledger } = await counted(t, 100_000, { late: 0.05, products: 20 });
  const { counted: good, too_late } = ledger.verdicts;
  assert.ok(too_late > 0 && too_late <= truth.late);
  assert.equal(good + too_late, 100_000);
  const sum = windows.reduce((total, { impressions, clicks }) => total + impressions + clicks, 0);
  assert.equal(sum, good);
});
