/** The bytes of files, one chunk after the other, gunzipped where they are gzip. */
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { ClickrateError, messageOf } from '../errors.ts';

/** The least zlib takes. */
const LEAST_GUNZIP_BYTES = 64;

/** How far the files are read, in bytes as they lie on disk. */
export type Progress = { bytesRead: number; bytesTotal: number };

/** A file as it was when the list was made; what is appended later is not read. */
export type SizedFile = { name: string; size: number; isGzip: boolean };

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
    const magic = new Uint8Array(2);
    const isGzip = readSync(file, magic, 0, 2, 0) === 2 && magic[0] === 0x1f && magic[1] === 0x8b;
    return { name, size: stats.size, isGzip };
  } finally {
    closeSync(file);
  }
}

function unreadable(name: string, error: unknown): ClickrateError {
  return new ClickrateError('file_unreadable', `cannot read ${name}: ${messageOf(error)}`);
}

/**
 * The chunks of one file, each at most `chunkBytes`, which may be overwritten when the next one is
 * asked for. A plain file is read from byte `from` on, a gzip file from its beginning.
 */
export async function* chunksOf(
  file: SizedFile,
  from: number,
  chunkBytes: number,
  progress: Progress,
): AsyncGenerator<Uint8Array, void> {
  try {
    if (file.isGzip) yield* gunzipped(file, chunkBytes, progress);
    else yield* plain(file, from, chunkBytes, progress);
  } catch (error) {
    throw error instanceof ClickrateError ? error : unreadable(file.name, error);
  }
}

function* plain(
  { name, size }: SizedFile,
  from: number,
  chunkBytes: number,
  progress: Progress,
): Generator<Uint8Array, void> {
  const file = openSync(name, 'r');
  const chunk = new Uint8Array(Math.min(chunkBytes, size));
  progress.bytesRead += from;
  try {
    for (let at = from; at < size; ) {
      const length = readSync(file, chunk, 0, Math.min(chunk.length, size - at), at);
      // Offsets behind it would mean other records at the next start.
      if (length === 0) throw new Error(`it became shorter than its ${size} bytes`);
      at += length;
      progress.bytesRead += length;
      yield chunk.subarray(0, length);
    }
  } finally {
    closeSync(file);
  }
}

async function* gunzipped(
  { name, size }: SizedFile,
  chunkBytes: number,
  progress: Progress,
): AsyncGenerator<Uint8Array, void> {
  const file = createReadStream(name, { highWaterMark: chunkBytes, end: size - 1 });
  const gunzip = createGunzip({ chunkSize: Math.max(chunkBytes, LEAST_GUNZIP_BYTES) });
  file.on('data', (chunk) => {
    progress.bytesRead += chunk.length;
  });
  file.on('error', (error) => gunzip.destroy(error));
  file.pipe(gunzip);
  try {
    for await (const chunk of gunzip) yield chunk as Uint8Array;
  } finally {
    file.destroy();
  }
}
