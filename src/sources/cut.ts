/**
 * Cuts the bytes of files into batches of records. An offset is a record's place in all (unpacked)
 * bytes, so it rises over the files.
 */
import type { Limits } from '../config.ts';
import { type RecordBatch, recordBatch } from '../event.ts';
import { MARK_BYTES, markOf } from '../text-bytes.ts';
import { chunksOf, type Progress, type SizedFile } from './bytes.ts';
import type { Splitter } from './split.ts';

/**
 * A line longer than this is not held whole: its beginning is judged (too large), the rest skipped.
 */
const MAX_LINE_BYTES = 16_777_216;
/**
 * Read at a time: with its copy among the held bytes it fits a processor's second cache. A megabyte
 * took a quarter more CPU an event, in the kernel's copy; less takes more steps.
 */
const FILE_READ_BYTES = 262_144;
const NEWLINE = 0x0a;

export type Cut = {
  /** Used again for the next cut, as its bytes are. */
  batch: RecordBatch;
  /** Offset behind the bytes of this cut. */
  next: number;
};

export type CutParts = {
  files: readonly SizedFile[];
  splitter: Splitter;
  limits: Limits;
  progress: Progress;
};

/**
 * The records from offset `from` on, and some before it where a file has to be read from its
 * beginning (gzip, CSV).
 */
export async function* cuts(parts: CutParts, from: number): AsyncGenerator<Cut, void> {
  const { files, splitter, limits } = parts;
  const batch = recordBatch(
    new Uint8Array(0),
    Math.max(splitter.recordsPerCut, limits.batchRecords),
  );
  const place = { base: 0 };
  for (const file of files) {
    const behind = file.isGzip ? 0 : Math.max(0, from - place.base);
    if (behind >= file.size) {
      place.base += file.size;
      parts.progress.bytesRead += file.size;
      continue;
    }
    const start = splitter.needsBegin ? 0 : behind;
    place.base += start;
    yield* cutsOfFile(parts, file, start, batch, place);
  }
}

/** The records of one file from byte `start` on; moves `place.base` over what was cut. */
async function* cutsOfFile(
  { splitter, limits, progress }: CutParts,
  file: SizedFile,
  start: number,
  batch: RecordBatch,
  place: { base: number },
): AsyncGenerator<Cut, void> {
  const held = new Held();
  const chunkBytes = Math.min(FILE_READ_BYTES, limits.batchBytes);
  const chunks = chunksOf(file, start, chunkBytes, progress);
  let isBegin = start === 0;
  splitter.begin();
  try {
    // One chunk ahead, so that the last one is known to be the last.
    let ahead = await chunks.next();
    while (ahead.done !== true) {
      held.add(ahead.value);
      ahead = await chunks.next();
      if (isBegin) {
        if (held.bytes.length < MARK_BYTES && ahead.done !== true) continue;
        isBegin = false;
        const size = markOf(held.bytes);
        held.take(size);
        place.base += size;
      }
      yield* cutsOfHeld(splitter, held, ahead.done === true, batch, place);
      if (held.bytes.length <= MAX_LINE_BYTES) continue;
      let skipped = held.bytes.length;
      let newline = -1;
      while (ahead.done !== true) {
        newline = ahead.value.indexOf(NEWLINE);
        if (newline >= 0) break;
        skipped += ahead.value.length;
        ahead = await chunks.next();
      }
      const { base } = place;
      place.base += skipped + newline + 1;
      yield { batch: overlong(held.bytes, base, batch), next: place.base };
      held.take(held.bytes.length);
      if (ahead.done !== true) ahead.value = ahead.value.subarray(newline + 1);
    }
  } finally {
    await chunks.return();
  }
}

/** Whole records of what is held; what remains waits for more bytes. */
function* cutsOfHeld(
  splitter: Splitter,
  held: Held,
  isLast: boolean,
  batch: RecordBatch,
  place: { base: number },
): Generator<Cut, void> {
  for (let used = -1; used !== 0; ) {
    const { bytes } = held;
    batch.count = 0;
    used = splitter.split(bytes, place.base, isLast, batch);
    batch.bytes = splitter.output ?? bytes;
    place.base += used;
    held.take(used);
    if (batch.count > 0) yield { batch, next: place.base };
  }
}

/**
 * Bytes not cut yet, in one buffer that is used again: the batch before was applied, or nothing
 * would have been asked for.
 */
class Held {
  bytes: Uint8Array = new Uint8Array(0);
  #buffer: Uint8Array = new Uint8Array(0);

  add(chunk: Uint8Array): void {
    const before = this.bytes.length;
    const size = before + chunk.length;
    // The old bytes may lie further on in the same buffer; `set` moves them rightly.
    const into = size <= this.#buffer.length ? this.#buffer : new Uint8Array(size * 2);
    into.set(this.bytes);
    into.set(chunk, before);
    this.#buffer = into;
    this.bytes = into.subarray(0, size);
  }

  take(size: number): void {
    this.bytes = this.bytes.subarray(size);
  }
}

/** One record: the beginning of a line that never ends. */
function overlong(bytes: Uint8Array, offset: number, batch: RecordBatch): RecordBatch {
  batch.bytes = bytes;
  batch.count = 1;
  batch.starts[0] = 0;
  batch.ends[0] = bytes.length;
  batch.offsets[0] = offset;
  return batch;
}
