/** Orders the records of files by their time, in memory. */
import type { Limits } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import { type RecordBatch, recordBatch } from '../event.ts';

const MAX_BYTES = 1_073_741_824;
const utf8 = new TextDecoder();

type Timed = { time: number; bytes: Uint8Array };

/**
 * All records, stably ordered by time; one without a readable time keeps its place behind the
 * record before it. Offsets become places in the new order. Throws `file_unreadable` over 1 GiB.
 */
export async function* sortByTime(
  batches: AsyncGenerator<{ batch: RecordBatch; next: number }>,
  limits: Limits,
): AsyncGenerator<{ batch: RecordBatch; next: number }> {
  const records = await collected(batches);
  records.sort((a, b) => a.time - b.time);
  for (let from = 0; from < records.length; from += limits.batchRecords) {
    const part = records.slice(from, from + limits.batchRecords);
    const size = part.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const batch = recordBatch(new Uint8Array(size), part.length);
    let at = 0;
    for (const { bytes } of part) {
      const i = batch.count++;
      batch.bytes.set(bytes, at);
      batch.starts[i] = at;
      at += bytes.length;
      batch.ends[i] = at;
      batch.offsets[i] = from + i;
    }
    yield { batch, next: from + part.length };
  }
}

async function collected(
  batches: AsyncGenerator<{ batch: RecordBatch; next: number }>,
): Promise<Timed[]> {
  const records: Timed[] = [];
  let total = 0;
  let time = -Infinity;
  for await (const { batch } of batches) {
    for (let i = 0; i < batch.count; i++) {
      const bytes = batch.bytes.slice(batch.starts[i], batch.ends[i]);
      total += bytes.length;
      if (total > MAX_BYTES)
        throw new ClickrateError(
          'file_unreadable',
          'the files have more than 1 GiB of events: too much to sort in memory; sort them first',
        );
      time = timeOf(bytes) ?? time;
      records.push({ time, bytes });
    }
  }
  return records;
}

function timeOf(bytes: Uint8Array): number | null {
  try {
    const { timestamp } = JSON.parse(utf8.decode(bytes)) as { timestamp?: unknown };
    return typeof timestamp === 'number' ? timestamp : null;
  } catch {
    return null;
  }
}
