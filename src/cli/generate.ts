/** `clickrate generate`: traffic into a file, and the truth about it. */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { ClickrateError, messageOf } from '../errors.ts';
import type { RecordBatch } from '../event.ts';
import { Generator, type GeneratorOptions, type Truth } from '../sources/generate.ts';
import { Progress } from './progress.ts';

/** Events written at once. */
const BATCH = 8_192;

export type GenerateOptions = {
  events: number;
  /** NDJSON; gzip when the name ends in .gz; `-` is standard output. */
  out: string;
  truth?: string;
  startMs: number;
  generator: Partial<GeneratorOptions>;
};

/** Writes `events` good events (with their duplicates and broken records); returns the truth. */
export function generateCommand(options: GenerateOptions): Truth {
  const generator = new Generator(options.startMs, options.generator);
  const progress = new Progress(process.stderr);
  const file = options.out === '-' ? 1 : opened(options.out);
  const isGzip = options.out.endsWith('.gz');
  try {
    // Events come one a slot, and two of three click tries or less become none.
    while (generator.events < options.events) {
      const left = options.events - generator.events;
      writeLines(file, generator.next(Infinity, Math.min(BATCH, left)), isGzip);
      progress.show({ bytesRead: generator.events, bytesTotal: options.events });
    }
    writeLines(file, generator.rest(), isGzip);
  } finally {
    if (file !== 1) closeSync(file);
  }
  progress.end();
  const truth = generator.truth();
  if (options.truth !== undefined) writeFileSync(options.truth, `${JSON.stringify(truth)}\n`);
  return truth;
}

function opened(name: string): number {
  try {
    return openSync(name, 'w');
  } catch (error) {
    throw new ClickrateError('file_unreadable', `cannot write ${name}: ${messageOf(error)}`);
  }
}

/** Gzip files may be made of members, so each batch is one. */
function writeLines(file: number, batch: RecordBatch, isGzip: boolean): void {
  if (batch.count === 0) return;
  const size = batch.ends[batch.count - 1] + batch.count;
  const lines = new Uint8Array(size);
  let at = 0;
  for (let i = 0; i < batch.count; i++) {
    const record = batch.bytes.subarray(batch.starts[i], batch.ends[i]);
    lines.set(record, at);
    at += record.length;
    lines[at++] = 0x0a;
  }
  const bytes = isGzip ? gzipSync(lines.subarray(0, at)) : lines.subarray(0, at);
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
}
