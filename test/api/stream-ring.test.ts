/** The ring of recent changes against a list that is cut by the same limits. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Entry, Ring } from '../../src/api/stream/ring.ts';
import { fc } from '../support/fast-check.ts';
import { shareOf } from '../support/random.ts';

const NO_STARTS = new Uint32Array(0);

function entryOf(number: number, length: number | null): Entry {
  const bytes = length === null ? null : Buffer.alloc(length, 'x');
  return { number, rows: ['a'], removed: [], bytes, starts: NO_STARTS };
}

test('the ring is bounded in changes and bytes, and keeps at least the newest', () => {
  const few = new Ring(3, 1e9);
  for (let number = 1; number <= 10; number++) few.push(entryOf(number, 10));
  assert.equal(few.size, 3);
  assert.deepEqual(
    [few.reaches(6), few.reaches(7), few.reaches(10), few.reaches(11)],
    [false, true, true, false],
  );
  const small = new Ring(1_000_000, 10_000);
  for (let number = 1; number <= 5_000; number++) {
    small.push(entryOf(number, 1_000));
    assert.ok(small.bytes <= 10_000, `${small.bytes} bytes`);
  }
  assert.equal(small.size, 8);
  small.push(entryOf(5_001, 50_000));
  assert.equal(small.size, 1);
  assert.equal(small.at(5_001).bytes?.length, 50_000);
});

test('lag, reach and changes equal those of a list', () => {
  const push = fc.option(fc.nat(300), { freq: 8 });
  const property = fc.property(
    fc.array(push, { maxLength: 4_000, minLength: 1 }),
    fc.nat(5_000),
    fc.integer({ min: 1, max: 50 }),
    (lengths, base, limit) => {
      const ring = new Ring(limit, 1e9);
      ring.clear(base);
      const all: Entry[] = [];
      for (const length of lengths) {
        const entry = entryOf(base + all.length + 1, length);
        all.push(entry);
        ring.push(entry);
      }
      const kept = all.slice(-limit);
      assert.equal(ring.size, kept.length);
      for (let back = 0; back <= kept.length; back++) {
        const number = ring.last - back;
        assert.ok(ring.reaches(number));
        const after = kept.filter((entry) => entry.number > number);
        const bytes = after.reduce((sum, entry) => sum + (entry.bytes?.length ?? Infinity), 0);
        assert.equal(ring.lag(number), bytes);
        if (back > 0) assert.equal(ring.at(number + 1).number, number + 1);
      }
      assert.equal(ring.reaches(ring.last - kept.length - 1), false);
    },
  );
  fc.assert(property, { numRuns: shareOf(50) });
});
