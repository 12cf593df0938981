/** Newlines are found where they are, with WebAssembly and without. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHUNK_BYTES, findNewlines, findOneByOne, found } from '../../src/sources/newlines.ts';
import { fc } from '../support/fast-check.ts';
import { shareOf } from '../support/random.ts';

const NEWLINE = 0x0a;

function plainly(bytes: Uint8Array): number[] {
  return [...bytes.keys()].filter((at) => bytes[at] === NEWLINE);
}

/** Bytes near a newline in value are the ones that arithmetic on words could take for one. */
const byte = fc.oneof(fc.constantFrom(NEWLINE, 0x0b, 0x09, 0x00, 0x8a, 0x0d, 0xff), fc.nat(255));

test('both ways find every newline and nothing else', () => {
  const bytes = fc.array(byte, { maxLength: 200 }).map((list) => Uint8Array.from(list));
  fc.assert(
    fc.property(bytes, fc.nat(20), (all, start) => {
      const some = all.subarray(start);
      for (const find of [findNewlines, findOneByOne])
        assert.deepEqual([...found.subarray(0, find(some))], plainly(some));
    }),
    { numRuns: shareOf(2_000) },
  );
});

test('a chunk may be nothing but newlines, and what an earlier one left is not found again', () => {
  for (const find of [findNewlines, findOneByOne]) {
    assert.equal(find(new Uint8Array(CHUNK_BYTES).fill(NEWLINE)), CHUNK_BYTES);
    for (const length of [0, 1, 15, 16, 17, CHUNK_BYTES - 1, CHUNK_BYTES])
      assert.equal(find(new Uint8Array(length)), 0, `${length} bytes`);
  }
});
