/** Input that was good, changed: what a generator would not think of. */
import assert from 'node:assert/strict';
import type { Random } from '../support/random.ts';

/** Texts that have broken other programs. */
const TOKENS = [
  ...['__proto__', 'constructor', 'prototype', 'toString', '{"__proto__":{"polluted":1}}'],
  ...['null', 'true', '1e400', '-0', '9007199254740993', '0.1e-7', '00', '1e', '-', '+1', 'NaN'],
  ...['\\ud800', '\\udc00\\ud800', '\\u0000', '\ufeff', '\u2028', '😀', '\\', '\\u12'],
  ...['"', "'", '`', '{', '}', '[', ']', ',', ':', '\n', '\r\n', '\t', '\0', '%', '%00', '%ff'],
  ...['../../etc/passwd', '[[[[[[[[', '{"a":{"a":{"a":', '"product_id":', '"timestamp":1e3'],
].map((text) => Buffer.from(text));

const NUMBERS = [0, 1, -1, 127, 128, 255, 0x7fff, 0xffff, 0x7fff_ffff, -0x8000_0000, 0x1_0000];

type Change = (bytes: Buffer, random: Random) => Buffer;

const CHANGES: Change[] = [
  (bytes, random) => bytes.subarray(0, random.int(0, bytes.length)),
  (bytes, random) => bytes.subarray(random.int(0, bytes.length)),
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    for (let n = random.int(1, 4); n > 0 && copy.length > 0; n--)
      copy[random.int(0, copy.length - 1)] ^= 1 << random.int(0, 7);
    return copy;
  },
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    if (copy.length >= 4) copy.writeInt32BE(random.pick(NUMBERS), random.int(0, copy.length - 4));
    return copy;
  },
  (bytes, random) => spliced(bytes, random, random.pick(TOKENS)),
  (bytes, random) => {
    const from = random.int(0, bytes.length);
    const piece = bytes.subarray(from, from + random.int(1, 40));
    const times = random.chance(0.1) ? random.int(50, 500) : random.int(1, 3);
    return spliced(bytes, random, Buffer.concat(Array(times).fill(piece)));
  },
  (bytes, random) => {
    const noise = Buffer.from(Array.from({ length: random.int(1, 9) }, () => random.int(0, 255)));
    return spliced(bytes, random, noise);
  },
];

/** Puts `piece` somewhere, over some bytes or none. */
function spliced(bytes: Buffer, random: Random, piece: Buffer): Buffer {
  const at = random.int(0, bytes.length);
  const over = random.chance(0.5) ? random.int(0, 12) : 0;
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + over)]);
}

/** One to three changes. */
export function mutated(bytes: Uint8Array, random: Random): Buffer {
  let found: Buffer = Buffer.from(bytes);
  for (let n = random.int(1, 3); n > 0; n--) found = random.pick(CHANGES)(found, random);
  return found;
}

/** Nothing that was read may have changed what every object has. */
export function mustBeClean(): void {
  assert.deepEqual(Object.keys(Object.prototype), []);
  assert.equal(({} as { polluted?: number }).polluted, undefined);
  assert.deepEqual(Object.keys(Array.prototype), []);
}

/** What `act` throws must have a code of the table; its result, or null. */
export function known<T>(act: () => T, where: string): T | null {
  try {
    return act();
  } catch (error) {
    mustBeKnown(error, where);
    return null;
  }
}

export function mustBeKnown(error: unknown, where: string): void {
  const { name, code, stack } = error as Error & { code?: string };
  assert.ok(name === 'ClickrateError' && code !== 'internal', `${where}: ${stack}`);
}
