/** Keys as runs of bytes: how they are hashed and compared, several bytes at a time. */

/**
 * Whether two runs of `length` bytes of UTF-8 are the same: eight bytes at a time, then the last
 * ones, which overlap. As doubles no eight bytes of UTF-8 are a NaN (0x7f or 0xff behind 0xf0 or
 * more) or -0 (0x80 behind a zero), so doubles are equal where bytes are.
 */
export function isEqual(
  aBytes: Uint8Array,
  a: DataView,
  aStart: number,
  bBytes: Uint8Array,
  b: DataView,
  bStart: number,
  length: number,
): boolean {
  if (length < 8) {
    for (let n = 0; n < length; n++) if (aBytes[aStart + n] !== bBytes[bStart + n]) return false;
    return true;
  }
  const last = (length - 8) | 0;
  for (let n = 0; n < last; n = (n + 8) | 0)
    if (a.getFloat64((aStart + n) | 0, true) !== b.getFloat64((bStart + n) | 0, true)) return false;
  return a.getFloat64((aStart + last) | 0, true) === b.getFloat64((bStart + last) | 0, true);
}

export const FIRST_MIX = 0x9e3779b1;
export const LAST_MIX = 0x85ebca6b;

/**
 * Murmur-like mix over little-endian words, begun from a seed that clients do not know. Each word
 * is multiplied twice: after one multiplication a change of a high bit shows as the same difference
 * whatever the seed, which the next word can undo, so that ids could be chosen that collide.
 * `compile.ts` mixes the same on its way. Returns a signed 32-bit integer.
 */
export function hashOf(
  seed: number,
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
): number {
  let hash = seed | 0;
  let p = start;
  for (; p + 4 <= end; p += 4) {
    hash = Math.imul(hash ^ view.getInt32(p, true), FIRST_MIX);
    hash = Math.imul(hash ^ (hash >>> 15), LAST_MIX);
  }
  let last = (end - start) << 24;
  for (let shift = 0; p < end; p++, shift += 8) last ^= bytes[p] << shift;
  hash = Math.imul(hash ^ last, LAST_MIX);
  return hash ^ (hash >>> 13);
}
