/** Orders the records of files by their time, in memory. */
import type { Limits } from '../config.ts';
import { ClickrateError } from '../errors.ts';
import { copyOf, recordBatch } from '../event.ts';
import type { Cut } from './cut.ts';

const MAX_SORTED_BYTES = 1_073_741_824;
const utf8 = new TextDecoder();

/** Records kept by the cut they came in; a column a property, one row a record. */
type Kept = {
  count: number;
  chunks: Uint8Array[];
  chunk: Uint32Array;
  start: Uint32Array;
  end: Uint32Array;
  time: Float64Array;
};

/**
 * All records, stably ordered by time; one without a readable time keeps its place behind the
 * record before it. Offsets become places in the new order. Throws `file_unreadable` when they
 * have more than `maxBytes`.
 */
export async function* sortByTime(
  cuts: AsyncIterable<Cut>,
  limits: Limits,
  maxBytes = MAX_SORTED_BYTES,
): AsyncGenerator<Cut, void> {
  const kept = await collected(cuts, maxBytes);
  const { time, count } = kept;
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  // Stable, also where both are -Infinity: what is no number counts as 0.
  order.sort((a, b) => time[a] - time[b]);
  for (let from = 0; from < count; ) {
    const cut = nextCut(kept, order, from, limits);
    yield cut;
    from = cut.next;
  }
}

/** A batch of the records from place `from` on. */
function nextCut(kept: Kept, order: Uint32Array, from: number, limits: Limits): Cut {
  const { start, end } = kept;
  let to = from;
  let size = 0;
  while (to < kept.count && to - from < limits.batchRecords) {
    const length = end[order[to]] - start[order[to]];
    if (to > from && size + length > limits.batchBytes) break;
    size += length;
    to++;
  }
  const batch = recordBatch(new Uint8Array(size), to - from);
  let at = 0;
  for (let place = from; place < to; place++) {
    const n = order[place];
    const i = batch.count++;
    batch.bytes.set(kept.chunks[kept.chunk[n]].subarray(start[n], end[n]), at);
    batch.starts[i] = at;
    at += end[n] - start[n];
    batch.ends[i] = at;
    batch.offsets[i] = place;
  }
  return { batch, next: to };
}

async function collected(cuts: AsyncIterable<Cut>, maxBytes: number): Promise<Kept> {
  const kept = keptWithRoom(1_024);
  let total = 0;
  let time = -Infinity;
  for await (const { batch } of cuts) {
    const { bytes, starts, ends, count } = batch;
    if (kept.count + count > kept.time.length) enlarge(kept, kept.count + count);
    const first = starts[0];
    const last = ends[count - 1];
    total += last - first;
    if (total > maxBytes) throw tooMuch(maxBytes);
    kept.chunks.push(copyOf(bytes, first, last));
    for (let i = 0; i < count; i++) {
      const n = kept.count++;
      kept.chunk[n] = kept.chunks.length - 1;
      kept.start[n] = starts[i] - first;
      kept.end[n] = ends[i] - first;
      time = timeOf(bytes.subarray(starts[i], ends[i])) ?? time;
      kept.time[n] = time;
    }
  }
  return kept;
}

function tooMuch(maxBytes: number): ClickrateError {
  return new ClickrateError(
    'file_unreadable',
    `the files have more than ${maxBytes} bytes of events: too much to sort in memory; ` +
      'sort them first',
  );
}

function keptWithRoom(room: number): Kept {
  return {
    count: 0,
    chunks: [],
    chunk: new Uint32Array(room),
    start: new Uint32Array(room),
    end: new Uint32Array(room),
    time: new Float64Array(room),
  };
}

function enlarge(kept: Kept, least: number): void {
  const larger = keptWithRoom(Math.max(least, kept.time.length * 2));
  for (const name of ['chunk', 'start', 'end', 'time'] as const) {
    larger[name].set(kept[name]);
    (kept as Record<typeof name, unknown>)[name] = larger[name];
  }
}

function timeOf(bytes: Uint8Array): number | null {
  try {
    const { timestamp } = JSON.parse(utf8.decode(bytes)) as { timestamp?: unknown };
    return typeof timestamp === 'number' ? timestamp : null;
  } catch {
    return null;
  }
}
