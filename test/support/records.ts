/** Record batches out of a few records. */
import { type RecordBatch, recordBatch } from '../../src/event.ts';

/** A record batch of the given records; offsets count up from `offset`. */
export function recordsOf(
  records: readonly (string | Uint8Array)[],
  arrivalMs: number,
  offset = 0,
): RecordBatch {
  const encoder = new TextEncoder();
  const parts = records.map((r) => (typeof r === 'string' ? encoder.encode(r) : r));
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const batch = recordBatch(new Uint8Array(size), parts.length);
  let at = 0;
  for (const part of parts) {
    const i = batch.count++;
    batch.bytes.set(part, at);
    batch.starts[i] = at;
    at += part.length;
    batch.ends[i] = at;
    batch.arrivals[i] = arrivalMs;
    batch.offsets[i] = offset + i;
  }
  return batch;
}
