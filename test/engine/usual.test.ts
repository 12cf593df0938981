/** The short way of counting says of each event what the rules say, written down here once more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Settings } from '../../src/config.ts';
import { COUNTED, codeOf, DUPLICATE, TOO_LATE } from '../../src/event.ts';
import { fc } from '../support/fast-check.ts';
import { runsFromEnv } from '../support/random.ts';
import { Bench, type Row } from '../support/rows.ts';

const WINDOW_MS = 10;
const JUNK = codeOf('bad_timestamp');

type Times = { watermarkDelayMs: number; allowedLatenessMs: number; idMemoryMs: number };

/** Event by event, with nothing but maps. */
function plainly(
  batches: readonly Row[][],
  { watermarkDelayMs, allowedLatenessMs, idMemoryMs }: Times,
) {
  let watermark = -Infinity;
  const counts = new Map<string, number>();
  /** By id: the watermark at which it is forgotten. */
  const ids = new Map<string, number>();
  const verdicts = batches.flat().map(({ ts, product = 0, kind = 0, id, reject }) => {
    if (reject !== undefined) return JUNK;
    const start = Math.floor(ts / WINDOW_MS) * WINDOW_MS;
    if (start + WINDOW_MS - 1 + allowedLatenessMs <= watermark) return TOO_LATE;
    const key = `${id} ${product} ${kind}`;
    const isKnown = id !== undefined && watermark < (ids.get(key) ?? -Infinity);
    if (id !== undefined && !isKnown) ids.set(key, start + WINDOW_MS + idMemoryMs);
    const cell = `${start} p${product} ${kind}`;
    if (!isKnown) counts.set(cell, (counts.get(cell) ?? 0) + 1);
    watermark = Math.max(watermark, ts - watermarkDelayMs);
    return isKnown ? DUPLICATE : COUNTED;
  });
  const sums = [COUNTED, DUPLICATE].map((code) => verdicts.filter((one) => one === code).length);
  return { verdicts, sums, counts: Object.fromEntries([...counts].sort()), watermark };
}

/** The same by the engine, settled behind some batches; the last word of each cell counts. */
function byEngine(batches: readonly Row[][], settled: readonly boolean[], times: Times) {
  const bench = new Bench({ windowMs: WINDOW_MS, ...times });
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
  const { counted, duplicate } = bench.task.status([0]).ledger.verdicts;
  const sums = [counted, duplicate];
  return { verdicts, sums, counts: Object.fromEntries([...counts].sort()), watermark };
}

/** Times go on by about half a window a batch, so that windows stay open over some. */
const row = fc.record({
  late: fc.oneof(fc.nat(2 * WINDOW_MS), fc.nat(4)),
  product: fc.oneof(fc.constant(0), fc.nat(2), fc.constantFrom(40, 1_023, 1_024)),
  kind: fc.constantFrom(0 as const, 1 as const),
  id: fc.nat(9),
  isBroken: fc.nat(15).map((n) => n === 0),
});
/** Ids below it are none: of some streams most events have an id, of others few. */
const noIds = fc.constantFrom(0, 5, 9);
const batches = fc
  .tuple(fc.array(fc.array(row, { maxLength: 12 }), { maxLength: 12 }), noIds)
  .map(([all, none]) => all.map((rows, n) => rows.map((one) => rowAt(n, one, none))));

type Drawn = { late: number; product: number; kind: 0 | 1; id: number; isBroken: boolean };

function rowAt(batch: number, { late, product, kind, id, isBroken }: Drawn, noIds: number): Row {
  const ts = (batch * WINDOW_MS) / 2 + 2 * WINDOW_MS - late;
  return {
    ts,
    product,
    kind,
    ...(id < noIds ? {} : { id }),
    ...(isBroken ? { reject: 'bad_timestamp' as const } : {}),
  };
}

const { seed, runs } = runsFromEnv({ seed: 1, runs: 5_000 });

const time = fc.constantFrom(0, 0, 1, 5, 20);
const times = fc.tuple(time, time, fc.constantFrom(0, 7, 1e9)).map(([delay, lateness, memory]) => ({
  watermarkDelayMs: delay,
  allowedLatenessMs: lateness,
  idMemoryMs: lateness + memory,
}));

test('verdicts, counts and watermark are those of judging one event after the other', () => {
  const settled = fc.array(fc.boolean(), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(batches, settled, times, (rows, when, how) => {
      assert.deepEqual(byEngine(rows, when, how), plainly(rows, how));
    }),
    { seed, numRuns: runs },
  );
});

test('however events are cut, their verdicts are the same, also where few ids are allowed', () => {
  const verdictsOf = (all: readonly Row[][], how: Partial<Settings>) => {
    const bench = new Bench({ windowMs: WINDOW_MS, ...how });
    return all.flatMap((rows) => bench.apply(rows));
  };
  fc.assert(
    fc.property(batches, times, fc.integer({ min: 1, max: 12 }), (rows, how, maxIds) => {
      const singly = rows.flat().map((row) => [row]);
      const settings = { ...how, maxIds };
      assert.deepEqual(verdictsOf(rows, settings), verdictsOf(singly, settings));
      assert.deepEqual(verdictsOf([rows.flat()], settings), verdictsOf(singly, settings));
    }),
    { seed, numRuns: runs },
  );
});

test('ids are forgotten right behind the event whose time is theirs to go', () => {
  const how = { watermarkDelayMs: 0, allowedLatenessMs: 1, idMemoryMs: 1 };
  const bench = new Bench({ windowMs: WINDOW_MS, ...how });
  bench.apply([{ ts: 5, id: 1 }]);
  bench.apply([{ ts: 10, id: 2 }]);
  const times = [10, 10, 11, 12, 12];
  const judged = bench.apply(times.map((ts, n) => ({ ts, id: [3, 1, 4, 1, 1][n] ?? 0 })));
  assert.deepEqual(judged, [COUNTED, DUPLICATE, COUNTED, COUNTED, DUPLICATE]);
});

test('many new ids and many of before, in long batches, each is counted once', () => {
  const rows = Array.from({ length: 3_000 }, (_, n) => ({ ts: n / 400, id: (n * 7) % 1_900 }));
  const bench = new Bench({ windowMs: WINDOW_MS, idMemoryMs: 1e9 });
  const seen = new Set<number>();
  const expected = rows.map(({ id }) => {
    const isKnown = seen.has(id);
    seen.add(id);
    return isKnown ? DUPLICATE : COUNTED;
  });
  assert.deepEqual(bench.apply(rows), expected);
});
