/** The newest rows of the journal in memory: the newest that fit its limit, found by offset. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JournalRow } from '../../src/sources/journal/row.ts';
import { Tail } from '../../src/sources/journal/tail.ts';

/** What a row weighs beside its bytes and ends. */
const ROW_BYTES = 256;

function rowOf(first: number, count: number, bytes: number): JournalRow {
  const ends = new Uint32Array(count);
  return { first, count, arrivalMs: 0, ends, bytes: new Uint8Array(bytes) };
}

test('it holds the newest rows that fit together, to the byte', () => {
  const weighs = 100 + 4 * 2 + ROW_BYTES;
  for (const [limit, held] of [
    [3 * weighs, [1, 2, 3]],
    [3 * weighs - 1, [2, 3]],
    [weighs - 1, []],
  ] as const) {
    const tail = new Tail(limit);
    const rows = [0, 1, 2, 3].map((n) => rowOf(10 + 2 * n, 2, 100));
    for (const row of rows) tail.push(row);
    for (const [n, row] of rows.entries())
      for (const offset of [row.first, row.first + 1])
        assert.equal(tail.rowAt(offset), held.includes(n as never) ? row : null, `${limit} ${n}`);
    for (const offset of [9, 18]) assert.equal(tail.rowAt(offset), null);
  }
});

test('a large row takes the place of several, and gives it to the next ones', () => {
  const tail = new Tail(5_000);
  const small = (first: number) => rowOf(first, 1, 740);
  const large = rowOf(4, 10, 2_704);
  for (const row of [small(0), small(1), small(2), small(3), large]) tail.push(row);
  const held = () => [0, 1, 2, 3, 4, 13, 14, 15, 16, 17].map((at) => tail.rowAt(at)?.first ?? null);
  assert.deepEqual(held(), [null, null, 2, 3, 4, 4, null, null, null, null]);
  for (const first of [14, 15, 16]) tail.push(small(first));
  assert.deepEqual(held(), [null, null, null, null, null, null, 14, 15, 16, null]);
  tail.push(small(17));
  assert.deepEqual(held(), [null, null, null, null, null, null, 14, 15, 16, 17]);
});
