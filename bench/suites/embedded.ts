/** The path of an event without any server, beside `JSON.parse` and a Map on the same bytes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchesOf, EVENTS_PER_WINDOW, SHAPES, type Shape, writeEvents } from '../event-files.ts';
import { median } from '../measure.ts';
import { costBehindHalf, decodeAndCount, parseAndMap, replay } from '../path.ts';
import type { Report } from '../report.ts';
import { interleaved } from '../slope.ts';

/** Of the file of 1 000 products more: its cost is a row. */
const SIZES = {
  full: {
    rounds: 5,
    inMemory: 2_000_000,
    fileRounds: 3,
    file: { short: 1_000_000, long: 5_000_000 },
    row: { short: 2_000_000, long: 10_000_000 },
  },
  quick: {
    rounds: 1,
    inMemory: 1_000_000,
    fileRounds: 1,
    file: { short: 500_000, long: 2_000_000 },
    row: { short: 500_000, long: 4_000_000 },
  },
};
const UNIT = 'CPU s/M';

type Sizes = (typeof SIZES)['full'];

export async function embedded(report: Report, isQuick: boolean): Promise<void> {
  const sizes = isQuick ? SIZES.quick : SIZES.full;
  const directory = mkdtempSync(join(tmpdir(), 'clickrate-bench-'));
  try {
    for (const shape of SHAPES) {
      const millions = sizes.inMemory / 1e6;
      report.title(
        `In one process: ${shape.what}; ${millions} M events of some 137 bytes in memory, ` +
          `of which the second half counts, ${EVENTS_PER_WINDOW / 1e6} M a window`,
      );
      const parsed = inMemory(report, shape, sizes, join(directory, 'events'));
      await fromFile(report, shape, sizes, directory, parsed);
    }
    const of = (key: string) => report.figures.find(({ id }) => id === key)?.value ?? Number.NaN;
    const larger = of('embedded/core/1000') / of('embedded/core/100000');
    report.ratio('embedded/products', '1 000 products : 100 000, decode + engine', larger);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Three ways in turn over the same bytes; answers what the plain one costs. */
function inMemory(
  report: Report,
  { key, products, zipf, what }: Shape,
  sizes: Sizes,
  file: string,
) {
  writeEvents(
    file,
    { key, what, products, ...(zipf === undefined ? {} : { zipf }) },
    sizes.inMemory,
  );
  const batches = batchesOf(file);
  const capacity = Math.max(...batches.map(({ count }) => count));
  const ways = [
    { way: 'nested', name: 'JSON.parse + Map of Maps', make: parseAndMap },
    { way: 'core', name: 'decode + engine', make: () => decodeAndCount(capacity) },
    { way: 'scan', name: 'tolerant scan + engine', make: () => decodeAndCount(capacity, false) },
  ].map((way) => ({ ...way, samples: [] as number[] }));
  // One round more, in which code is compiled.
  for (let round = 0; round <= sizes.rounds; round++)
    for (const { make, samples } of ways) {
      const cost = costBehindHalf(make(), batches);
      if (round > 0) samples.push(cost);
    }
  for (const { way, name, samples } of ways)
    report.figure({
      id: `embedded/${way}/${key}`,
      what: `${name}, ${key}`,
      value: median(samples),
      unit: UNIT,
      samples,
    });
  const [parsed, core, scan] = ways.map(({ samples }) => median(samples));
  report.ratio(`embedded/core-${key}`, 'the Map : decode + engine', parsed / core);
  report.ratio(`embedded/scan-${key}`, 'the Map : tolerant scan + engine', parsed / scan);
  return parsed;
}

async function fromFile(
  report: Report,
  shape: Shape,
  sizes: Sizes,
  directory: string,
  parsed: number,
): Promise<void> {
  const { key } = shape;
  const [events, rounds] =
    key === '1000' ? [sizes.row, sizes.rounds] : [sizes.file, sizes.fileRounds];
  const files = { short: join(directory, 'short'), long: join(directory, 'long') };
  for (const length of ['short', 'long'] as const)
    writeEvents(files[length], shape, events[length]);
  const what = `clickrate replay → SQLite, everything on, ${key}`;
  const costs = await interleaved(
    [{ key: 'file', what, run: (length) => replay(files[length], events[length]) }],
    rounds,
  );
  const cost = costs.get('file');
  if (cost === undefined) throw new Error('nothing was measured');
  report.cost(`embedded/file/${key}`, what, cost);
  report.ratio(
    `embedded/file-${key}`,
    'the Map in memory : from the file',
    parsed / cost.perMillion,
  );
  if (key !== '1000') return;
  const load =
    `${events.short / 1e6} and ${events.long / 1e6} M events of 137 bytes, 1 000 products, ` +
    `${EVENTS_PER_WINDOW / 1e6} M a window; the difference between both`;
  report.row({
    id: 'embedded/file',
    load,
    bound: { least: 8 },
    against: 'the whole embedded path, file → SQLite, for each CPU second',
    value: 1 / cost.perMillion,
    unit: 'M events',
    rounds: cost.rounds.map((c) => 1 / c),
  });
}
