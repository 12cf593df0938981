/** The short way of counting says of each event what the rules say, written down here once more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COUNTED, codeOf, DUPLICATE, TOO_LATE } from '../../src/event.ts';
import { fc } from '../support/fast-check.ts';
import { runsFromEnv } from '../support/random.ts';
import { Bench, type Row } from '../support/rows.ts';

const WINDOW_MS = 10;
const JUNK = codeOf('bad_timestamp');

type Times = { watermarkDelayMs: number; allowedLatenessMs: number };

/** Event by event, with nothing but maps. */
function plainly(batches: readonly Row[][], { watermarkDelayMs, allowedLatenessMs }: Times) {
  let watermark = -Infinity;
  const counts = new Map<string, number>();
  const ids = new Set<string>();
  const verdicts = batches.flat().map(({ ts, product = 0, kind = 0, id, reject }) => {
    if (reject !== undefined) return JUNK;
    const start = Math.floor(ts / WINDOW_MS) * WINDOW_MS;
    if (start + WINDOW_MS - 1 + allowedLatenessMs <= watermark) return TOO_LATE;
    const key = `${id} ${product} ${kind}`;
    const isKnown = id !== undefined && ids.has(key);
    if (id !== undefined) ids.add(key);
    const cell = `${start} p${product} ${kind}`;
    if (!isKnown) counts.set(cell, (counts.get(cell) ?? 0) + 1);
    watermark = Math.max(watermark, ts - watermarkDelayMs);
    return isKnown ? DUPLICATE : COUNTED;
  });
  return { verdicts, counts: Object.fromEntries([...counts].sort()), watermark };
}

/** The same by the engine, settled behind some batches; the last word of each cell counts. */
function byEngine(batches: readonly Row[][], settled: readonly boolean[], times: Times) {
  const bench = new Bench({ windowMs: WINDOW_MS, idMemoryMs: 1e9, ...times });
  const counts = new Map<string, number>();
  const publish = (commits: ReturnType<Bench['settle']>) => {
    for (const { product, cells } of commits.flatMap(({ results }) => results))
      for (const { start, impressions, clicks } of cells)
        for (const [kind, count] of [impressions, clicks].entries())
          if (count > 0) counts.set(`${start} ${product} ${kind}`, count);
  };
  const verdicts = batches.flatMap((rows, n) => {
    const judged = bench.apply(rows);
    if (settled[n % settled.length]) publish(bench.settle());
    return judged;
  });
  publish(bench.settle());
  const { watermark } = bench.task;
  publish(bench.settle({ partitions: [{ idle: true, passed: true }], silenceMs: 1e9 }));
  return { verdicts, counts: Object.fromEntries([...counts].sort()), watermark };
}

/** Times go on by about half a window a batch, so that windows stay open over some. */
const row = fc.record({
  late: fc.nat(2 * WINDOW_MS),
  product: fc.oneof(fc.nat(2), fc.constantFrom(40, 1_023, 1_024)),
  kind: fc.constantFrom(0 as const, 1 as const),
  id: fc.oneof({ arbitrary: fc.constant(null), weight: 6 }, { arbitrary: fc.nat(3), weight: 1 }),
  isBroken: fc.nat(15).map((n) => n === 0),
});
const batches = fc
  .array(fc.array(row, { maxLength: 8 }), { maxLength: 12 })
  .map((all) => all.map((rows, n) => rows.map((one) => rowAt(n, one))));

type Drawn = { late: number; product: number; kind: 0 | 1; id: number | null; isBroken: boolean };

function rowAt(batch: number, { late, product, kind, id, isBroken }: Drawn): Row {
  const ts = (batch * WINDOW_MS) / 2 + 2 * WINDOW_MS - late;
  return {
    ts,
    product,
    kind,
    ...(id === null ? {} : { id }),
    ...(isBroken ? { reject: 'bad_timestamp' as const } : {}),
  };
}

const { seed, runs } = runsFromEnv({ seed: 1, runs: 5_000 });

test('verdicts, counts and watermark are those of judging one event after the other', () => {
  const time = fc.constantFrom(0, 0, 1, 5, 20);
  const settled = fc.array(fc.boolean(), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(batches, settled, time, time, (rows, when, watermarkDelayMs, lateness) => {
      const times = { watermarkDelayMs, allowedLatenessMs: lateness };
      assert.deepEqual(byEngine(rows, when, times), plainly(rows, times));
    }),
    { seed, numRuns: runs },
  );
});
