/** Ingest's view of decode: which records cannot be used, judged without a dictionary. */
import { LIMITS, type Settings } from '../config.ts';
import { type Reason, type RecordSlices, recordBatch, type Unusable, VERDICTS } from '../event.ts';
import { eventBatch } from './columns.ts';
import { explain } from './explain.ts';
import { Decoder } from './scan.ts';

/** Rows judged at once. */
const ROWS = 1024;
const noDictionary = { seed: 0, find: () => 0, lookUp: () => true };

/** Stands for each item that is counted and not described: a body may hold many. */
const MORE: Unusable = { index: -1, reason: 'not_json', message: 'and more' };

/**
 * A judge with columns of its own: `judge(records, arrivalMs)` lists what cannot be used. The first
 * `described` items have their place, reason and sentence; the others only count.
 */
export function createJudge(settings: Settings, described = LIMITS.listedItems) {
  const decoder = new Decoder(noDictionary, settings, new Uint32Array(4));
  const events = eventBatch(ROWS);
  return (records: RecordSlices, arrivalMs: number): Unusable[] => {
    const unusable: Unusable[] = [];
    const batch = recordBatch(records.bytes, 0);
    batch.arrivals = new Float64Array(ROWS).fill(arrivalMs);
    for (let first = 0; first < records.count; first += ROWS) {
      const count = Math.min(ROWS, records.count - first);
      batch.count = count;
      batch.starts = records.starts.subarray(first, first + count);
      batch.ends = records.ends.subarray(first, first + count);
      decoder.decode(batch, 0, count, events);
      for (let i = 0; i < count; i++) {
        if (events.reject[i] === 0) continue;
        if (unusable.length >= described) {
          unusable.push(MORE);
          continue;
        }
        const reason = VERDICTS[events.reject[i]] as Reason;
        const [start, end] = [batch.starts[i], batch.ends[i]];
        const message = explain(reason, records.bytes, start, end, arrivalMs, settings);
        unusable.push({ index: first + i, reason, message });
      }
    }
    return unusable;
  };
}
