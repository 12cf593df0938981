/** The bytes of files, one chunk after the other, gunzipped where they are gzip. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { crc32c } from '../crc32c.ts';
import { ClickrateError, unreadable } from '../errors.ts';
import { mustBePadding } from './padding.ts';

/** The least zlib takes. */
const LEAST_GUNZIP_BYTES = 64;

/** How far the files are read, in bytes as they lie on disk. */
export type Progress = { bytesRead: number; bytesTotal: number };

/** The first and the last bytes of a file tell it from others of its name and size. */
const END_BYTES = 65_536;

/**
 * A file as it was when the list was made; what is appended later is not read. `sum` is the
 * checksum of its two ends.
 */
export type SizedFile = { name: string; size: number; isGzip: boolean; sum: number };

/** Sizes and kinds of the files; throws `file_unreadable` naming the one that cannot be read. */
export function sized(files: readonly string[]): SizedFile[] {
  return files.map((name) => {
    try {
      return sizedOne(name);
    } catch (error) {
      throw unreadable(name, error);
    }
  });
}

function sizedOne(name: string): SizedFile {
  const file = openSync(name, 'r');
  try {
    const stats = fstatSync(file);
    if (stats.isDirectory()) throw new Error('it is a directory');
    // A pipe cannot be read again from an offset, which is what a resumed replay needs.
    if (!stats.isFile()) throw new Error('it is not a regular file');
    const ends = endsOf(file, stats.size);
    const isGzip = ends[0] === 0x1f && ends[1] === 0x8b;
    return { name, size: stats.size, isGzip, sum: crc32c(ends) };
  } finally {
    closeSync(file);
  }
}

function endsOf(file: number, size: number): Uint8Array {
  const first = Math.min(size, END_BYTES);
  const ends = new Uint8Array(Math.min(size, 2 * END_BYTES));
  for (const [at, from, to] of [
    [0, 0, first],
    [size - (ends.length - first), first, ends.length],
  ])
    if (readSync(file, ends, from, to - from, at) < to - from) throw new Error('it became shorter');
  return ends;
}

/**
 * The chunks of one file, each at most `chunkBytes`, which may be overwritten when the next one is
 * asked for. A plain file is read from byte `from` on, a gzip file from its beginning. Throws
 * `file_unreadable`, also where it is no longer the file of the list.
 */
export async function* chunksOf(
  file: SizedFile,
  from: number,
  chunkBytes: number,
  progress: Progress,
): AsyncGenerator<Uint8Array, void> {
  try {
    const opened = openSync(file.name, 'r');
    try {
      mustBeAsListed(file, opened);
      if (file.isGzip) yield* gunzipped(file, opened, chunkBytes, progress);
      else yield* plain(file, opened, from, chunkBytes, progress);
      // Others may have been written over those that were read.
      mustBeAsListed(file, opened);
    } finally {
      closeSync(opened);
    }
  } catch (error) {
    throw error instanceof ClickrateError ? error : unreadable(file.name, error);
  }
}

/** Its turn may come long after the list was made: logs are rotated meanwhile. */
function mustBeAsListed({ size, sum }: SizedFile, opened: number): void {
  if (crc32c(endsOf(opened, size)) !== sum) throw new Error('it was changed since the start');
}

function* plain(
  { size }: SizedFile,
  opened: number,
  from: number,
  chunkBytes: number,
  progress: Progress,
): Generator<Uint8Array, void> {
  const chunk = new Uint8Array(Math.min(chunkBytes, size));
  progress.bytesRead += from;
  for (let at = from; at < size; ) {
    const length = readSync(opened, chunk, 0, Math.min(chunk.length, size - at), at);
    // Offsets behind it would mean other records at the next start.
    if (length === 0) throw new Error(`it became shorter than its ${size} bytes`);
    at += length;
    progress.bytesRead += length;
    yield chunk.subarray(0, length);
  }
}

async function* gunzipped(
  file: SizedFile,
  opened: number,
  chunkBytes: number,
  progress: Progress,
): AsyncGenerator<Uint8Array, void> {
  const packed = Readable.from(copies(plain(file, opened, 0, chunkBytes, progress)));
  const gunzip = createGunzip({ chunkSize: Math.max(chunkBytes, LEAST_GUNZIP_BYTES) });
  packed.on('error', (error) => gunzip.destroy(error));
  packed.pipe(gunzip);
  try {
    for await (const chunk of gunzip) yield chunk as Uint8Array;
    mustBePadding(file.name, gunzip.bytesWritten, file.size);
  } finally {
    packed.destroy();
  }
}

/** A stream holds on to some, which would be overwritten. */
function* copies(chunks: Iterable<Uint8Array>): Generator<Uint8Array, void> {
  for (const chunk of chunks) yield chunk.slice();
}
