/** The bytes of files, one after the other, gunzipped where they are gzip. */
import { closeSync, createReadStream, openSync, readSync, statSync } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { ClickrateError, messageOf } from '../errors.ts';

const CHUNK_BYTES = 1_048_576;

/** How far the files are read, in bytes as they lie on disk. */
export type Progress = { bytesRead: number; bytesTotal: number };

export type SizedFile = { name: string; size: number };

/** Sizes of the files; throws `file_unreadable` naming the one that cannot be read. */
export function sized(files: readonly string[]): SizedFile[] {
  return files.map((name) => {
    try {
      const stats = statSync(name);
      if (stats.isDirectory()) throw new Error('it is a directory');
      closeSync(openSync(name, 'r'));
      return { name, size: stats.size };
    } catch (error) {
      throw unreadable(name, error);
    }
  });
}

function unreadable(name: string, error: unknown): ClickrateError {
  return new ClickrateError('file_unreadable', `cannot read ${name}: ${messageOf(error)}`);
}

/** The chunks of one file; each may be overwritten when the next one is asked for. */
export async function* chunksOf(name: string, progress: Progress): AsyncGenerator<Uint8Array> {
  try {
    if (isGzip(name)) yield* gunzipped(name, progress);
    else yield* plain(name, progress);
  } catch (error) {
    throw error instanceof ClickrateError ? error : unreadable(name, error);
  }
}

function* plain(name: string, progress: Progress): Generator<Uint8Array> {
  const file = openSync(name, 'r');
  const chunk = new Uint8Array(CHUNK_BYTES);
  try {
    for (;;) {
      const size = readSync(file, chunk, 0, chunk.length, null);
      if (size === 0) return;
      progress.bytesRead += size;
      yield chunk.subarray(0, size);
    }
  } finally {
    closeSync(file);
  }
}

async function* gunzipped(name: string, progress: Progress): AsyncGenerator<Uint8Array> {
  const file = createReadStream(name, { highWaterMark: CHUNK_BYTES });
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
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

function isGzip(name: string): boolean {
  const file = openSync(name, 'r');
  try {
    const magic = new Uint8Array(2);
    return readSync(file, magic, 0, 2, 0) === 2 && magic[0] === 0x1f && magic[1] === 0x8b;
  } finally {
    closeSync(file);
  }
}
