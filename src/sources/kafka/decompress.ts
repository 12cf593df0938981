/**
 * The codecs of record batches. What they make has a limit, so that no batch fills the memory: the
 * size is read, or bounded, before the codecs that take no limit of their own begin.
 */
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { compressionsAlgorithms } from '@platformatic/kafka';

/** Largest size of a batch once decompressed. */
export const MAX_DECOMPRESSED_BYTES = 134_217_728;

const { snappy, lz4 } = compressionsAlgorithms;
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEAD_BYTES = 16;
const LZ4_MAGIC = 0x184d2204;
const options = { maxOutputLength: MAX_DECOMPRESSED_BYTES };

/** The records of a compressed batch; throws what the codec says, and on an unknown codec. */
export function decompress(codec: number, bytes: Buffer): Uint8Array {
  switch (codec) {
    case 1:
      return gunzipSync(bytes, options);
    case 2:
      return unsnappied(bytes);
    case 3:
      mustFit(lz4Bound(bytes));
      return lz4.decompressSync(bytes);
    case 4:
      return zstdDecompressSync(bytes, options);
    default:
      throw new Error(`unknown compression codec ${codec}`);
  }
}

function mustFit(size: number): void {
  if (!(size <= MAX_DECOMPRESSED_BYTES))
    throw new Error(`it would take more than ${MAX_DECOMPRESSED_BYTES} bytes decompressed`);
}

/** Raw snappy, or the framing of the Java clients: chunks with their lengths in front. */
function unsnappied(bytes: Buffer): Uint8Array {
  if (!bytes.subarray(0, XERIAL.length).equals(XERIAL)) {
    mustFit(snappySize(bytes));
    return snappy.decompressSync(bytes);
  }
  let size = 0;
  for (let at = XERIAL_HEAD_BYTES; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    size += snappySize(bytes.subarray(at + 4, at + 4 + length));
    mustFit(size);
    at += 4 + length;
  }
  return snappy.decompressSync(bytes);
}

/** Snappy begins with the size of what it holds. */
function snappySize(bytes: Buffer): number {
  let size = 0;
  for (let n = 0; n < 5; n++) {
    const byte = bytes[n];
    if (byte === undefined) break;
    size += (byte & 0x7f) * 2 ** (7 * n);
    if (byte < 0x80) return size;
  }
  throw new Error('a snappy block without its size');
}

/** What an LZ4 frame may hold at most: its number of blocks × their largest size. */
function lz4Bound(bytes: Buffer): number {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== LZ4_MAGIC) throw new Error('no LZ4 frame');
  const flags = bytes[4];
  const blockBytes = 2 ** (8 + 2 * ((bytes[5] >>> 4) & 7));
  // Content size and dictionary id are optional; then a byte of checksum.
  let at = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0);
  let size = 0;
  for (;;) {
    const block = bytes.readUInt32LE(at) & 0x7fff_ffff;
    if (block === 0) return size;
    size += blockBytes;
    at += 4 + block + (flags & 0x10 ? 4 : 0);
  }
}
