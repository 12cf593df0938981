/** Buffers for answers: which is taken, how large, and how many are kept. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isInMemory, ownPartOf, partOf } from '../../src/code-memory.ts';
import { LIMITS } from '../../src/config.ts';
import { AnswerBuffers, answerBuffers } from '../../src/sources/kafka/buffers.ts';

const USUAL = 100_000;

test('usual ones lie in the memory of code, and the one given back last is taken first', () => {
  const buffers = new AnswerBuffers(USUAL, 0);
  const [a, b] = [buffers.take(USUAL), buffers.take(10)];
  for (const buffer of [a, b]) {
    assert.ok(isInMemory(buffer));
    // A full answer leaves room behind it.
    assert.ok(buffer.length > USUAL);
  }
  assert.ok(a.byteOffset + a.length <= b.byteOffset);
  buffers.give(a);
  buffers.give(b);
  assert.equal(buffers.take(1), b);
  assert.equal(buffers.take(USUAL), a);
});

test('larger ones are kept up to a limit, and one that is too small makes room', () => {
  const buffers = new AnswerBuffers(USUAL, 5 * USUAL);
  const [a, b, c] = [1.5, 1.5, 1.5].map((times) => buffers.take(times * USUAL)) as Buffer[];
  for (const buffer of [a, b, c]) {
    assert.ok(!isInMemory(buffer) && buffer.length > 1.5 * USUAL);
    buffers.give(buffer);
  }
  // Two fit the limit; the third went.
  assert.equal(buffers.take(1.2 * USUAL), b);
  const larger = buffers.take(3 * USUAL);
  assert.ok(larger !== a && larger.length > 3 * USUAL);
  buffers.give(larger);
  assert.equal(buffers.take(2 * USUAL), larger);
  assert.ok(![a, b, c].includes(buffers.take(1.5 * USUAL)));
});

test('those of all lanes fit what is asked for, and free ones have a limit together', () => {
  const usual = answerBuffers.take(LIMITS.fetchBytes);
  assert.ok(isInMemory(usual));
  answerBuffers.give(usual);
  const many = Array.from({ length: 100 }, () => answerBuffers.take(2 * LIMITS.fetchBytes));
  for (const buffer of many) answerBuffers.give(buffer);
  const again = many.map(({ length }) => answerBuffers.take(length - LIMITS.fetchBytes / 2));
  const kept = again.filter((buffer) => many.includes(buffer));
  const bytes = kept.reduce((sum, { length }) => sum + length, 0);
  assert.ok(bytes <= LIMITS.freeAnswerBytes, `${bytes} bytes`);
  assert.ok(bytes > LIMITS.freeAnswerBytes - many[0]!.length, `${bytes} bytes`);
});

test('where the memory of code is used up others serve, and its parts are told to be none', () => {
  const buffers = new AnswerBuffers(USUAL, 10 * USUAL);
  const near: Buffer[] = [];
  let buffer = buffers.take(USUAL);
  for (; isInMemory(buffer); buffer = buffers.take(USUAL)) near.push(buffer);
  assert.ok(near.length > 200, `${near.length} in 32 MiB`);
  assert.equal(partOf(USUAL), null);
  assert.throws(() => ownPartOf(USUAL), /no 100000 bytes left/);
  assert.ok(buffer.length > USUAL);
  buffers.give(buffer);
  assert.equal(buffers.take(USUAL), buffer);
  // Those of the memory of code come first again.
  buffers.give(buffer);
  buffers.give(near[0]!);
  assert.equal(buffers.take(USUAL), near[0]);
});
