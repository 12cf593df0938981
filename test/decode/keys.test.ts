/** The hash of product ids: nobody who does not know the seed finds ids that collide. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashOf } from '../../src/decode/keys.ts';
import { viewOf } from '../../src/text-bytes.ts';
import { Random } from '../support/random.ts';

const BLOCKS = 12;

/** Blocks of two words: the difference of the first pair is such that a second may undo it. */
const CHOICES = [
  // One multiplication of bit 29 leaves it in its place, and a shift by 15 copies it to bit 14.
  ['AAAAA0AA', 'AAAaApAa'],
  // The same with other bits, and without a difference in the second word.
  ['AAAAAAAA', 'AAAaAAAA'],
  ['AAAAAAAA', 'AAAAAaAA'],
] as const;

function largestClass(seed: number, [zero, one]: readonly [string, string]): number {
  const classes = new Map<number, number>();
  let largest = 0;
  for (let n = 0; n < 1 << BLOCKS; n++) {
    const text = Array.from({ length: BLOCKS }, (_, bit) => ((n >> bit) & 1 ? one : zero)).join('');
    const bytes = Buffer.from(text);
    const hash = hashOf(seed, bytes, viewOf(bytes), 0, bytes.length);
    const size = (classes.get(hash) ?? 0) + 1;
    classes.set(hash, size);
    largest = Math.max(largest, size);
  }
  return largest;
}

test('ids made to collide do not, whatever the seed', () => {
  const random = new Random(1);
  for (let round = 0; round < 20; round++) {
    const seed = random.int(0, 0xffff_ffff);
    for (const choice of CHOICES) {
      const largest = largestClass(seed, choice);
      assert.ok(largest <= 8, `${largest} of ${1 << BLOCKS} ids have one hash, seed ${seed}`);
    }
  }
});
