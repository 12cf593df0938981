/** When older windows are let go, and what that costs while a job catches up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Cell, floorOf, letGo } from '../../src/sink/let-go.ts';

const options = { windowMs: 10_000, latenessMs: 5_000, keptWindows: 8 };

test('windows that may not go yet are not looked through for each that comes', () => {
  let looks = 0;
  const cellAt = (n: number): Cell => ({
    start: n * options.windowMs,
    impressions: 1,
    clicks: 0,
    toldS: 1_000,
    get from() {
      looks++;
      return 0;
    },
  });
  const entry = { cells: [] as Cell[], floors: [] as number[], stuck: [] };
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

/** Windows that are left of `count`, the last of them told `laterS` after the others. */
function leftOf(count: number, laterS: number, watermark: number): number {
  const cells = Array.from({ length: count }, (_, n): Cell => {
    const toldS = n === count - 1 ? 1_000 + laterS : 1_000;
    return { start: n * options.windowMs, impressions: 1, clicks: 0, from: 0, toldS };
  });
  const entry = { cells, floors: [] as number[], stuck: [] };
  letGo(entry, cells.at(-1)!, options, watermark);
  const floor = (count - cells.length - 1) * options.windowMs;
  assert.equal(floorOf(entry, 0), floor < 0 ? -Infinity : floor);
  return cells.length;
}

test('a window goes once it is final, or once Kafka has taken all that were told with others', () => {
  const { windowMs, latenessMs, keptWindows } = options;
  assert.equal(leftOf(keptWindows + 2, 119, -Infinity), keptWindows + 2);
  assert.equal(leftOf(keptWindows + 2, 120, -Infinity), keptWindows);
  // The first is final, the second is not.
  const final = windowMs + latenessMs;
  assert.equal(leftOf(keptWindows + 2, 0, final - 1), keptWindows + 2);
  assert.equal(leftOf(keptWindows + 2, 0, final), keptWindows + 1);
  assert.equal(leftOf(keptWindows, 120, Infinity), keptWindows);
});

test('each partition lets go of its own windows, whatever the other holds', () => {
  const cellOf = (from: number, n: number): Cell => {
    const counts = { start: n * options.windowMs, impressions: 1, clicks: 0 };
    return { ...counts, from, toldS: 1_000 };
  };
  const numbers = (count: number, first: number) =>
    Array.from({ length: count }, (_, n) => first + n);
  const one = numbers(9, 1).map((n) => cellOf(1, n));
  const other = numbers(9, 100).map((n) => cellOf(0, n));
  const entry = { cells: [...one, ...other], floors: [] as number[], stuck: [] };
  // Only the oldest window is final.
  const watermark = 2 * options.windowMs + options.latenessMs;
  letGo(entry, other.at(-1)!, options, watermark);
  assert.deepEqual(entry.cells, [...one, ...other]);
  letGo(entry, one.at(-1)!, options, watermark);
  assert.deepEqual(entry.cells, [...one.slice(1), ...other]);
  assert.deepEqual([floorOf(entry, 0), floorOf(entry, 1)], [-Infinity, one[0]!.start]);
});
