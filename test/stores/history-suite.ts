/** How history grows old, the same in every store. */
import assert from 'node:assert/strict';
import { LIMITS } from '../../src/config.ts';
import type { Counts } from '../../src/result.ts';
import { countsOf, resultIn, START, windowsOf } from './commits.ts';
import type { Harness } from './harness.ts';
import { type Example, owner } from './owner.ts';
import { LEVELS, ZONE } from './zone.ts';

const KEEP = { windowsMs: 30_000, minutesMs: 600_000, quartersMs: 3_600_000 };
const SPAN = { fromMs: -Infinity, toMs: Infinity };
const MINUTE_MS = 60_000;
/** Windows of a minute begin with this one: `START` lies within a minute. */
const FIRST = (MINUTE_MS - (START % MINUTE_MS)) / 10_000;

export async function allLevels({ store }: Harness, products: string[] | null = ['x']) {
  return await store.history({ levels: LEVELS, products, ...SPAN });
}

export function total(levels: readonly (readonly Counts[])[]) {
  const counts = levels.flat();
  const sum = (key: 'impressions' | 'clicks') => counts.reduce((all, one) => all + one[key], 0);
  return { impressions: sum('impressions'), clicks: sum('clicks') };
}

export function historyExamples(example: Example): void {
  example(
    'old windows are folded into minutes, whole, and the sum stays',
    async (harness) => {
      const a = await owner(harness);
      await a.send({ claims: ['x', 'y'] });
      const seen = [];
      for (let n = FIRST; n < FIRST + 12; n++) {
        const results = [resultIn('x', n, n), resultIn('y', n, 100)];
        await a.send({ results });
        await harness.folded();
        seen.push(total(await allLevels(harness)).impressions);
      }
      const first = Array.from({ length: 12 }, (_, i) => FIRST + i);
      assert.deepEqual(
        seen,
        first.map((_, i) => first.slice(0, i + 1).reduce((sum, n) => sum + n, 0)),
      );
      const [windows, minutes] = await allLevels(harness);
      // Of the newest window and 30 s before it.
      assert.deepEqual(
        windows,
        first.slice(-4).map((n) => countsOf(n, n)),
      );
      const sumOf = (some: number[]) => some.reduce((sum, n) => sum + n, 0);
      assert.deepEqual(minutes, [
        { start: START + FIRST * 10_000, impressions: sumOf(first.slice(0, 6)), clicks: 0 },
        { start: START + (FIRST + 6) * 10_000, impressions: sumOf(first.slice(6, 8)), clicks: 0 },
      ]);
      for (const both of [null, ['x', 'y'], ['y', 'x']])
        assert.equal(total(await allLevels(harness, both)).impressions, seen.at(-1)! + 1_200);
      assert.deepEqual(await allLevels(harness, ['x', 'x', 'nobody']), await allLevels(harness));
    },
    { limits: { historyKeep: KEEP } },
  );

  example(
    'a revision changes its window once; one that was folded takes none, and that is counted',
    async (harness) => {
      const a = await owner(harness);
      await a.send({ claims: ['x', 'y'] });
      for (let n = 0; n < 6; n++) {
        await a.send({ results: [resultIn('x', n, 10)] });
        await harness.folded();
      }
      const commit = a.build({ results: [{ ...resultIn('x', 5, 10), cells: [countsOf(4, 13)] }] });
      await harness.store.commit(commit);
      await harness.store.commit(commit);
      await harness.folded();
      assert.equal(total(await allLevels(harness)).impressions, 63);
      // The oldest that was not folded.
      await a.send({ results: [{ ...resultIn('x', 5, 10), cells: [countsOf(2, 12)] }] });
      assert.equal(total(await allLevels(harness)).impressions, 65);
      assert.equal((await harness.store.historyHeld()).skipped, 0);
      const late = [countsOf(0, 11), countsOf(1, 11)];
      const both = ['x', 'y'].map((name) => ({ ...resultIn(name, 5, 10), cells: late }));
      await a.send({ results: both });
      await a.send({ results: both.slice(1) });
      assert.equal(total(await allLevels(harness, null)).impressions, 65);
      assert.equal((await harness.store.historyHeld()).skipped, 6);
    },
    { limits: { historyKeep: KEEP } },
  );

  example(
    'windows stay folded when the minutes they are in are folded too',
    async (harness) => {
      const a = await owner(harness);
      await a.send({ claims: ['x'] });
      for (const n of [0, 60, 80]) {
        await a.send({ results: [resultIn('x', FIRST + n, 10)] });
        await harness.folded();
      }
      const [windows, minutes, quarters] = await allLevels(harness);
      assert.deepEqual(
        [windows, minutes, quarters].map((level) => level!.length),
        [1, 1, 1],
      );
      await a.send({
        results: [{ ...resultIn('x', FIRST + 80, 10), cells: [countsOf(FIRST + 60, 12)] }],
      });
      assert.equal(total(await allLevels(harness)).impressions, 30);
      assert.equal((await harness.store.historyHeld()).skipped, 1);
    },
    { limits: { historyKeep: KEEP } },
  );

  example(
    'with too many cells the finest level gives way first, days last',
    async (harness) => {
      const a = await owner(harness);
      await a.send({ claims: ['x'] });
      let sum = 0;
      // Five days, a window an hour.
      for (let n = 0; n < 120; n++) {
        sum += n;
        await a.send({ results: [resultIn('x', n * 360, n)] });
        await harness.folded();
      }
      const { levels } = await harness.store.historyHeld();
      assert.deepEqual(
        levels.map(({ level }) => level),
        LEVELS,
      );
      const cells = levels.reduce((all, held) => all + held.cells, 0);
      assert.ok(cells <= 40 + 2, `${cells} cells`);
      const held = await allLevels(harness);
      assert.equal(total(held).impressions, sum, 'nothing was dropped');
      const days = held.at(-1)!;
      assert.ok(days.length >= 4, `${days.length} days`);
      for (const { start } of days) {
        const local = new Date(start + (5 * 60 + 45) * MINUTE_MS);
        assert.equal(local.toISOString().slice(11), '00:00:00.000Z', `midnight in ${ZONE}`);
      }
      await harness.reopen();
      assert.deepEqual(await allLevels(harness), held);
    },
    {
      limits: {
        historyCells: 40,
        historyKeep: LIMITS.historyKeep,
        historyKeepAtLeast: { windowsMs: 0, minutesMs: 0, quartersMs: 0 },
      },
    },
  );

  example(
    'without room for days the oldest are dropped, whatever their zone, and nothing newer',
    async (harness) => {
      const a = await owner(harness);
      await a.send({ claims: ['x', 'y'] });
      const send = async (n: number) => {
        await a.send({ results: [resultIn('x', n * 8_640, n), resultIn('y', n * 8_640, n)] });
        await harness.folded();
      };
      const days = [...LEVELS.slice(-1), '1d America/New_York'];
      const held = async () => {
        const { levels } = await harness.store.historyHeld();
        return levels.filter(({ cells }) => cells > 0).map(({ level, cells }) => [level, cells]);
      };
      for (let n = 1; n <= 7; n++) await send(n);
      await harness.reopen({ timeZone: 'America/New_York' });
      for (let n = 8; n <= 9; n++) await send(n);
      // Two products each: the newest window, two days of the new zone, and two of the former.
      assert.deepEqual(await held(), [
        ['window', 2],
        [days[1], 4],
        [days[0], 4],
      ]);
      const kept = await harness.store.history({ levels: days, products: ['x'], ...SPAN });
      assert.deepEqual(
        kept.map((level) => level.map(({ impressions }) => impressions)),
        [
          [5, 6],
          [7, 8],
        ],
      );
      for (let n = 10; n <= 14; n++) await send(n);
      assert.deepEqual(await held(), [
        ['window', 2],
        [days[1], 8],
      ]);
      await harness.reopen({ timeZone: ZONE });
    },
    {
      limits: {
        historyCells: 10,
        historyKeep: LIMITS.historyKeep,
        historyKeepAtLeast: { windowsMs: 0, minutesMs: 0, quartersMs: 0 },
      },
    },
  );

  example(
    'with another time zone the days so far stay what they are, and are told apart',
    async (harness) => {
      const a = await owner(harness);
      await a.send({ claims: ['x'] });
      for (let n = 0; n < 12; n++) {
        await a.send({ results: [resultIn('x', n * 1_080, 1)] });
        await harness.folded();
      }
      await harness.reopen({ timeZone: 'America/New_York' });
      for (let n = 12; n < 24; n++) {
        await a.send({ results: [resultIn('x', n * 1_080, 1)] });
        await harness.folded();
      }
      const levels = [...LEVELS, '1d America/New_York'];
      const found = await harness.store.history({ levels, products: ['x'], ...SPAN });
      assert.equal(total(found).impressions, 24);
      assert.ok(found.at(-1)!.length > 0 && found.at(-2)!.length > 0);
      const held = (await harness.store.historyHeld()).levels.map(({ level }) => level);
      assert.deepEqual(held, [...LEVELS.slice(0, 3), '1d America/New_York', `1d ${ZONE}`]);
      await harness.reopen({ timeZone: ZONE });
    },
    { limits: { historyKeep: KEEP } },
  );

  example(
    'a large period is folded over several commits, and is never there twice',
    async (h) => {
      const a = await owner(h);
      const names = Array.from({ length: 2_400 }, (_, i) => `product-${i}`);
      const { resultsPerCommit } = h.store;
      for (let from = 0; from < names.length; from += resultsPerCommit)
        await a.send({ claims: names.slice(from, from + resultsPerCommit) });
      let sum = 0;
      for (let n = 0; n < 6; n++)
        for (let from = 0; from < names.length; from += 800) {
          const some = names.slice(from, from + 800);
          await a.send({ results: some.map((name) => resultIn(name, n, 1)) });
          sum += some.length;
          assert.equal(total(await allLevels(h, null)).impressions, sum);
        }
      await h.folded();
      assert.equal(total(await allLevels(h, null)).impressions, sum);
      assert.equal((await windowsOf(h.store, 'product-2399')).length, 4);
      // The second is in another bucket, and has the older of these two windows.
      for (const [name, n] of [
        ['product-2399', 6],
        ['product-0', 7],
      ] as const)
        await a.send({ results: [resultIn(name, n, n)] });
      const both = { products: ['product-0', 'product-2399'], levels: ['window'] };
      const from = { fromMs: countsOf(6, 0).start, toMs: Infinity };
      assert.deepEqual(await h.store.history({ ...both, ...from }), [
        [countsOf(6, 6), countsOf(7, 7)],
      ]);
    },
    { limits: { historyKeep: KEEP, historyFolds: 1 } },
  );

  example(
    'a commit of many windows far apart is folded at once',
    async (harness) => {
      const a = await owner(harness);
      await a.send({ claims: ['x'] });
      // Half an hour apart.
      const cells = Array.from({ length: 120 }, (_, n) => countsOf(n * 180, 1));
      const latest = cells.at(-1)!;
      await a.send({ results: [{ product: 'x', latest, previous: cells.at(-2)!, cells }] });
      await harness.folded();
      const found = await allLevels(harness);
      assert.deepEqual(
        found.slice(0, 3).map(({ length }) => length),
        [1, 0, 1],
      );
      assert.equal(total(found).impressions, cells.length);
    },
    { limits: { historyKeep: KEEP } },
  );

  example(
    'what a forgotten product counted stays in the sum of all, and is not its own again',
    async (harness) => {
      const a = await owner(harness);
      await a.send({ claims: ['x', 'y'] });
      await a.send({ results: [resultIn('x', FIRST, 3), resultIn('y', FIRST, 100)] });
      await a.send({ removals: ['x'] });
      assert.equal(total(await allLevels(harness, null)).impressions, 103);
      assert.equal(total(await allLevels(harness)).impressions, 0);
      await a.send({ claims: ['x'] });
      await a.send({ results: [resultIn('x', FIRST, 5)] });
      await a.send({ removals: ['x', 'y'] });
      assert.equal(total(await allLevels(harness, null)).impressions, 108);
      const { levels } = await harness.store.historyHeld();
      assert.equal(levels.find(({ level }) => level === 'window')?.cells, 3);
      // Folded too.
      await a.send({ claims: ['z'] });
      await a.send({ results: [resultIn('z', FIRST + 12, 1)] });
      await harness.folded();
      assert.equal(total(await allLevels(harness, null)).impressions, 109);
    },
    { limits: { historyKeep: KEEP, historyProducts: 0 } },
  );
}
