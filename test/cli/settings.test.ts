/** Settings that would break what is built on them are refused by name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settingsWith } from '../../src/config.ts';
import { RowBytes, rowArguments } from '../../src/stores/redis/rows.ts';

test('a product id may be as long as rows and parts of a checkpoint can hold, no longer', () => {
  assert.equal(settingsWith({ maxProductIdBytes: 8_192 }).maxProductIdBytes, 8_192);
  for (const maxProductIdBytes of [8_193, 65_536, 1_000_000])
    assert.throws(() => settingsWith({ maxProductIdBytes }), {
      code: 'config_invalid',
      message: 'maxProductIdBytes must be at most 8 192: rows of a store hold no longer ids',
    });
});

test('the longest of them fits a row of Redis, also where JSON takes most for it', () => {
  const product = '\u0001'.repeat(8_192);
  const latest = { start: -(2 ** 53) + 1, impressions: 1, clicks: 2 ** 32 - 1 };
  const results = [{ product, latest, previous: null, cells: [] }];
  const row = rowArguments(results, 3_600_000, new RowBytes()).latest;
  // A list of two strings whose lengths have 16 bits.
  assert.deepEqual([row[0], row.readUInt32BE(1), row[5]], [0xdd, 2, 0xda]);
  const value = 5 + 3 + row.readUInt16BE(6);
  assert.equal(row[value], 0xda);
  assert.equal(row.length, value + 3 + row.readUInt16BE(value + 1));
  assert.equal(JSON.parse(row.toString('utf8', value + 3)).product_id, product);
});

test('ids are remembered of so many windows at most, as each has memory of its own', () => {
  const expiryMs = 1e9;
  const most = { windowMs: 1_000, idMemoryMs: 10_000_000, expiryMs };
  assert.equal(settingsWith(most).idMemoryMs, 10_000_000);
  assert.throws(() => settingsWith({ ...most, idMemoryMs: 10_000_001 }), {
    code: 'config_invalid',
    message: 'idMemoryMs must be at most 10 000 windows',
  });
});
