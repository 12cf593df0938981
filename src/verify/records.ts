/**
 * The records of files as the oracle reads them. NDJSON is cut in its own plain way, so that a
 * fault in the engine's source is seen; CSV has to become events first, which the source does.
 */
import { closeSync, createReadStream, openSync, readSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { systemClock } from '../clock.ts';
import { LIMITS } from '../config.ts';
import { unreadable } from '../errors.ts';
import { copyOf } from '../event.ts';
import type { CsvMapping } from '../sources/csv.ts';
import { FileSource } from '../sources/file.ts';
import { mustBePadding } from '../sources/padding.ts';
import type { LogRecord } from './oracle.ts';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

export type Files = { files: readonly string[]; csv?: CsvMapping; sort: boolean };

/**
 * All records in memory, with the places they have over all unpacked bytes. `arrivalMs` (epoch
 * milliseconds) is when they arrive. Rejects with `file_unreadable`.
 */
export async function readRecords(input: Files, arrivalMs: number): Promise<LogRecord[]> {
  if (input.csv !== undefined || input.sort) return fromSource(input, arrivalMs);
  const records: LogRecord[] = [];
  let base = 0;
  for (const file of input.files) {
    const bytes = await unpacked(file);
    const isMarked = bytes.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
    for (let at = isMarked ? BYTE_ORDER_MARK.length : 0; at < bytes.length; ) {
      const newline = bytes.indexOf(NEWLINE, at);
      const end = newline < 0 ? bytes.length : newline;
      const last = end > at && bytes[end - 1] === RETURN ? end - 1 : end;
      if (last > at)
        records.push({ offset: base + at, arrivalMs, bytes: bytes.subarray(at, last) });
      at = end + 1;
    }
    base += bytes.length;
  }
  return records;
}

/** By the first two bytes of the content, whatever the name. */
function isGzip(file: string): boolean {
  const fd = openSync(file, 'r');
  try {
    const head = Buffer.alloc(2);
    readSync(fd, head);
    return head.toString('hex') === '1f8b';
  } finally {
    closeSync(fd);
  }
}

async function unpacked(file: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    // Before there is a stream, whose own error nobody would hear if this one throws.
    const gunzip = isGzip(file) ? createGunzip() : null;
    const { size } = statSync(file);
    const raw: Readable = createReadStream(file);
    const plain = gunzip === null ? raw : raw.pipe(gunzip);
    raw.once('error', (error) => plain.destroy(error));
    for await (const chunk of plain) chunks.push(chunk as Buffer);
    if (gunzip !== null) mustBePadding(file, gunzip.bytesWritten, size);
  } catch (error) {
    throw unreadable(file, error);
  }
  return Buffer.concat(chunks);
}

async function fromSource(input: Files, arrivalMs: number): Promise<LogRecord[]> {
  const { files, sort, csv } = input;
  const more = csv === undefined ? {} : { csv };
  const source = new FileSource({ files, sort, clock: systemClock, limits: LIMITS, ...more });
  const records: LogRecord[] = [];
  try {
    await source.open([{ offset: null, topicId: null }]);
    while (!source.ended)
      for (const { records: batch } of await source.read([true]))
        for (let i = 0; i < batch.count; i++) {
          const bytes = copyOf(batch.bytes, batch.starts[i], batch.ends[i]);
          records.push({ offset: batch.offsets[i], arrivalMs, bytes });
        }
  } finally {
    await source.close();
  }
  return records;
}
