/** What history does with windows that are not final, the same in every store. */
import assert from 'node:assert/strict';
import { countsOf, resultIn, statusOf, windowsOf } from './commits.ts';
import { allLevels, total } from './history-suite.ts';
import { type Example, owner } from './owner.ts';

export function finalExamples(example: Example): void {
  example(
    'a window that is not final is not folded, however old: its counts may still come',
    async (harness) => {
      const a = await owner(harness);
      const finalBefore = (n: number) => ({ ...statusOf(n), finalBefore: countsOf(n, 0).start });
      await a.send({ claims: ['x'] });
      for (let n = 0; n < 60; n++)
        await a.send({ results: [resultIn('x', n, 1)], status: finalBefore(Math.min(n, 3)) });
      await harness.folded();
      await a.send({ claims: ['y'], status: finalBefore(3) });
      const late = { ...resultIn('y', 59, 1), cells: [countsOf(3, 100), countsOf(59, 1)] };
      await a.send({ results: [late], status: finalBefore(60) });
      await harness.folded();
      assert.equal(total(await allLevels(harness, null)).impressions, 60 + 101);
      assert.equal((await windowsOf(harness.store, 'x')).length, 4);
      assert.equal((await harness.store.historyHeld()).skipped, 0);
    },
    { limits: { historyKeep: { windowsMs: 30_000, minutesMs: 600_000, quartersMs: 3_600_000 } } },
  );

  example(
    'while nothing is final, nothing is folded',
    async (harness) => {
      const a = await owner(harness);
      const status = { ...statusOf(0), finalBefore: null };
      await a.send({ claims: ['x'] });
      for (let n = 0; n < 12; n++) await a.send({ results: [resultIn('x', n, 1)], status });
      await harness.folded();
      assert.equal((await windowsOf(harness.store, 'x')).length, 12);
    },
    { limits: { historyKeep: { windowsMs: 30_000, minutesMs: 600_000, quartersMs: 3_600_000 } } },
  );

  for (const historyCells of [64, 8])
    example(
      `what is not final makes no day give way, and goes itself at last: ${historyCells} cells`,
      async (harness) => {
        const a = await owner(harness);
        await a.send({ claims: ['x'] });
        // Ten days, and then windows of one that is not final.
        const status = { ...statusOf(0), finalBefore: countsOf(10 * 8_640, 0).start };
        for (let n = 0; n < 10; n++) await a.send({ results: [resultIn('x', n * 8_640, 1)] });
        await harness.folded();
        for (let n = 0; n < 60; n++)
          await a.send({ results: [resultIn('x', 10 * 8_640 + n, 1)], status });
        await harness.folded();
        const found = await allLevels(harness);
        const windows = found[0]!.length;
        if (historyCells === 64) assert.deepEqual([windows, total(found).impressions], [60, 70]);
        else assert.ok(windows <= 10, `${windows} windows`);
      },
      {
        limits: {
          historyCells,
          historyKeep: { windowsMs: 30_000, minutesMs: 60_000, quartersMs: 900_000 },
          historyKeepAtLeast: { windowsMs: 0, minutesMs: 0, quartersMs: 0 },
        },
      },
    );

  example(
    'while windows wait to be final, coarser levels give way by their age alone',
    async (harness) => {
      const a = await owner(harness);
      const status = { ...statusOf(0), finalBefore: null };
      await a.send({ claims: ['x'] });
      // More than an hour.
      for (let n = 0; n < 400; n++) await a.send({ results: [resultIn('x', n, 1)], status });
      await harness.folded();
      const found = await allLevels(harness);
      assert.equal(total(found).impressions, 400);
      const [windows, minutes, quarters] = found.map(({ length }) => length);
      assert.ok(windows! <= 50, `${windows} windows`);
      assert.ok(minutes! >= 3 && quarters! >= 3, `${minutes} minutes, ${quarters} quarters`);
    },
    {
      limits: {
        historyCells: 40,
        historyKeep: { windowsMs: 60_000, minutesMs: 600_000, quartersMs: 3_600_000 },
        historyKeepAtLeast: { windowsMs: 30_000, minutesMs: 60_000, quartersMs: 900_000 },
      },
    },
  );
}
