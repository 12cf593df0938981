/**
 * Keyed 128-bit hash of event ids, in 32-bit integers: the rounds of HalfSipHash-1-3 (Aumasson and
 * Bernstein, "SipHash: a fast short-input PRF", and its reference code) over a state keyed by 128
 * bits, all of which is the output: it is compared, never shown. Keyed, so that nobody can choose
 * ids that collide.
 */

/**
 * Hashes `bytes[start, end)` into `out[at .. at+3]`.
 * @param key four words, drawn at random once a task
 */
export function hashId(
  bytes: Uint8Array,
  start: number,
  end: number,
  key: Uint32Array,
  out: Uint32Array,
  at: number,
): void {
  let v0 = key[0] | 0;
  let v1 = key[1] | 0;
  let v2 = key[2] ^ 0x6c796765;
  let v3 = key[3] ^ 0x74656462;
  const length = end - start;
  const whole = start + (length & ~3);
  let p = start;
  let last = (length << 24) | 0;
  // One round a word, one for the last bytes and the length, three to finish.
  for (let rest = (length >>> 2) + 4, word = 0; rest > 0; rest--) {
    if (p < whole) {
      word = bytes[p] | (bytes[p + 1] << 8) | (bytes[p + 2] << 16) | (bytes[p + 3] << 24);
      p += 4;
    } else {
      for (let shift = 0; p < end; p++, shift += 8) last |= bytes[p] << shift;
      word = last;
      last = 0;
      if (rest === 3) v2 ^= 0xff;
    }
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = (v1 << 5) | (v1 >>> 27);
    v1 ^= v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = (v3 << 8) | (v3 >>> 24);
    v3 ^= v2;
    v0 = (v0 + v3) | 0;
    v3 = (v3 << 7) | (v3 >>> 25);
    v3 ^= v0;
    v2 = (v2 + v1) | 0;
    v1 = (v1 << 13) | (v1 >>> 19);
    v1 ^= v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  out[at] = v0;
  out[at + 1] = v1;
  out[at + 2] = v2;
  out[at + 3] = v3;
}
