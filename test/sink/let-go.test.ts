/** What letting go of older windows costs while a job catches up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Cell, letGo } from '../../src/sink/let-go.ts';

const options = { windowMs: 10_000, latenessMs: 5_000, keptWindows: 8 };

test('windows that may not go yet are not looked through for each that comes', () => {
  let looks = 0;
  const cellAt = (n: number): Cell => ({
    ...{ start: n * options.windowMs, impressions: 1, clicks: 0, toldS: 1_000 },
    get from() {
      looks++;
      return 0;
    },
  });
  const entry = { cells: [] as Cell[], floors: [] as number[] };
  const windows = 1_000;
  for (let n = 0; n < windows; n++) {
    const cell = cellAt(n);
    entry.cells.push(cell);
    letGo(entry, cell, options, -Infinity);
  }
  assert.equal(entry.cells.length, windows);
  assert.ok(looks < 10 * windows, `${looks} looks at ${windows} windows`);
  // Time goes on, and they may.
  letGo(entry, { ...cellAt(windows), from: 0, toldS: 1_200 }, options, -Infinity);
  assert.equal(entry.cells.length, options.keptWindows);
});
