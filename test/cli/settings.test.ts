/** Settings that would break what is built on them are refused by name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settingsWith } from '../../src/config.ts';

test('a product id may be as long as rows and parts of a checkpoint can hold, no longer', () => {
  assert.equal(settingsWith({ maxProductIdBytes: 8_192 }).maxProductIdBytes, 8_192);
  for (const maxProductIdBytes of [8_193, 65_536, 1_000_000])
    assert.throws(() => settingsWith({ maxProductIdBytes }), {
      code: 'config_invalid',
      message: 'maxProductIdBytes must be at most 8 192: rows of a store hold no longer ids',
    });
});

test('a setting below zero, or with a fraction, is refused by name', () => {
  for (const driftMs of [-1, 0.5, 2 ** 53])
    assert.throws(() => settingsWith({ driftMs }), {
      code: 'config_invalid',
      message: `driftMs must be a whole number of at least 0, not ${driftMs}`,
    });
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
