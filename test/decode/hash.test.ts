import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashId } from '../../src/decode/hash.ts';

const encoder = new TextEncoder();
const hash = (text: string, key = Uint32Array.of(1, 2, 3, 4)) => {
  const bytes = encoder.encode(`xx${text}yy`);
  const out = new Uint32Array(8);
  hashId(bytes, 2, bytes.length - 2, key, out, 4);
  assert.deepEqual([...out.subarray(0, 4)], [0, 0, 0, 0]);
  return [...out.subarray(4)].map((word) => word.toString(16).padStart(8, '0')).join('');
};

test('hashes stay what they are: checkpoints hold them', () => {
  assert.deepEqual(
    ['', 'a', 'abcd', '0123456789abcdef0123456789abcdef'].map((text) => hash(text)),
    GOLDEN,
  );
});

test('lengths, zero bytes, order and key all matter', () => {
  const texts = ['', '\0', '\0\0', '\0\0\0\0', 'a', 'a\0', 'ab', 'ba', 'abcd', 'abcd\0', 'bcda'];
  assert.equal(new Set(texts.map((text) => hash(text))).size, texts.length);
  assert.notEqual(hash('a'), hash('a', Uint32Array.of(1, 2, 3, 5)));
});

test('each bit of the hash is set for about half of the ids, and no two of 200 000 meet', () => {
  const bits = new Float64Array(128);
  const seen = new Set<string>();
  const out = new Uint32Array(4);
  for (let n = 0; n < 200_000; n++) {
    const bytes = encoder.encode(`event-${n}`);
    hashId(bytes, 0, bytes.length, Uint32Array.of(9, 9, 9, 9), out, 0);
    seen.add(out.join());
    for (let bit = 0; bit < 128; bit++) bits[bit] += (out[bit >>> 5] >>> (bit & 31)) & 1;
  }
  assert.equal(seen.size, 200_000);
  for (const [bit, count] of bits.entries())
    assert.ok(Math.abs(count - 100_000) < 1_800, `bit ${bit}: ${count}`);
});

const GOLDEN = [
  'd8a266f1904f6f9579decf087c5f1b93',
  '9ec392f15bcbda0bb9b596a0613a5009',
  '77d4bbcf52e233185a85bec9fe43e988',
  '2c01bfe87d98487210db32cd785d14a6',
];
