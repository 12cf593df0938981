/** The checkpoint part of a block of products: a form byte, then slot, length and key of each. */
import { isUtf8 } from 'node:buffer';
import { blockShiftOf } from './columns.ts';

const FORM = 1;
const HEAD = 4;
/** The largest blocks that there ever were. */
const MOST_SLOTS = 1 << blockShiftOf(1);

/** A living product of the block: its place there, and the bytes of its product id. */
export type PartEntry = { slot: number; key: Uint8Array };

/** @param entries with rising slots */
export function writePart(entries: readonly PartEntry[]): Uint8Array {
  const size = entries.reduce((sum, { key }) => sum + HEAD + key.length, 1);
  const bytes = new Uint8Array(size);
  bytes[0] = FORM;
  let at = 1;
  for (const { slot, key } of entries) {
    bytes[at] = slot & 0xff;
    bytes[at + 1] = slot >>> 8;
    bytes[at + 2] = key.length & 0xff;
    bytes[at + 3] = key.length >>> 8;
    bytes.set(key, at + HEAD);
    at += HEAD + key.length;
  }
  return bytes;
}

/** The entries of a part, or null when it is not exactly what `writePart` writes. */
export function readPart(bytes: Uint8Array): PartEntry[] | null {
  if (bytes[0] !== FORM || bytes.length === 1) return null;
  const entries: PartEntry[] = [];
  let before = -1;
  for (let at = 1; at < bytes.length; ) {
    if (at + HEAD > bytes.length) return null;
    const slot = bytes[at] | (bytes[at + 1] << 8);
    const length = bytes[at + 2] | (bytes[at + 3] << 8);
    const key = bytes.subarray(at + HEAD, at + HEAD + length);
    if (slot <= before || slot >= MOST_SLOTS) return null;
    if (length === 0 || key.length !== length || !isUtf8(key)) return null;
    entries.push({ slot, key });
    before = slot;
    at += HEAD + length;
  }
  return entries;
}
