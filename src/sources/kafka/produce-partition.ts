/**
 * The partition of a key as Java's client chooses it (murmur2, made positive), so that events of
 * other producers meet ours. The library's own default differs for half of all keys.
 */

const SEED = 0x9747b28c;
const FACTOR = 0x5bd1e995;

/** Java's `Utils.murmur2` of `bytes[start, end)`, as a signed 32-bit number. */
export function murmur2(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  const wordsEnd = end - (length & 3);
  let hash = SEED ^ length;
  let at = start;
  for (; at < wordsEnd; at += 4) {
    let word = Math.imul(
      bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24),
      FACTOR,
    );
    word = Math.imul(word ^ (word >>> 24), FACTOR);
    hash = Math.imul(hash, FACTOR) ^ word;
  }
  if (at < end) {
    for (let n = end - 1; n >= at; n--) hash ^= bytes[n] << (8 * (n - at));
    hash = Math.imul(hash, FACTOR);
  }
  hash = Math.imul(hash ^ (hash >>> 13), FACTOR);
  return hash ^ (hash >>> 15);
}

/** The partition of the key `bytes[start, end)` among `partitions`. */
export function partitionOf(
  bytes: Uint8Array,
  start: number,
  end: number,
  partitions: number,
): number {
  return (murmur2(bytes, start, end) & 0x7fff_ffff) % partitions;
}
